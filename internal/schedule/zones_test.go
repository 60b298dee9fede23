package schedule

import (
	"archive/zip"
	"bytes"
	"flag"
	"fmt"
	"go/build"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// all makes the sweep of the zones look at every change with every expression, and further
// round it: go test ./internal/schedule -run TestEveryZone -schedule.all
var all = flag.Bool("schedule.all", false, "look at all changes of all zones, not at a sample of each zone's")

// zones returns the zones of the tz database that Go brings along, one of each content.
func zones(t *testing.T) map[string]*time.Location {
	t.Helper()
	archive, err := zip.OpenReader(filepath.Join(build.Default.GOROOT, "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	found := map[string]*time.Location{}
	contents := map[string]bool{}
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if contents[string(data)] {
			continue
		}
		contents[string(data)] = true
		if found[f.Name], err = time.LoadLocationFromTZData(f.Name, bytes.Clone(data)); err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 300 {
		t.Fatalf("only %d zones", len(found))
	}
	return found
}

// changes returns the moments from 1990 to 2037 at which the clocks of a zone are changed.
// It asks Go for nothing but what the clock shows: Go's ZoneBounds have faults.
func changes(zone *time.Location, every time.Duration) []time.Time {
	step := int64(every / time.Second)
	offset := func(unix int64) int { _, o := time.Unix(unix, 0).In(zone).Zone(); return o }
	var found []time.Time
	from, end := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for last := offset(from); from < end; from += step {
		next := offset(from + step)
		if next == last {
			continue
		}
		low, high := from, from+step
		for high-low > 1 {
			if middle := (low + high) / 2; offset(middle) == last {
				low = middle
			} else {
				high = middle
			}
		}
		found = append(found, time.Unix(high, 0).In(zone))
		last = next
	}
	return found
}

// expressions returns cron expressions whose times are near a change.
func expressions(change time.Time) []string {
	_, before := change.Add(-time.Second).Zone()
	old := change.In(time.FixedZone("", before))
	h, m := change.Hour(), change.Minute()
	return []string{
		fmt.Sprintf("%d %d * * *", (m+59)%60, (h+23)%24),
		fmt.Sprintf("%d %d * * *", old.Minute(), old.Hour()),
		fmt.Sprintf("%d %d * * *", (old.Minute()+30)%60, old.Hour()),
		fmt.Sprintf("0,30 %d,%d,%d * * *", h, (h+23)%24, (h+1)%24),
		"*/15 * * * *",
		"7 */2 * * *",
		fmt.Sprintf("*/20 %d * * *", old.Hour()),
		fmt.Sprintf("10 %d %d %d *", old.Hour(), old.Day(), old.Month()),
		fmt.Sprintf("45 0-23 * * %d", old.Weekday()),
		fmt.Sprintf("45 %d 1-7 * %d", (h+23)%24, change.Weekday()),
	}
}

// TestEveryZone compares Spec with the oracle round every change of the clocks of every
// zone from 1990 to 2037: at each with one of the expressions, and with all of them with
// -schedule.all.
func TestEveryZone(t *testing.T) {
	reach, step := 3*time.Hour, 24*time.Hour
	if *all {
		reach, step = 12*time.Hour, 3*time.Hour
	}
	compared, moved, doubled := 0, 0, 0
	turn := 0
	for name, zone := range zones(t) {
		for _, change := range changes(zone, step) {
			texts := expressions(change)
			if !*all {
				turn++
				texts = texts[turn%len(texts):][:1]
			}
			from, to := change.Truncate(time.Minute).Add(-reach), change.Truncate(time.Minute).Add(reach)
			for _, text := range texts {
				want := newOracle(t, text).between(from, to)
				cron, err := ParseCron(text)
				if err != nil {
					t.Fatal(err)
				}
				spec := &Spec{Cron: cron, Zone: zone}
				var got []time.Time
				for e := range spec.Between(from.Add(-time.Second), to.Add(-time.Second)) {
					got = append(got, e.Time)
					switch e.DST {
					case Moved:
						moved++
					case First, Second:
						doubled++
					case Steady:
					}
				}
				compared++
				if !slices.EqualFunc(got, want, time.Time.Equal) {
					t.Fatalf("%s, %s, %q:\n got %v\nwant %v", name, change.UTC(), text, got, want)
				}
			}
		}
	}
	t.Logf("%d comparisons, %d times moved, %d doubled", compared, moved, doubled)
	if compared < 10_000 || moved < 1000 || doubled < 1000 {
		t.Error("that is too little")
	}
}
