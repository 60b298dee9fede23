package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// inFile is how many schedules a workflow file has.
	inFile = 100
	// scheduledFor is for how long it is measured how late runs are.
	scheduledFor = 30 * time.Second
	// settles is how long a service that has read its schedules may have more to do than usual.
	settles = 5 * time.Second
)

// scheduled measures a service with many schedules: what they cost that do nothing, how late
// the jobs of those start that fire, each every ten minutes, and what each time costs.
func (s *settings) scheduled(srv *server) error {
	if s.schedules == 0 {
		return nil
	}
	fired := filepath.Join(srv.dir, "fired")
	command := "echo $EXECUTIONER_SCHEDULED_TIME $(date +%s%N) >>'" + fired + "'"
	n := fmt.Sprintf("%d schedules: ", s.schedules)
	began := time.Now()
	err := s.setSchedules(srv, command, false, func(int) string { return "30 3 1 1 *" })
	if err != nil {
		return err
	}
	s.table.add(n+"read and recorded after, s", time.Since(began).Seconds())
	<-time.After(settles)
	profiled := s.profile(srv, "scheduled-idle", s.idle)
	s.table.add(n+"CPU with none due, %", srv.quiet(s.idle))
	if err := profiled(); err != nil {
		return err
	}
	if err := s.setSchedules(srv, command, true, func(i int) string { return fmt.Sprintf("%d %d-59/10 * * * *", i%60, i/60%10) }); err != nil {
		return err
	}
	<-time.After(settles)
	from, cpu := time.Now(), srv.cpu()
	profiled = s.profile(srv, "scheduled", scheduledFor)
	<-time.After(scheduledFor)
	cpu = srv.cpu() - cpu
	if err := profiled(); err != nil {
		return err
	}
	late, err := lateness(fired, from)
	if err != nil {
		return err
	}
	s.table.add(n+"times in a second", float64(len(late))/scheduledFor.Seconds())
	s.table.add(n+"CPU for each time, with its run of one job, ms", ms(cpu)/float64(max(len(late), 1)))
	s.table.latency(n+"from an expected time to the start of its job", late)
	return nil
}

// setSchedules writes the files of schedules and waits until the service has decided about
// all that they have. soon says that they fire in the next minutes, or that none does.
func (s *settings) setSchedules(srv *server, command string, soon bool, cron func(i int) string) error {
	for file := range s.schedules / inFile {
		all := make([]any, inFile)
		for i := range all {
			all[i] = map[string]any{"name": fmt.Sprintf("s%d", i), "cron": cron(file*inFile + i), "overlap": "allow"}
		}
		text, err := json.Marshal(map[string]any{
			"application_name": "bench", "working_dir": srv.dir, "schedules": all, "jobs": []any{map[string]any{"id": "a", "command": command}},
		})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(srv.flows, fmt.Sprintf("w%d.json", file)), text, 0o600); err != nil {
			return err
		}
	}
	for range 300 {
		b, err := srv.get("/api/v1/schedules")
		if err != nil {
			return err
		}
		var list struct {
			Schedules []struct {
				Next *time.Time `json:"next_at"`
			}
		}
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
		known := 0
		for _, one := range list.Schedules {
			if one.Next != nil && (time.Until(*one.Next) < 11*time.Minute) == soon {
				known++
			}
		}
		if known == s.schedules/inFile*inFile {
			return nil
		}
		<-time.After(500 * time.Millisecond)
	}
	return errors.New("the service does not take up its schedules")
}

// lateness reads how late jobs were that were expected since some time.
func lateness(file string, since time.Time) (all []time.Duration, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		expected, began, _ := strings.Cut(strings.TrimSpace(line), " ")
		at, err := time.Parse(time.RFC3339, expected)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(began, 10, 64)
		if err != nil {
			return nil, err
		}
		if at.After(since) {
			all = append(all, time.Unix(0, n).Sub(at))
		}
	}
	return all, nil
}
