package workflow

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// Tests are the tests of one workflow.
type Tests struct {
	Workflow string // the workflow's file as the test file names it; empty: the one beside it
	Cases    []TestCase

	origin Origin
}

// TestCase is one test: under which circumstances the workflow runs, how its jobs go, and
// what is expected of it.
type TestCase struct {
	Name            string
	At              Pos
	Params          []TestVar // values given for parameters
	Env             []Var     // as run --env gives them
	Shell           []Var     // the environment of whoever starts the run
	Now             time.Time // when the run begins; the zero Time: nothing is said
	Workers         int       // 0: as the workflow says
	Sequential      bool
	ContinueOnError bool
	Skip            []TestJob
	Cancel          time.Duration // the run is cancelled after that; 0: it is not
	Jobs            []TestPlay    // jobs of which nothing is said succeed
	Wants           []TestWant    // in the order of the file
}

// TestVar is a value with its place.
type TestVar struct {
	Var
	At Pos
}

// TestJob names a job.
type TestJob struct {
	ID run.JobID
	At Pos
}

// TestPlay says how the tries of a job go, one after the other. A try behind the last
// of them succeeds.
type TestPlay struct {
	TestJob
	Tries []TestTry
}

// TestTry says how a try goes.
type TestTry struct {
	Exit    int           // the exit code of the command
	Took    time.Duration // how long it takes
	Timeout bool          // it goes on until its time is over
	Reason  run.Reason    // it fails for another reason than its exit code; empty: it does not
	Times   int           // so many tries go like this; 0: all that follow
	Values  run.Values    // what it hands on when it succeeds
}

// TestWant is one thing that is expected. Which fields have a meaning depends on Field.
type TestWant struct {
	Field    string    // its name in the file, such as state or tries
	Job      run.JobID // empty: it is about the run
	Variable string    // of environment
	Text     string    // a state, a reason, a value, or a part of an error
	Number   int       // of tries
	Duration time.Duration
	Jobs     []TestJob // of order
	At       Pos
}

// Problem tells something about a place of the test file.
func (t *Tests) Problem(at Pos, hint, msg string) Problem {
	return t.origin.Problems([]Note{{Pos: at, Msg: msg, Hint: hint}})[0]
}

// IsTestFile reports whether a file is one of tests by its name, and how its workflow's
// is called but for the extension.
func IsTestFile(name string) (stem string, is bool) {
	for _, ext := range []string{".test.yaml", ".test.yml", ".test.json"} {
		if strings.HasSuffix(name, ext) {
			return strings.TrimSuffix(name, ext), true
		}
	}
	return "", false
}

// LoadTests reads a file of tests. Other than in a workflow, an unknown field is an error.
// The error is like that of Load.
func LoadTests(src Source) (*Tests, error) {
	data := bytes.TrimPrefix(src.Data, []byte("\xef\xbb\xbf"))
	rep := &reporter{name: src.Name, data: data}
	t := &Tests{origin: Origin{rep: rep}}
	if len(bytes.TrimSpace(data)) == 0 {
		rep.errorHint(0, "write tests: [{name: …, expect: {state: SUCCESS}}]", "the file is empty")
	} else if doc := read(src.Name, data, rep); doc != nil {
		d := &decoder{tree: doc, rep: rep, budget: maxLookups, learned: &Origin{}}
		if d.kind(0) == objectNode {
			readStrictly(d, 0, testsFields, t)
		} else {
			rep.error(d.pos(0), "a test file must be an object with the field tests, not %s", d.kind(0))
		}
		if !rep.failed() && len(t.Cases) == 0 {
			rep.errorHint(d.pos(0), "write tests: [{name: …, expect: {state: SUCCESS}}]", "there are no tests")
		}
	}
	if rep.failed() {
		return nil, &fault.Error{Code: fault.InvalidWorkflow, Msg: "the test file is not valid", Err: rep.problems()}
	}
	return t, nil
}

