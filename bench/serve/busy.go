package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// busy measures a service that does nothing, one that has as much to do as it can, while
// some ask and watch, and one that has little to do.
func (s *settings) busy(srv *server) error {
	s.table.add("idle CPU, %", srv.quiet(s.idle))
	recorded, err := s.bareStore(srv.dir)
	if err != nil {
		return err
	}
	looped, err := s.bareLoop()
	if err != nil {
		return err
	}
	reader, err := srv.watch()
	if err != nil {
		return err
	}
	defer reader.close()
	asker := srv.askAlways()
	profiled := s.profile(srv, "busy", 3*time.Second)
	cpu, began := srv.cpu(), time.Now()
	took, err := s.submit(srv, s.runs, "true")
	accepted := float64(s.runs) / time.Since(began).Seconds()
	if err == nil {
		err = srv.await()
	}
	ended := float64(s.runs) / time.Since(began).Seconds()
	if err == nil {
		err = profiled()
	}
	cpu = srv.cpu() - cpu
	asked, askErr := asker.stop()
	if err != nil || askErr != nil {
		return fmt.Errorf("%w, %w", err, askErr)
	}
	s.table.add("submissions/s, beside the runs", accepted)
	s.table.add("runs/s that the store records by itself", recorded)
	s.table.add("submissions, × the store by itself", accepted/recorded)
	s.table.latency("submit", took)
	s.table.latency("get under this load", asked)
	s.table.latency("event, from its time to the reader, under this load", reader.taken())
	s.table.add("runs of one job/s", ended)
	s.table.add("commands/s that a bare loop starts", looped)
	s.table.add("runs of one job, × the bare loop", ended/looped)
	s.table.add("CPU of the service for each run, ms", ms(cpu)/float64(s.runs))
	s.table.add("memory after that, MiB", srv.memory())
	return s.calm(srv, reader)
}

// calm measures a service that executes one run after another.
func (s *settings) calm(srv *server, reader *reader) error {
	body, err := srv.flow("true")
	if err != nil {
		return err
	}
	var took []time.Duration
	for range 200 {
		began := time.Now()
		if _, err := srv.ask(http.MethodPost, "/api/v1/runs?wait=30s", body); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	s.table.latency("event, one run after another", reader.taken())
	s.table.latency("submit and wait for the end", took)
	return nil
}

// asker asks for a run a hundred times in a second.
type asker struct {
	srv  *server
	end  chan struct{}
	all  sync.WaitGroup
	took []time.Duration
	err  error
}

func (srv *server) askAlways() *asker {
	a := &asker{srv: srv, end: make(chan struct{})}
	a.all.Go(a.loop)
	return a
}

func (a *asker) loop() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-a.end:
			return
		case <-tick.C:
		}
		began := time.Now()
		if _, err := a.srv.get("/api/v1/runs/@latest"); err != nil {
			if a.took != nil { // there is a run
				a.err = err
			}
			continue
		}
		a.took = append(a.took, time.Since(began))
	}
}

func (a *asker) stop() ([]time.Duration, error) {
	close(a.end)
	a.all.Wait()
	return a.took, a.err
}
