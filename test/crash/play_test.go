//go:build linux

package crash

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// spare is how many rounds are allowed beyond those in which somebody is killed: what is
// lost has to be resumed.
const spare = 4

// A play is one scenario while it is played.
type play struct {
	*place
	scenario
	story   []string // what happened, for whoever has to find out why
	wrongs  []string
	hits    []hit               // steps that were reached, in all rounds
	exposed map[run.TaskID]bool // see evidence
	deaths  []span
	orphans bool // an engine was killed
	injured bool // the jobs themselves were, too
	hurt    bool // a step was made to fail, and starts may have failed with it
}

func (p *play) tell(format string, args ...any) {
	p.story = append(p.story, fmt.Sprintf(format, args...))
}

func (p *play) wrong(format string, args ...any) {
	p.wrongs = append(p.wrongs, fmt.Sprintf(format, args...))
}

// perform plays a scenario to its end and returns it with all that went wrong.
func perform(s scenario) (*play, error) {
	pl, err := newPlace()
	if err != nil {
		return nil, err
	}
	defer pl.remove()
	p := &play{place: pl, scenario: s, exposed: make(map[run.TaskID]bool)}
	if err := os.WriteFile(p.path("flow.json"), s.flow.file(p.dir), 0o600); err != nil {
		return nil, err
	}
	if err := p.rounds(); err != nil {
		return nil, err
	}
	return p, p.close()
}

// rounds runs and resumes until the run has ended as it must.
func (p *play) rounds() error {
	for n := 0; n < len(p.blows)+spare && p.wrongs == nil; n++ {
		ts, _, err := p.history()
		if err != nil || p.flow.settled(ts) {
			return err
		}
		var b blow
		if n < len(p.blows) {
			b = p.blows[n]
		}
		if err := p.round(b); err != nil {
			return err
		}
		if n < len(p.asides) && p.asides[n] != nil {
			if err := p.aside(p.asides[n]); err != nil {
				return err
			}
		}
	}
	return nil // the verdict is that it has not ended
}

// round runs the program once.
func (p *play) round(b blow) error {
	args, err := p.next(b)
	if err != nil {
		return err
	}
	log := filepath.Join(p.out, "steps")
	_ = os.Truncate(log, 0) // a keeper of an earlier round goes on writing to it
	ts, _, err := p.history()
	if err != nil {
		return err
	}
	environ := []string{"EXECUTIONER_FAILPOINT=" + b.steps, "EXECUTIONER_FAILPOINT_LOG=" + log}
	if b.full {
		environ = append(environ, "EXECUTIONER_DURABILITY=full")
	}
	e, err := p.begin(environ, args...)
	if err != nil {
		return err
	}
	struck := p.strike(e, b)
	if err := e.end(p.place); err != nil {
		p.wrong("%v", err)
		return nil
	}
	hits := readHits(log)
	p.hits = append(p.hits, hits...)
	struck = append(struck, p.steered(hits)...)
	p.tell("%s, %s: killed %v, exit code %d after %v, %d lines in the ledger %s", e.words, b, struck, e.code(),
		time.Since(e.began).Round(time.Millisecond), p.ledgerLines(), strings.TrimSpace(fmt.Sprintf("%.300s", e.said())))
	p.conclude(e, struck)
	return p.mourn(e, struck, open(ts))
}

// mourn notes what is exposed by the deaths of a round, before which some tasks were going on:
// of these the engine has no share in the pipes when their keeper dies before it has called it.
func (p *play) mourn(e *engine, struck []target, before map[run.TaskID]bool) error {
	if keeperThere && slices.Contains(struck, theKeeper) {
		p.deaths = append(p.deaths, span{e.began, time.Now()})
		if !strings.Contains(e.said(), "the keeper is gone") {
			maps.Copy(p.exposed, before)
		}
	}
	if !slices.Contains(struck, theEngine) || keeperThere && !slices.Contains(struck, theKeeper) {
		return nil
	}
	ts, _, err := p.history()
	for id := range open(ts) {
		p.exposed[id] = true
	}
	if !settle(patience, func() bool { return len(p.jobProcesses()) == 0 || keeperThere }) {
		p.wrong("the jobs of %s do not end", e.words)
	}
	return err
}