// readStrictly is readFields for a format in which an unknown name is an error.
func readStrictly[T any](d *decoder, object uint32, known fields[T], into *T) {
	d.pairs(object, func(key, value uint32) {
		name := d.text(key)
		read, ok := known[name]
		switch {
		case strings.HasPrefix(name, "_"):
		case !ok:
			d.rep.errorGuess(d.pos(key), func() string { return d.meant(name, sortedKeys(known)) }, "%sthere is no field %s", d.who(), quote(name))
		case d.kind(value) != nullNode:
			read(d, into, field{name, key, value})
		}
	})
}

var testsFields = fields[Tests]{
	"workflow": func(d *decoder, t *Tests, f field) { d.string(f, &t.Workflow) },
	"tests":    func(d *decoder, t *Tests, f field) { d.testCases(f, t) },
}

var testFields = fields[TestCase]{
	"name":              func(d *decoder, c *TestCase, f field) { d.label(f, &c.Name) },
	"params":            func(d *decoder, c *TestCase, f field) { d.testParams(f, c) },
	"env":               func(d *decoder, c *TestCase, f field) { d.vars(f, &c.Env) },
	"shell_env":         func(d *decoder, c *TestCase, f field) { d.vars(f, &c.Shell) },
	"now":               func(d *decoder, c *TestCase, f field) { d.moment(f, &c.Now) },
	"workers":           func(d *decoder, c *TestCase, f field) { d.int(f, 1, 100_000, &c.Workers) },
	"sequential":        func(d *decoder, c *TestCase, f field) { d.bool(f, &c.Sequential) },
	"continue_on_error": func(d *decoder, c *TestCase, f field) { d.bool(f, &c.ContinueOnError) },
	"skip":              func(d *decoder, c *TestCase, f field) { c.Skip = d.testJobs(f) },
	"cancel_after":      func(d *decoder, c *TestCase, f field) { d.limit(f, &c.Cancel) },
	"jobs": func(d *decoder, c *TestCase, f field) {
		d.perJob(f, func(job TestJob, f field) { c.Jobs = append(c.Jobs, TestPlay{job, d.testTries(f)}) })
	},
	"expect": func(d *decoder, c *TestCase, f field) {
		if d.is(f, objectNode) {
			readStrictly(d, f.value, wantFields, c)
		}
	},
}

func (d *decoder) testCases(f field, t *Tests) {
	seen := map[string]uint32{}
	d.items(f, func(item field) {
		if !d.is(item, objectNode) {
			return
		}
		c := TestCase{At: Pos{d.pos(item.value) + 1}}
		if name := d.tree.member(item.value, "name"); name != 0 && d.kind(name) == stringNode {
			d.check = "test " + quote(d.text(name)) + ": "
		}
		readStrictly(d, item.value, testFields, &c)
		d.check = ""
		first, twice := seen[c.Name]
		switch {
		case c.Name == "":
			d.rep.error(d.pos(item.value), "a test has no name")
		case twice:
			d.rep.errorAt(d.pos(item.value), d.pos(first), "", "two tests have the name %s: the first is", quote(c.Name))
		case len(c.Wants) == 0:
			d.rep.errorHint(d.pos(item.value), "write expect: {state: SUCCESS}", "test %s expects nothing", quote(c.Name))
		}
		if len(c.Wants) > 1 && slices.ContainsFunc(c.Wants, func(w TestWant) bool { return w.Field == "error" }) {
			d.rep.error(d.pos(item.value), "test %s expects an error, so nothing runs of which more could be expected", quote(c.Name))
		}
		seen[c.Name] = item.value
		t.Cases = append(t.Cases, c)
	})
}

func (d *decoder) testParams(f field, c *TestCase) {
	if !d.is(f, objectNode) {
		return
	}
	d.pairs(f.value, func(key, value uint32) {
		f := field{"params: " + d.text(key), key, value}
		text := ""
		if d.kind(value) == listNode {
			var items []string
			d.scalars(f, &items)
			text = strings.Join(items, "\n")
		} else if one, ok := d.scalar(f, "must be a text, a number or a list, not %s"); ok {
			text = one
		}
		c.Params = append(c.Params, TestVar{Var{d.text(key), text}, Pos{d.pos(key) + 1}})
	})
}

