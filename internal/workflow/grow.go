package workflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/run"
)

// Each says that a job becomes one for each item that another job hands on, once that has
// run; see Grow. As long as nobody knows the items the job itself does nothing.
type Each struct {
	Job    run.JobID // that hands the items on; one of those that the job needs, unless it is a hook
	Output string    // the name of the value that has them
	As     string    // the variable in which each of the jobs has its own
	// Problem is why the items can't be used, so that the job fails. Only Grow sets it, and it is
	// not kept by Encode.
	Problem string
}

// Text names the items in a few words.
func (e *Each) Text() string { return "for each of " + string(e.Job) + "." + e.Output }

// Unknown is why a job fails whose items nobody knows, or can use.
func (e *Each) Unknown() string {
	if e.Problem != "" {
		return e.Problem
	}
	return fmt.Sprintf("job %s handed on no %s", e.Job, e.Output)
}

// Grow returns a workflow in which a job that has Each has become what it stands for: one
// job for each item of value, behind all others, and the job itself, which does nothing
// any more and waits for them. They have all that it had, what it needs included, so that
// they start when it would have. Where value has no items, the job waits for nothing more.
// Where they can't be used it keeps its Each, with the Problem.
//
// w is not changed; what it has in common with the result must not be.
func Grow(w *Workflow, job int, value string) *Workflow {
	grown := *w
	grown.Jobs = slices.Clone(w.Jobs)
	join := &grown.Jobs[job]
	made, err := w.made(join, value)
	if err != nil {
		each := *join.Each
		each.Problem = fmt.Sprintf("%s of job %s has no items: %v", each.Output, each.Job, err)
		join.Each = &each
		return &grown
	}
	joinMade(join, len(w.Jobs), len(made))
	grown.Jobs = append(grown.Jobs, made...)
	return &grown
}

// made returns the jobs that one becomes.
func (w *Workflow) made(of *Job, value string) ([]Job, error) {
	values, err := handedItems(value)
	if err != nil {
		return nil, err
	}
	if len(w.Jobs)+len(values) > maxJobs {
		return nil, fmt.Errorf("the workflow becomes more than %d jobs", maxJobs)
	}
	items := make([]item, len(values))
	for i, v := range values {
		items[i] = item{label: safeLabel(v), vars: []Var{{of.Each.As, v}}}
	}
	made := make([]Job, len(items))
	ids := make(map[run.JobID]bool, len(items))
	for i, it := range unique(items) {
		j := *of
		j.ID, j.Group, j.Item, j.Each = of.ID+run.JobID("["+it.label+"]"), of.ID, it.vars, nil
		if len(j.ID) > maxName {
			return nil, fmt.Errorf("the id %s has more than %d bytes", quote(string(j.ID)), maxName)
		}
		made[i], ids[j.ID] = j, true
	}
	for i := range w.Jobs {
		if ids[w.Jobs[i].ID] {
			return nil, fmt.Errorf("there is a job %s already", quote(string(w.Jobs[i].ID)))
		}
	}
	return made, nil
}

// joinMade turns a job that has become others into what waits for them.
func joinMade(j *Job, first, n int) {
	j.Each, j.Command, j.Args, j.When, j.Env = nil, "", nil, "", nil
	j.PreChecks, j.PostChecks, j.Pools, j.Footprint = nil, nil, nil, nil
	needs := make([]int, 0, len(j.Needs)+n)
	needs = append(needs, j.Needs...)
	for k := range n {
		needs = append(needs, first+k)
	}
	if len(needs) > 0 {
		j.Needs = needs
	}
	if j.On != nil {
		j.On = slices.Concat(j.On, slices.Repeat([]Ending{OnSuccess}, n))
	}
}

// handedItems returns the items of a value: those of a JSON list, else the lines of the
// text, empty ones left out.
func handedItems(value string) ([]string, error) {
	items, err := linesOf(value), error(nil)
	if strings.HasPrefix(strings.TrimSpace(value), "[") {
		items, err = itemsOfList(value)
	}
	if err != nil {
		return nil, err
	}
	if len(items) > maxItems {
		return nil, fmt.Errorf("it has %d of them, more than %d", len(items), maxItems)
	}
	seen := make(map[string]bool, len(items))
	for _, v := range items {
		if seen[v] {
			return nil, fmt.Errorf("%s is there twice", quote(v))
		}
		seen[v] = true
	}
	return items, nil
}

func linesOf(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// itemsOfList reads a JSON list of plain values.
func itemsOfList(text string) ([]string, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var values []any
	if err := d.Decode(&values); err != nil {
		return nil, errors.New("it begins with [ and is not a JSON list")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON list")
	}
	items := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case string:
			items[i] = v
		case json.Number:
			items[i] = v.String()
		case bool:
			items[i] = fmt.Sprint(v)
		default:
			return nil, errors.New("an item is neither a text nor a number")
		}
		if items[i] == "" || strings.IndexByte(items[i], 0) >= 0 {
			return nil, errors.New("an item is empty or has a NUL byte")
		}
	}
	return items, nil
}

// Grows reports whether any job of the workflow becomes several at run time.
func (w *Workflow) Grows() bool {
	return slices.ContainsFunc(w.Jobs, func(j Job) bool { return j.Each != nil })
}

// each writes what a job becomes one for each of.
func (e *encoder) each(each *Each) {
	if each == nil {
		return
	}
	e.name("foreach")
	e.out = append(e.out, '{')
	e.string("job", string(each.Job))
	e.string("output", each.Output)
	e.string("as", each.As)
	e.out = append(e.out, '}')
}

// MayMake reports whether a job of that id may come at run time.
func (w *Workflow) MayMake(id run.JobID) bool { return w.Maker(id) >= 0 }

// Maker returns the index of the job that a job of that id would be made of at run time,
// or -1.
func (w *Workflow) Maker(id run.JobID) int {
	at := strings.LastIndexByte(string(id), '[')
	if at < 0 || !strings.HasSuffix(string(id), "]") {
		return -1
	}
	if i := w.Index(id[:at]); i >= 0 && w.Jobs[i].Each != nil {
		return i
	}
	return -1
}