// open returns the tasks that are recorded as started and not as ended.
func open(ts []run.Transition) map[run.TaskID]bool {
	tasks := make(map[run.TaskID]bool)
	for _, t := range ts {
		id := run.TaskID{Run: theRun, Attempt: t.Attempt, Job: t.Job, Try: t.Try}
		switch {
		case t.Job == "" || t.Mark():
		case t.To == run.Running:
			tasks[id] = true
		case t.From == run.Running:
			delete(tasks, id)
		}
	}
	return tasks
}

// next is the command of the next round: nothing can be resumed before it was recorded.
func (p *play) next(b blow) ([]string, error) {
	_, there, err := p.history()
	if err != nil {
		return nil, err
	}
	program := program
	if b.newer {
		program = newer
	}
	if !there {
		return []string{program, "run", "flow.json", "-q"}, nil
	}
	return []string{program, "resume", "1", "-q"}, nil
}

// strike waits for the moment of a blow and returns who was killed.
func (p *play) strike(e *engine, b blow) (struck []target) {
	if b.target == "" {
		return nil
	}
	keeper, found := 0, false
	for !e.over() && p.ledgerLines() < e.started+b.after {
		if !found && b.target != theEngine {
			keeper, found = p.keeper()
		}
		time.Sleep(500 * time.Microsecond)
	}
	time.Sleep(b.pause)
	for !found && b.target != theEngine && !e.over() {
		keeper, found = p.keeper()
	}
	if e.over() {
		return nil
	}
	for _, t := range b.order() {
		if len(struck) > 0 {
			time.Sleep(b.gap)
		}
		switch {
		case t == theEngine && syscall.Kill(e.cmd.Process.Pid, syscall.SIGKILL) == nil,
			t == theKeeper && found && syscall.Kill(keeper, syscall.SIGKILL) == nil:
			struck = append(struck, t)
		}
	}
	return struck
}

// order is in which order a blow strikes.
func (b blow) order() []target {
	switch {
	case b.target != both:
		return []target{b.target}
	case b.last == theEngine:
		return []target{theKeeper, theEngine}
	}
	return []target{theEngine, theKeeper}
}

// steered returns who was killed at a step.
func (p *play) steered(hits []hit) (struck []target) {
	other := map[target]target{theEngine: theKeeper, theKeeper: theEngine}
	for _, h := range hits {
		switch h.action {
		case "kill":
			struck = append(struck, h.role)
		case "kill-other":
			struck = append(struck, other[h.role])
		case "kill-both":
			struck = append(struck, h.role, other[h.role])
		case "enospc", "eio", "emfile", "eagain", "short":
			p.hurt = true
		}
	}
	return struck
}

// conclude judges how the program ended, and waits for what it left.
func (p *play) conclude(e *engine, struck []target) {
	engineGone := slices.Contains(struck, theEngine)
	switch code := e.code(); {
	case code == 128+int(syscall.SIGKILL) && engineGone, code == 0, code == 1:
	case code == 5 && p.orphans && !keeperThere && strings.Contains(e.said(), "are still running"):
	case code == 6 && slices.Contains(struck, theKeeper) && strings.Contains(e.said(), "the keeper can't be started"):
	case p.hurt && slices.Contains([]int{5, 6, 70}, code) && !strings.Contains(e.said(), "goroutine "):
	default:
		p.wrong("%s ended with %d: %s", e.words, code, e.said())
	}
	p.orphans = p.orphans || engineGone
}

// aside runs another command between the rounds.
func (p *play) aside(args []string) error {
	e, err := p.begin(nil, append([]string{program}, args...)...)
	if err != nil {
		return err
	}
	if err := e.end(p.place); err != nil {
		p.wrong("%v", err)
		return nil
	}
	p.tell("%s: exit code %d", e.words, e.code())
	if code := e.code(); code != 0 && code != 4 {
		p.wrong("%s ended with %d: %s", e.words, code, e.said())
	}
	return nil
}