// moment reads a day, or a day with a time.
func (d *decoder) moment(f field, into *time.Time) {
	text, ok := d.scalar(f, "must be a day or a moment, not %s")
	if !ok {
		return
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			*into = t
			return
		}
	}
	d.wrong(f, "write 2026-01-31 or 2026-01-31T12:00:00", "must be a day or a moment, not %s", quote(text))
}

// perJob reads an object with ids of jobs as names.
func (d *decoder) perJob(f field, visit func(job TestJob, f field)) {
	if !d.is(f, objectNode) {
		return
	}
	d.pairs(f.value, func(key, value uint32) {
		name := d.text(key)
		visit(TestJob{run.JobID(name), Pos{d.pos(key) + 1}}, field{f.name + ": " + printable(name), key, value})
	})
}

// testJobs reads a list of jobs, or one.
func (d *decoder) testJobs(f field) (all []TestJob) {
	if d.kind(f.value) == stringNode {
		return []TestJob{{run.JobID(d.text(f.value)), Pos{d.pos(f.value) + 1}}}
	}
	d.items(f, func(item field) {
		if d.is(item, stringNode) {
			all = append(all, TestJob{run.JobID(d.text(item.value)), Pos{d.pos(item.value) + 1}})
		}
	})
	return all
}

var tryFields = fields[TestTry]{
	"exit":     func(d *decoder, t *TestTry, f field) { d.int(f, 0, 255, &t.Exit) },
	"duration": func(d *decoder, t *TestTry, f field) { d.seconds(f, &t.Took) },
	"timeout":  func(d *decoder, t *TestTry, f field) { d.bool(f, &t.Timeout) },
	"times":    func(d *decoder, t *TestTry, f field) { d.int(f, 1, maxTries, &t.Times) },
	"values":   func(d *decoder, t *TestTry, f field) { d.testValues(f, t) },
	"reason": func(d *decoder, t *TestTry, f field) {
		word := ""
		d.choice(f, &word, string(run.PrecheckFailed), string(run.PostcheckFailed), string(run.StartFailed),
			string(run.Signal), string(run.OOMKilled), string(run.Lost))
		t.Reason = run.Reason(word)
	},
}

// testValues reads what a job hands on: texts, numbers, or lists of these.
func (d *decoder) testValues(f field, t *TestTry) {
	if !d.is(f, objectNode) {
		return
	}
	values := make(map[string]string)
	d.pairs(f.value, func(key, value uint32) {
		name := d.text(key)
		one := field{"values: " + printable(name), key, value}
		if !run.IsValueName(name) {
			d.rep.errorHint(d.pos(key), "use letters, digits and _, and no digit first", "%s%s can't be the name of a value", d.who(), quote(name))
			return
		}
		if d.kind(value) == listNode {
			items := []string{}
			d.scalars(one, &items)
			list, err := json.Marshal(items)
			if err != nil {
				panic(err) // texts can be written
			}
			values[name] = string(list)
		} else if text, ok := d.scalar(one, "must be a text, a number or a list, not %s"); ok {
			values[name] = text
		}
	})
	t.Values = run.NewValues(values)
}

// testTries reads how the tries of a job go: an object for all of them, or a list of
// objects, each for one.
func (d *decoder) testTries(f field) (all []TestTry) {
	if d.kind(f.value) != listNode {
		return d.testTry(f, 0)
	}
	d.items(f, func(item field) { all = append(all, d.testTry(item, 1)...) })
	return all
}

func (d *decoder) testTry(f field, times int) []TestTry {
	t := TestTry{Times: times}
	if !d.is(f, objectNode) {
		return nil
	}
	readStrictly(d, f.value, tryFields, &t)
	if t.Timeout && (t.Exit != 0 || t.Reason != "" || t.Took != 0) || t.Exit != 0 && t.Reason != "" {
		d.wrong(f, "leave all but one of them out", "has two ends: timeout, exit and reason exclude each other, and timeout needs no duration")
	}
	return []TestTry{t}
}

