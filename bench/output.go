package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/store/sqlstore"
	"github.com/executionerhq/executioner/internal/workflow"
)

// output shows how fast a job may write, and what of it is kept.
func (s *suite) output() error {
	if !s.wants("output") {
		return nil
	}
	const bytes = 200 << 20
	fmt.Println("| one job printing 200 MiB | rate | peak memory |")
	fmt.Println("| --- | --- | --- |")
	loud := []job{{ID: "loud", Command: fmt.Sprintf("head -c %d /dev/zero", bytes)}}
	var mine, pipe []sample
	for range s.rounds {
		dir, file, err := s.write(loud, 1)
		if err != nil {
			return err
		}
		got, err := s.ours(dir, file)
		if err != nil {
			return err
		}
		mine = append(mine, got)
		got, err = measure(dir, nil, "sh", "-c", loud[0].Command+" | cat >/dev/null")
		if err != nil {
			return err
		}
		pipe = append(pipe, got)
	}
	m, p := median(mine), median(pipe)
	fmt.Printf("| recorded by a run (limit 64 MiB: head and tail kept) | %.0f MB/s | %.1f MiB |\n", bytes/1e6/m.wall.Seconds(), float64(m.rss)/(1<<20))
	fmt.Printf("| through `cat` to /dev/null | %.0f MB/s | |\n\n", bytes/1e6/p.wall.Seconds())
	return nil
}

// list shows how long it takes to look at a long history.
func (s *suite) list() error {
	if !s.wants("list") {
		return nil
	}
	database := filepath.Join(s.dir, "long.db")
	if err := longHistory(database, 100_000); err != nil {
		return err
	}
	fmt.Println("| with 100,000 runs of history | wall |")
	fmt.Println("| --- | --- |")
	for _, argv := range [][]string{
		{"runs", "list"},
		{"runs", "list", "--application", "app7", "--state", "FAILED"},
		{"runs", "list", "--before", "50000", "--limit", "100"},
		{"runs", "show", "50000"},
		{"explain", "50000"},
	} {
		var all []sample
		for range 5 * s.rounds {
			got, err := measure(s.dir, nil, append(append([]string{s.program}, argv...), "--database", database)...)
			if err != nil {
				return err
			}
			all = append(all, got)
		}
		name := argv[0]
		for _, a := range argv[1:] {
			name += " " + a
		}
		fmt.Printf("| %s | %.1f ms |\n", name, median(all).wall.Seconds()*1e3)
	}
	fmt.Println()
	return nil
}

// longHistory makes a database of n ended runs of ten applications, a tenth of which failed.
func longHistory(path string, n int) error {
	ctx := context.Background()
	st, err := sqlstore.OpenSQLite(ctx, path, sqlstore.Config{})
	if err != nil {
		return err
	}
	defer st.Close()
	wf, err := workflow.Load(workflow.Source{Name: "bench.json", Data: []byte(`{"working_dir": "/tmp", "jobs": [{"id": "a", "command": ":"}]}`)}, workflow.Host{})
	if err != nil {
		return err
	}
	body, hash, err := workflow.Encode(wf)
	if err != nil {
		return err
	}
	at := time.Now().Add(-time.Duration(n) * time.Minute)
	for i := range n {
		at = at.Add(time.Minute)
		lease, err := st.CreateRun(ctx, store.NewRun{
			Application: fmt.Sprintf("app%d", i%10), WorkingDir: "/tmp", Hash: hash, Workflow: body, At: at,
			Attempt: store.NewAttempt{Hash: hash, Workflow: body, Jobs: 1, At: at},
		}, store.Owner{Host: "bench"}, time.Minute)
		if err != nil {
			return err
		}
		end := run.Transition{Attempt: 1, From: run.Running, To: run.Success, Reason: run.AllSucceeded, At: at}
		if i%70 == 7 {
			end.To, end.Reason = run.Failed, run.JobFailed
		}
		if _, err := st.Append(ctx, lease, []run.Transition{
			{Attempt: 1, From: run.Pending, To: run.Queued, Reason: run.Submitted, At: at},
			{Attempt: 1, From: run.Queued, To: run.Running, Reason: run.Started, At: at},
			end,
		}); err != nil {
			return err
		}
		if err := st.Release(ctx, lease); err != nil {
			return err
		}
	}
	return nil
}