// close judges the run when it has ended.
func (p *play) close() error {
	if len(p.wrongs) > 0 { // it has not
		return nil
	}
	e, err := p.evidence(p.flow)
	if err != nil {
		return err
	}
	if err := p.sweep(); err != nil {
		return err
	}
	e.exposed, e.deaths, e.mayFail, e.injured = p.exposed, p.deaths, p.hurt, p.injured
	p.wrongs = append(p.wrongs, e.verdict()...)
	for _, left := range p.leftovers(e) {
		p.wrong("left when the run had ended: %s", left)
	}
	if err := p.shown(e); err != nil {
		return err
	}
	if len(p.wrongs) > 0 {
		p.story = append(p.story, e.dump()...)
	}
	return nil
}

// sweep lets another run remove the keeper's directory that is left when the engine was killed
// after the last record, or could not remove it.
func (p *play) sweep() error {
	settle(tidiness, func() bool { _, there := p.keeper(); return !there })
	if _, err := os.Stat(p.path("history.db-keeper/run-1")); err != nil || !p.orphans && !p.hurt {
		return nil //nolint:nilerr // it is not there, as it should; or leftovers tells
	}
	next := filepath.Join(p.out, "next.json")
	body := fmt.Sprintf(`{"application_name": "next", "working_dir": %q, "log_dir": %q, "jobs": [{"id": "a", "command": "true"}]}`, p.dir, p.out)
	if err := os.WriteFile(next, []byte(body), 0o600); err != nil {
		return err
	}
	c, err := p.begin(nil, program, "run", next, "-q")
	if err != nil {
		return err
	}
	if err := c.end(p.place); err != nil || c.code() != 0 {
		p.wrong("%s ended with %d: %v %s", c.words, c.code(), err, c.said())
	}
	return nil
}

// shown compares what the program shows of the run with what it has recorded.
func (p *play) shown(e *evidence) error {
	c, err := p.begin(nil, program, "runs", "show", "1", "--json")
	if err != nil {
		return err
	}
	if err := c.end(p.place); err != nil || c.code() != 0 {
		p.wrong("%s ended with %d: %v %s", c.words, c.code(), err, c.said())
		return nil
	}
	var view struct {
		State string
		Jobs  []struct {
			ID       run.JobID
			State    string
			ExitCode *int `json:"exit_code"`
		}
	}
	if err := json.Unmarshal(c.output(), &view); err != nil {
		return err
	}
	if len(view.Jobs) != len(p.flow.Jobs) || view.State != p.flow.state().String() {
		p.wrong("shown as %s with %d jobs", view.State, len(view.Jobs))
	}
	for _, j := range view.Jobs {
		code, last := -1, lastExit(e.transitions, j.ID)
		if j.ExitCode != nil {
			code = *j.ExitCode
		}
		if want := p.flow.expected()[j.ID]; j.State != want.String() || code != last {
			p.wrong("%s: shown as %s with exit code %d, recorded as %s with %d", j.ID, j.State, code, want, last)
		}
	}
	return nil
}

// lastExit is the exit code of a job's last try, -1 when it has none.
func lastExit(ts []run.Transition, id run.JobID) int {
	code := -1
	for _, t := range ts {
		if t.Job == id && t.Outcome != nil {
			code = t.Outcome.ExitCode
		}
	}
	return code
}

// dump writes ledger and record down.
func (e *evidence) dump() (lines []string) {
	for _, t := range e.transitions {
		lines = append(lines, fmt.Sprintf("record %d: %s %d/%s/%d %s > %s %s %s", t.Seq, t.At.Format("05.000"), t.Attempt, t.Job, t.Try, t.From, t.To, t.Reason, t.Detail))
	}
	for i, l := range e.ledger {
		what := "start"
		if l.end {
			what = fmt.Sprintf("end %d", l.code)
		}
		lines = append(lines, fmt.Sprintf("ledger %d: %s %d %s", i, l.task, l.pid, what))
	}
	return lines
}