// wantFields are what may be expected.
var wantFields = fields[TestCase]{
	"state":        wantWord(run.States, run.State.String),
	"reason":       wantWord(run.Reasons, reasonText),
	"jobs":         wantJobs(run.States, run.State.String),
	"reasons":      wantJobs(run.Reasons, reasonText),
	"tries":        func(d *decoder, c *TestCase, f field) { d.wantTries(f, c) },
	"environment":  func(d *decoder, c *TestCase, f field) { d.wantEnvironment(f, c) },
	"duration":     wantDuration,
	"max_duration": wantDuration,
	"order": func(d *decoder, c *TestCase, f field) {
		c.want(TestWant{Field: f.name, Jobs: d.testJobs(f), At: Pos{d.pos(f.key) + 1}})
	},
	"started":     wantStarted,
	"not_started": wantStarted,
	"error": func(d *decoder, c *TestCase, f field) {
		w := TestWant{Field: f.name, At: Pos{d.pos(f.key) + 1}}
		d.string(f, &w.Text)
		c.want(w)
	},
}

func (c *TestCase) want(w TestWant) { c.Wants = append(c.Wants, w) }

func reasonText(r run.Reason) string { return string(r) }

// wantWord reads a word of a closed list.
func wantWord[T any](all func() []T, text func(T) string) func(*decoder, *TestCase, field) {
	return func(d *decoder, c *TestCase, f field) {
		w := TestWant{Field: f.name, At: Pos{d.pos(f.key) + 1}}
		d.word(f, &w.Text, wordsOf(all, text))
		c.want(w)
	}
}

func wantJobs[T any](all func() []T, text func(T) string) func(*decoder, *TestCase, field) {
	return func(d *decoder, c *TestCase, f field) {
		name := f.name
		d.perJob(f, func(job TestJob, f field) {
			w := TestWant{Field: name, Job: job.ID, At: job.At}
			d.word(f, &w.Text, wordsOf(all, text))
			c.want(w)
		})
	}
}

func wordsOf[T any](all func() []T, text func(T) string) (words []string) {
	for _, v := range all() {
		words = append(words, text(v))
	}
	return words
}

// word reads a word of a closed list, which may be too long to be told.
func (d *decoder) word(f field, into *string, known []string) {
	if !d.is(f, stringNode) {
		return
	}
	*into = d.text(f.value)
	if !slices.Contains(known, *into) {
		hint := d.meant(*into, slices.Values(known))
		if hint == "" {
			hint = "docs/state-machine.md has all"
		}
		d.wrong(f, hint, "can't be %s", quote(*into))
	}
}

func (d *decoder) wantTries(f field, c *TestCase) {
	d.perJob(f, func(job TestJob, f field) {
		w := TestWant{Field: "tries", Job: job.ID, At: job.At}
		d.int(f, 0, maxTries, &w.Number)
		c.want(w)
	})
}

func (d *decoder) wantEnvironment(f field, c *TestCase) {
	d.perJob(f, func(job TestJob, f field) {
		var vars []Var
		d.vars(f, &vars)
		for _, v := range vars {
			c.want(TestWant{Field: "environment", Job: job.ID, Variable: v.Name, Text: v.Value, At: job.At})
		}
	})
}

func wantDuration(d *decoder, c *TestCase, f field) {
	w := TestWant{Field: f.name, At: Pos{d.pos(f.key) + 1}}
	d.seconds(f, &w.Duration)
	c.want(w)
}

// wantStarted reads a list of jobs, each of which is one thing that is expected.
func wantStarted(d *decoder, c *TestCase, f field) {
	for _, job := range d.testJobs(f) {
		c.want(TestWant{Field: f.name, Job: job.ID, At: job.At})
	}
}
