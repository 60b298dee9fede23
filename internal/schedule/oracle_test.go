package schedule

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// oracle knows the rule of docs/decisions/0017-own-cron.md in the plainest way: it goes
// through real time minute by minute and looks at the clock on the wall. It has neither
// code nor ideas in common with Spec.
type oracle struct {
	fields [5][60]bool
	stars  [5]bool
	hourly bool
}

// newOracle takes numbers, *, lists, ranges and steps.
func newOracle(t testing.TB, text string) *oracle {
	o := &oracle{}
	limits := [5][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 6}}
	for i, f := range strings.Fields(text) {
		o.stars[i] = f[0] == '*'
		for part := range strings.SplitSeq(f, ",") {
			body, stepText, stepped := strings.Cut(part, "/")
			step := 1
			if stepped {
				step = atoi(t, stepText)
			}
			low, high := limits[i][0], limits[i][1]
			if body != "*" {
				from, to, ranged := strings.Cut(body, "-")
				low = atoi(t, from)
				high = low
				if ranged {
					high = atoi(t, to)
				}
			}
			for v := low; v <= high; v++ {
				if (v-low)%step == 0 {
					o.fields[i][v] = true
				}
			}
		}
	}
	o.hourly = !slices.Contains(o.fields[1][:24], false)
	return o
}

func atoi(t testing.TB, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// shows reports whether a wall time, in minutes since 1970 by the clock, fits.
func (o *oracle) shows(wall int64) bool {
	if !o.fields[0][int(wall%60)] || !o.fields[1][int(wall/60%24)] {
		return false
	}
	day := time.Unix(wall*60, 0).UTC()
	dom, dow := o.fields[2][day.Day()], o.fields[4][int(day.Weekday())]
	fits := dom && dow
	if !o.stars[2] && !o.stars[4] {
		fits = dom || dow
	}
	return fits && o.fields[3][int(day.Month())]
}

// between returns what is expected from one minute to before another, after 1970.
func (o *oracle) between(from, to time.Time) []time.Time {
	const memory = 4 * 60               // minutes, more than any change that counts
	const counts = 3 * 60               // minutes
	seen := make(map[int64]int64, 1024) // when a wall time was last shown
	wallAt := func(minute int64) int64 {
		_, offset := time.Unix(minute*60, 0).In(from.Location()).Zone()
		return minute + int64(offset)/60
	}
	var fired []time.Time
	first := from.Unix() / 60
	last := wallAt(first - memory - 1)
	for now := first - memory; now < to.Unix()/60; now++ {
		wall := wallAt(now)
		fires := o.shows(wall)
		if !o.hourly {
			if shown, again := seen[wall]; again && now-shown < counts {
				fires = false
			}
			seen[wall] = now
			if wall-last-1 < counts {
				for skipped := last + 1; skipped < wall; skipped++ {
					fires = fires || o.shows(skipped)
				}
			}
		}
		last = wall
		if fires && now >= first {
			fired = append(fired, time.Unix(now*60, 0).In(from.Location()))
		}
	}
	return fired
}
