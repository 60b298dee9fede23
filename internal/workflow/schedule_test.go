package workflow

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/schedule"
)

const scheduled = `working_dir: /w
params: {region: {values: [eu, us], default: eu}, days: {type: list}}
calendars:
  bank: [12-25, 2026-12-24..2026-12-26]
  ends: days.txt
  _not: 5
  none: null
schedules:
  - name: nightly
    description: the night
    cron: " 30 2 * * MON-FRI "
    time_zone: Europe/Berlin
    start: 2026-01-01
    end: 2027-01-01T12:00
    calendars: {include: [ends], exclude: [bank]}
    jitter: 5m
    overlap: queue
    max_queued: 3
    catch_up: all
    catch_up_max: 5
    catch_up_within: 6h
    params: {region: us, days: [a, 1], _x: 1}
    paused: true
  - {name: often, every: 15m}
  - {name: once, at: 2026-12-01T02:00}
jobs: [{id: a, command: x}]
`

func scheduleHost(files map[string]string) Host {
	h := testHost
	h.Zones = time.LoadLocation
	h.Origin = true
	h.ReadFile = func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, os.ErrNotExist
	}
	return h
}

func loadScheduled(t *testing.T) *Workflow {
	t.Helper()
	files := map[string]string{testHost.Dir + "/f/days.txt": "\ufeff# ends\n2026-11-30\n\n 2026-12-31 # the last\r\n"}
	w, err := Load(Source{Name: "f/a.yaml", Data: []byte(scheduled)}, scheduleHost(files))
	if err != nil {
		t.Fatal(problemsOf(t, err))
	}
	return w
}

func TestSchedules(t *testing.T) {
	w := loadScheduled(t)
	want := []Schedule{
		{
			Name: "nightly", Description: "the night", Cron: "30 2 * * MON-FRI", TimeZone: "Europe/Berlin", Start: "2026-01-01", End: "2027-01-01T12:00",
			Include: []string{"ends"}, Exclude: []string{"bank"}, Jitter: 5 * time.Minute, Overlap: schedule.QueueOverlap, MaxQueued: 3,
			CatchUp: schedule.CatchAll, CatchUpMax: 5, CatchUpWithin: 6 * time.Hour, Params: []Var{{"region", "us"}, {"days", `["a","1"]`}}, Paused: true,
		},
		{Name: "often", Every: 15 * time.Minute},
		{Name: "once", At: "2026-12-01T02:00"},
	}
	if diff := cmp.Diff(want, w.Schedules); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	days := []Calendar{{"bank", []string{"12-25", "2026-12-24..2026-12-26"}}, {"ends", []string{"2026-11-30", "2026-12-31"}}}
	if diff := cmp.Diff(days, w.Calendars); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{testHost.Dir + "/f/days.txt"}, w.Files); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s := w.Schedule("often"); s != &w.Schedules[1] || w.Schedule("x") != nil {
		t.Error(s)
	}
	policy := schedule.Policy{
		Overlap: schedule.QueueOverlap, Waiting: 3, CatchUp: schedule.CatchAll, Most: 5, Within: 6 * time.Hour, Jitter: 5 * time.Minute, Paused: true,
	}
	if diff := cmp.Diff(policy, w.Schedules[0].Policy()); diff != "" {
		t.Error(diff)
	}
}

