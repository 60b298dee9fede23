package plan_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/plan"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

// spec is a workflow as a script describes it.
type spec struct {
	wf   workflow.Workflow
	jobs []jobSpec
}

type jobSpec struct {
	id         run.JobID
	needs      []run.JobID
	on         []workflow.Ending
	retry      workflow.Retry
	priority   int
	idempotent bool
	expected   time.Duration
	always     bool
	mayFail    bool
	when       string
	hook       workflow.Hook
}

// change applies a line that begins with workflow, job or remove.
func (s *spec) change(words []string) error {
	switch words[0] {
	case "workflow":
		return s.setWorkflow(words[1:])
	case "remove":
		s.jobs = slices.DeleteFunc(s.jobs, func(j jobSpec) bool { return string(j.id) == words[1] })
		return nil
	}
	j, err := parseJob(words[1:])
	s.jobs = append(s.jobs, j)
	return err
}

func (s *spec) setWorkflow(words []string) (err error) {
	for _, word := range words {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "workers":
			s.wf.MaxWorkers, err = strconv.Atoi(value)
		case "sequential":
			s.wf.Sequential = true
		case "continue-on-error":
			s.wf.ContinueOnError = true
		case "timeout":
			s.wf.Timeout, err = time.ParseDuration(value)
		default:
			err = fmt.Errorf("no such word for a workflow: %s", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseJob reads "b needs a c:failure retry=2 delay=30s always may-fail".
func parseJob(words []string) (jobSpec, error) {
	j := jobSpec{id: run.JobID(words[0]), retry: workflow.Retry{
		Delay: 30 * time.Second, Backoff: 1.5, MaxTime: 1800 * time.Second,
		OnStatus: []string{"ERROR", "FAILED", "TIMEOUT"}, ExitCodes: []int{1},
	}}
	for _, word := range words[1:] {
		key, value, isSetting := strings.Cut(word, "=")
		switch {
		case word == "needs":
		case word == "always":
			j.always = true
		case word == "may-fail":
			j.mayFail = true
		case isSetting:
			if err := j.set(key, value); err != nil {
				return j, err
			}
		default:
			id, on, _ := strings.Cut(word, ":")
			j.needs = append(j.needs, run.JobID(id))
			j.on = append(j.on, cmp.Or(workflow.Ending(on), workflow.OnSuccess))
		}
	}
	return j, nil
}

func (j *jobSpec) set(key, value string) (err error) {
	r := &j.retry
	switch key {
	case "retry":
		r.Max, err = strconv.Atoi(value)
	case "delay":
		r.Delay, err = time.ParseDuration(value)
	case "backoff":
		r.Backoff, err = strconv.ParseFloat(value, 64)
	case "jitter":
		r.Jitter, err = strconv.ParseFloat(value, 64)
	case "max-time":
		r.MaxTime, err = time.ParseDuration(value)
	case "on":
		r.OnStatus = list(value)
	case "codes":
		r.ExitCodes = nil
		for _, c := range list(value) {
			n, err := strconv.Atoi(c)
			if err != nil {
				return err
			}
			r.ExitCodes = append(r.ExitCodes, n)
		}
	case "priority":
		j.priority, err = strconv.Atoi(value)
	case "idempotent":
		j.idempotent, err = strconv.ParseBool(value)
	case "when":
		j.when = value
	case "hook":
		j.hook = workflow.Hook(value)
	case "expected":
		j.expected, err = time.ParseDuration(value)
	default:
		err = fmt.Errorf("no such setting of a job: %s", key)
	}
	return err
}

// list splits "a,b"; "none" is the empty list.
func list(value string) []string {
	if value == "none" {
		return nil
	}
	return strings.Split(value, ",")
}

func (s *spec) workflow() (*workflow.Workflow, error) {
	wf := s.wf
	wf.Jobs = nil
	index := make(map[run.JobID]int)
	for i, j := range s.jobs {
		index[j.id] = i
	}
	for _, j := range s.jobs {
		job := workflow.Job{
			ID: j.id, Retry: &j.retry, Priority: j.priority, Idempotent: j.idempotent,
			Always: j.always, ContinueOnError: j.mayFail, When: j.when, Hook: j.hook,
		}
		endings := make(map[int]workflow.Ending)
		for n, need := range j.needs {
			i, ok := index[need]
			if !ok {
				return nil, fmt.Errorf("job %s needs %s, which is not there", j.id, need)
			}
			endings[i] = j.on[n]
		}
		job.Needs = slices.Sorted(maps.Keys(endings))
		if slices.ContainsFunc(j.on, func(on workflow.Ending) bool { return on != workflow.OnSuccess }) {
			for _, i := range job.Needs {
				job.On = append(job.On, endings[i])
			}
		}
		wf.Jobs = append(wf.Jobs, job)
	}
	return &wf, nil
}

// when evaluates the conditions of scripts: yes, no, broken, and STATE:JOB or code3:JOB,
// which ask how a job stands.
func (w *world) when(i int, f plan.Facts) (bool, error) {
	w.asked = append(w.asked, w.wf.Jobs[i].ID)
	what, job, _ := strings.Cut(w.wf.Jobs[i].When, ":")
	fact, known := f.Job(run.JobID(job))
	switch {
	case what == "yes" || what == "no":
		return what == "yes", nil
	case !known:
		return false, fmt.Errorf("there is no job %q", job)
	case strings.HasPrefix(what, "code"):
		return fmt.Sprintf("code%d", fact.ExitCode) == what, nil
	}
	return fact.State.String() == what || string(fact.Reason) == what, nil
}

// expected returns nil when no job says how long it takes.
func (s *spec) expected() []time.Duration {
	var ds []time.Duration
	known := false
	for _, j := range s.jobs {
		ds = append(ds, j.expected)
		known = known || j.expected > 0
	}
	if !known {
		return nil
	}
	return ds
}

// option reads the words of an options or resume line.
func (w *world) option(words []string) (err error) {
	ids := func(value string) (out []run.JobID) {
		for _, id := range list(value) {
			out = append(out, run.JobID(id))
		}
		return out
	}
	for _, word := range words {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "workers":
			w.opt.Workers, err = strconv.Atoi(value)
		case "sequential":
			w.opt.Sequential = true
		case "parallel":
			w.opt.Parallel = true
		case "continue-on-error":
			w.opt.ContinueOnError = true
		case "failed-only":
			w.opt.FailedOnly = true
		case "skip":
			w.opt.Skip = ids(value)
		case "from":
			w.opt.From = ids(value)
		default:
			err = fmt.Errorf("no such option: %s", word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// input reads a command that is an input of the plan.
func (w *world) input(words []string) (plan.Input, error) {
	switch words[0] {
	case "begin":
		return plan.Begin{}, nil
	case "tick":
		d, err := time.ParseDuration(words[1])
		w.now = w.now.Add(d)
		return plan.Tick{}, err
	case "cancel":
		return plan.Cancel{Reason: askedAs(words, run.RunCancelled, run.Interrupted), Detail: by(words)}, nil
	case "drain":
		return plan.Drain{Reason: askedAs(words, run.EngineStopping, run.EngineLost), Detail: by(words)}, nil
	case "cancel-job":
		i, err := w.job(words[1])
		return plan.CancelJob{Job: i, Detail: by(words)}, err
	case "finish":
		return w.finish(words[1:])
	}
	return nil, fmt.Errorf("no such command: %s", words[0])
}

// askedAs returns the second reason when a word names it.
func askedAs(words []string, usual, other run.Reason) run.Reason {
	if slices.Contains(words, string(other)) {
		return other
	}
	return usual
}

func by(words []string) string {
	if i := slices.Index(words, "by"); i > 0 && i+1 < len(words) {
		return "by " + words[i+1]
	}
	return ""
}

// job returns the index of a job; #5 is taken as it is.
func (w *world) job(word string) (int, error) {
	if number, ok := strings.CutPrefix(word, "#"); ok {
		return strconv.Atoi(number)
	}
	i := w.wf.Index(run.JobID(word))
	if i < 0 {
		return 0, fmt.Errorf("no such job: %s", word)
	}
	return i, nil
}

// finish reads "a exit 1" or "a try 2 timeout". Without a try it is the current one.
func (w *world) finish(words []string) (plan.Input, error) {
	i, err := w.job(words[0])
	if err != nil {
		return nil, err
	}
	in := plan.Finished{Job: i}
	if i >= 0 && i < len(w.wf.Jobs) {
		_, in.Try = w.plan.Job(i)
	}
	words = words[1:]
	if words[0] == "try" {
		if in.Try, err = strconv.Atoi(words[1]); err != nil {
			return nil, err
		}
		words = words[2:]
	}
	in.Outcome, err = outcome(words)
	return in, err
}

func outcome(words []string) (run.Outcome, error) {
	o := run.Outcome{State: run.Failed, ExitCode: run.NoExitCode}
	switch words[0] {
	case "ok":
		o.State, o.Reason, o.ExitCode = run.Success, run.Exited, 0
	case "exit":
		n, err := strconv.Atoi(words[1])
		o.Reason, o.ExitCode = run.Exited, n
		return o, err
	case "timeout":
		o.State, o.Reason = run.Timeout, run.TimedOut
	case "cancelled":
		o.State, o.Reason = run.Cancelled, run.Reason(words[1])
	case "nothing":
		o = run.Outcome{}
	default:
		o.Reason = run.Reason(words[0])
		if !slices.Contains(run.Reasons(), o.Reason) {
			return o, fmt.Errorf("no such way to finish: %s", words[0])
		}
		if o.Reason == run.PostcheckFailed {
			o.ExitCode = 0
		}
	}
	return o, nil
}
