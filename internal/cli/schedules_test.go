package cli_test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/executionerhq/executioner/client"
)

// schedules does all that can be done with schedules of a service.
func (o *operator) schedules() {
	_, err := o.c.Register(o.ctx, "timed", client.Registration{Source: o.text["good.yaml"] + "schedules: [{name: each hour, every: 1h}]\n"})
	o.ok(err)
	const id = "timed/each hour"
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		all, err := o.c.Schedules(o.ctx)
		o.ok(err)
		if len(all) == 1 && all[0].ID == id {
			break
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("the schedule is not seen: %v", all)
		}
	}
	paused, err := o.c.PauseSchedule(o.ctx, id, "works")
	o.ok(err)
	known, err := o.c.Schedule(o.ctx, id)
	o.ok(err)
	o.same("paused", paused.Paused && known.PausedWhy == "works" && known.Application == "good", true)
	_, err = o.c.ResumeSchedule(o.ctx, id)
	o.ok(err)
	hours := client.BackfillRange{From: time.Now().Add(-150 * time.Minute).UTC().Format(time.RFC3339)}
	hours.From = hours.From[:16] + "Z"
	plan, err := o.c.PreviewBackfill(o.ctx, id, hours)
	o.ok(err)
	made, err := o.c.Backfill(o.ctx, id, hours)
	o.ok(err)
	o.same("asked for", plan.Asked == made.Asked && made.Asked >= 2, true)
	_, err = o.c.RunSchedule(o.ctx, id)
	o.ok(err)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		page, err := o.c.ScheduledTimes(o.ctx, id, client.TimesFilter{})
		o.ok(err)
		begun := 0
		for _, one := range page.Times {
			if one.Run != 0 {
				begun++
			}
		}
		if begun == made.Asked+1 {
			return
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("the runs don't begin: %+v", page.Times)
		}
	}
}

const timed = `
-- service.yaml --
schedules: {directory: flows}
-- flows/tick.yaml --
application_name: tick
working_dir: "~"
schedules: [{name: often, every: 1s, overlap: allow, time_zone: Asia/Kolkata}]
jobs: [{id: a, command: echo at $EXECUTIONER_SCHEDULED_TIME by $EXECUTIONER_SCHEDULE}]
-- flows/broken.yaml --
application_name: broken
working_dir: "~"
jobz: [{id: a, command: "true"}]
`

// A service runs the workflows of its directory by their schedules, and the commands say the
// same through the service and on its database.
func TestScheduleCommands(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse([]byte(timed)))
	stop := p.serve("--config", "service.yaml")
	const id = "file:tick.yaml/often"
	for deadline := time.Now().Add(time.Minute); !strings.Contains(p.run("executioner runs list").Out, "SUCCESS"); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing ran: %+v", p.run("executioner schedule history "+id))
		}
	}
	said := func(command, code, out, errs string) {
		t.Helper()
		if got := p.run(command); got.Code != code || !strings.Contains(got.Out, out) || !strings.Contains(got.Err, errs) {
			t.Errorf("%s: %+v", command, got)
		}
	}
	said("executioner logs 1 a", "0", "by often", "")
	said("executioner schedule pause "+id+" --why works", "0", "schedule "+id+" is paused", "")
	said("executioner schedule backfill "+id+" --from 2026-01-01T00:00 --to 2026-01-01T00:02 --preview --limit 3", "2", "", "more than")
	said("executioner schedule backfill "+id+" --from 2026-01-01T00:00:00Z --to 2026-01-01T00:00:02Z --concurrency 3", "0", "3 of 3 times are asked for", "")
	said("executioner schedule backfill "+id+" --from 2026-01-01T00:00:00Z --to 2026-01-01T00:00:02Z", "0", "0 of 3 times are asked for", "")
	// A time that is shown can be given to another command.
	said("at=$(executioner schedule history "+id+" --limit 1 | tail -1 | cut -c1-26); executioner schedule backfill "+id+` --from "$at" --to "$at" --preview`, "0", "of 1 times would be asked for", "")
	said("at=$(executioner schedule history "+id+" --limit 1 | tail -1 | cut -c1-26); executioner schedule history "+id+` --since "$at" --before "$at"`, "0", "WHY", "")
	// A file that was broken from the start was not listed.
	said("executioner schedule list", "0", "file:broken.yaml/* broken - can't be used since TIME +00:00: invalid_workflow: $WORK/flows/broken.yaml:1:1: jobs is missing; $WORK/flows/broken.yaml:3:1: warning: unknown field", "")
	said("executioner schedule run-now "+"'file:broken.yaml/*'", "5", "", "can't be used: invalid_workflow")
	said("executioner schedule run-now "+id, "0", "asked for", "")
	said("executioner schedule show "+id, "0", "works, at TIME +05:30", "")
	said("executioner schedule show no/thing", "4", "", "there is no schedule")
	said("executioner schedule run-now nothing", "2", "", "WORKFLOW/SCHEDULE")
	said("executioner schedule run-now no/thing", "4", "", "there is no schedule")
	said("executioner schedule backfill "+id, "2", "", "--from is missing")
	said("executioner schedule history "+id+" --limit 0", "2", "", "--limit must be")
	said("executioner schedule history "+id+" --since never", "2", "", "--since")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		now := p.run("executioner schedule history " + id + " --json --limit 1000 | tr '{' '\\n' | grep '\"now\"'")
		if strings.Contains(now.Out, `"run":`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("it does not run: %+v", now)
		}
	}
	stop(syscall.SIGTERM)
	there := p.run("executioner schedule list --database history.db --json")
	var all struct{ Schedules []client.KnownSchedule }
	if err := json.Unmarshal([]byte(strings.ReplaceAll(there.Out, `"TIME"`, `null`)), &all); err != nil || len(all.Schedules) != 2 || !all.Schedules[1].Paused || all.Schedules[0].BrokenWhy == "" {
		t.Fatalf("%v %+v", err, there)
	}
	p.serve("--config", "service.yaml")
	for _, command := range []string{"list", "list --json", "list --all", "show " + id, "show " + id + " --json", "history " + id + " --limit 4", "history " + id + " --json --limit 2 --before 2026-01-01T00:00:02Z", "history no/thing"} {
		here, there := p.run("executioner schedule "+command+" --database history.db"), p.run("executioner schedule "+command)
		if diff := cmp.Diff(here, there); diff != "" {
			t.Errorf("%s\n(-on the database +through the service)\n%s", command, diff)
		}
	}
	said("executioner schedule resume "+id+" --database history.db", "0", "is resumed", "")
	said("executioner schedule backfill "+id+" --from 2026-01-01 --database history.db", "2", "", "ask the service")
	said("executioner audit list --database history.db", "0", "workflow.write", "")
	said("executioner __complete schedule pause ''", "0", id, "")
}
