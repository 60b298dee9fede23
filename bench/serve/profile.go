package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// profile keeps a profile of the processor of the service, of so long from now on, where
// that is asked for. It returns what waits for that.
func (s *settings) profile(srv *server, name string, took time.Duration) (wait func() error) {
	return s.ask(srv, name+".cpu", fmt.Sprintf("/debug/pprof/profile?seconds=%d", max(1, int(took.Seconds()))))
}

// heap keeps what is in the memory of the service, and its metrics, where that is asked for.
func (s *settings) heap(srv *server, name string) error {
	for file, path := range map[string]string{".heap": "/debug/pprof/heap", ".goroutines": "/debug/pprof/goroutine", ".metrics": "/metrics"} {
		if err := s.ask(srv, name+file, path)(); err != nil {
			return err
		}
	}
	return nil
}

func (s *settings) ask(srv *server, file, path string) (wait func() error) {
	if s.profiles == "" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		data, err := srv.get(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(s.profiles, file), data, 0o600)
		}
		done <- err
	}()
	return func() error { return <-done }
}
