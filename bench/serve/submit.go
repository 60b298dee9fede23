package main

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// flow is the request for a run of one job.
func (srv *server) flow(command string) ([]byte, error) {
	flow, err := json.Marshal(map[string]any{
		"application_name": "bench", "working_dir": srv.dir, "jobs": []any{map[string]any{"id": "a", "command": command}},
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"source": string(flow), "name": "bench.json"})
}

// submit submits a workflow n times, by all clients at once, and returns how long each took.
func (s *settings) submit(srv *server, n int, command string) ([]time.Duration, error) {
	body, err := srv.flow(command)
	if err != nil {
		return nil, err
	}
	return s.together(n, func() error {
		_, err := srv.ask(http.MethodPost, "/api/v1/runs", body)
		return err
	})
}

// together does something n times, by all clients at once, and returns how long each took.
func (s *settings) together(n int, do func() error) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	var next atomic.Int64
	var failed atomic.Value
	var all sync.WaitGroup
	for range s.clients {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && failed.Load() == nil; i = next.Add(1) - 1 {
				began := time.Now()
				if err := do(); err != nil {
					failed.Store(err)
				}
				took[i] = time.Since(began)
			}
		})
	}
	all.Wait()
	if err, ok := failed.Load().(error); ok {
		return nil, err
	}
	return took, nil
}

// executed submits that many runs and waits for the end of the last. It returns how many
// were executed in a second, and the processor time of the service for each.
func (s *settings) executed(srv *server, n int) (perSecond float64, each time.Duration, err error) {
	cpu, began := srv.cpu(), time.Now()
	if _, err := s.submit(srv, n, "true"); err != nil {
		return 0, 0, err
	}
	if err := srv.await(); err != nil {
		return 0, 0, err
	}
	return float64(n) / time.Since(began).Seconds(), (srv.cpu() - cpu) / time.Duration(n), nil
}