func TestSpecOfSchedule(t *testing.T) {
	w := loadScheduled(t)
	fires := func(s *Schedule) string {
		spec, err := w.Spec(s, time.LoadLocation)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := spec.Next(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		return e.Time.UTC().Format(time.RFC3339)
	}
	if got := fires(&w.Schedules[0]); got != "2026-11-30T01:30:00Z" {
		t.Error(got)
	}
	if got := fires(&w.Schedules[1]); got != "2026-11-01T00:15:00Z" {
		t.Error(got)
	}
	var asked []string
	_, err := w.Spec(&w.Schedules[2], func(name string) (*time.Location, error) { asked = append(asked, name); return time.UTC, nil })
	if err != nil || !cmp.Equal(asked, []string{"Local"}) {
		t.Error(asked, err)
	}
	for name, s := range map[string]Schedule{
		"zone": {TimeZone: "Mars/Base", Every: time.Hour}, "cron": {Cron: "x"}, "at": {At: "x"}, "start": {Start: "x", Every: time.Hour},
		"include": {Include: []string{"x"}, Every: time.Hour}, "exclude": {Exclude: []string{"x"}, Every: time.Hour},
	} {
		s.Name = name
		if _, err := w.Spec(&s, time.LoadLocation); fault.CodeOf(err) != fault.InvalidWorkflow || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := Workflow{Calendars: []Calendar{{"x", []string{"y"}}}}
	if _, err := broken.Spec(&Schedule{Include: []string{"x"}}, time.LoadLocation); fault.CodeOf(err) != fault.InvalidWorkflow {
		t.Error(err)
	}
}

// What a run stores has its schedules, and a change of them is told.
func TestScheduleSnapshot(t *testing.T) {
	w := loadScheduled(t)
	snapshot, hash, err := Encode(w)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(w.Schedules, got.Schedules) || !reflect.DeepEqual(w.Calendars, got.Calendars) {
		t.Errorf("(-want +got)\n%s", cmp.Diff(w, got))
	}
	got.Schedules = append([]Schedule{}, got.Schedules[:2]...)
	got.Schedules[0].Params, got.Schedules[0].Description = []Var{{"api_key", "tiger"}}, ""
	got.Schedules[1].Every, got.Schedules[1].At = 0, "2026-01-01T00:00"
	got.Calendars[1].Days = nil
	if _, other, _ := Encode(got); other == hash {
		t.Error("the hash is the same")
	}
	lines := strings.Join(Compare(w, got).Lines(), "\n")
	for _, part := range []string{
		`schedules.nightly changed from`, `schedules.often changed from "every 15m0s" to "at 2026-01-01T00:00"`,
		`schedules.once removed, was "at 2026-12-01T02:00"`, `calendars.ends changed from "2026-11-30, 2026-12-31" to "\"\""`,
	} {
		if !strings.Contains(lines, part) {
			t.Errorf("%s\nlacks %s", lines, part)
		}
	}
	if text := scheduleText(&got.Schedules[0]); strings.Contains(text, "tiger") || !strings.HasSuffix(text, "with api_key ***, paused") {
		t.Error(text)
	}
}

// Included files come first: a calendar of a later one wins, and +schedules adds.
func TestSchedulesOfFiles(t *testing.T) {
	files := map[string]string{
		testHost.Dir + "/base/base.yaml": "calendars: {a: [12-25], b: days.txt}\nschedules: [{name: x, every: 1h}]\n",
		testHost.Dir + "/base/days.txt":  "2026-01-01\n",
	}
	text := "working_dir: /w\ninclude: base/base.yaml\ncalendars: {a: [12-31]}\n%sschedules: [{name: y, every: 2h, calendars: {exclude: [a, b]}}]\njobs: [{id: a, command: x}]\n"
	for plus, want := range map[string][]string{"": {"y"}, "+": {"x", "y"}} {
		w, err := Load(Source{Name: "a.yaml", Data: []byte(strings.Replace(text, "%s", plus, 1))}, scheduleHost(files))
		if err != nil {
			t.Fatal(problemsOf(t, err))
		}
		var got []string
		for _, s := range w.Schedules {
			got = append(got, s.Name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]Calendar{{"a", []string{"12-31"}}, {"b", []string{"2026-01-01"}}}, w.Calendars); diff != "" {
			t.Error(diff)
		}
	}
}

func TestCalendarFiles(t *testing.T) {
	files := map[string]string{
		"/abs.txt": "2026-01-01\nChristmas\n", "/home/me/h.txt": "12-24", testHost.Dir + "/long.txt": strings.Repeat("2026-01-01\n", maxDays+1),
		testHost.Dir + "/huge.txt": strings.Repeat("#", maxDays*101),
	}
	host := scheduleHost(files)
	for name, want := range map[string]string{
		"/abs.txt": `calendars: x names "/abs.txt", where on line 2 "Christmas" is no day that there is`,
		"~/h.txt":  "", "long.txt": "calendars: x must have at most 10000 days", "huge.txt": `calendars: x names "huge.txt", which is too long`,
		"no.txt": `calendars: x names a file that is not there: "no.txt"`, " ": "calendars: x must not be an empty path",
	} {
		_, err := Load(Source{Name: "a.json", Data: []byte(oneJob(`"calendars": {"x": "` + name + `"},`))}, host)
		switch {
		case want == "" && err != nil:
			t.Error(err)
		case want != "" && (err == nil || problemsOf(t, err)[0].Msg != want):
			t.Errorf("%s: %v", name, err)
		}
	}
	host.ReadFile = nil
	if _, err := Load(Source{Name: "a.json", Data: []byte(oneJob(`"calendars": {"x": "y"},`))}, host); err == nil || problemsOf(t, err)[0].Msg != "calendars: x names a file, and none can be read here" {
		t.Error(err)
	}
	host.ReadFile = func(string) ([]byte, error) { return nil, os.ErrPermission }
	if _, err := Load(Source{Name: "a.json", Data: []byte(oneJob(`"calendars": {"x": "y"},`))}, host); err == nil || problemsOf(t, err)[0].Msg != `calendars: x names "y", which can't be read: permission denied` {
		t.Error(err)
	}
}

func TestTooManySchedules(t *testing.T) {
	many := `"schedules": [` + strings.TrimSuffix(strings.Repeat(`{"name": "a", "every": 1},`, maxSchedules+1), ",") + `],`
	_, err := Load(Source{Name: "a.json", Data: []byte(oneJob(many))}, testHost)
	if err == nil || !strings.Contains(err.Error(), "more)") {
		t.Error(err)
	}
	var names strings.Builder
	for i := range maxSchedules + 1 {
		names.WriteString(`"c` + short(float64(i)) + `": [],`)
	}
	_, err = Load(Source{Name: "a.json", Data: []byte(oneJob(`"calendars": {` + strings.TrimSuffix(names.String(), ",") + `},`))}, testHost)
	if err == nil || problemsOf(t, err)[0].Msg != "calendars must have at most 1000 members" {
		t.Error(err)
	}
	days := strings.TrimSuffix(strings.Repeat(`"12-25",`, maxDays+1), ",")
	_, err = Load(Source{Name: "a.json", Data: []byte(oneJob(`"calendars": {"x": [` + days + `]},`))}, testHost)
	if err == nil || problemsOf(t, err)[0].Msg != "calendars: x must have at most 10000 days" {
		t.Error(err)
	}
}

func TestTimeZoneHint(t *testing.T) {
	for name, want := range map[string]string{
		"europe/berlin": `did you mean "Europe/Berlin"?`, "america/new york": `did you mean "America/New_York"?`,
		"Mars/Base": "write a name such as Europe/Berlin, America/New_York or UTC",
	} {
		_, err := Load(Source{Name: "a.json", Data: []byte(oneJob(`"schedules": [{"name": "a", "every": 1, "time_zone": "` + name + `"}],`))}, scheduleHost(nil))
		if err == nil || problemsOf(t, err)[0].Hint != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
