package main

import (
	"sync"
	"time"
)

const (
	// pairs is how often the service is measured with somebody who watches and without.
	pairs = 5
	// scrapes is the time between two looks at the metrics: shorter than anybody needs.
	scrapes = time.Second
)

// watched measures what it costs that one client follows all events and another reads the
// metrics each second: rates with them and without them, in turn.
func (s *settings) watched(srv *server) error {
	if _, _, err := s.executed(srv, s.runs/2); err != nil { // warm
		return err
	}
	for range pairs {
		alone, cpuAlone, err := s.executed(srv, s.runs/2)
		if err != nil {
			return err
		}
		reader, err := srv.watch()
		if err != nil {
			return err
		}
		end := srv.scrapeAlways()
		watched, cpuWatched, err := s.executed(srv, s.runs/2)
		end()
		reader.close()
		if err != nil {
			return err
		}
		s.table.add("events followed, metrics read each second: runs of one job/s, × without", watched/alone)
		s.table.add("events followed, metrics read each second: CPU for each run, × without", float64(cpuWatched)/float64(cpuAlone))
	}
	return nil
}

// scrapeAlways reads the metrics again and again until end is called.
func (srv *server) scrapeAlways() (end func()) {
	over := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		tick := time.NewTicker(scrapes)
		defer tick.Stop()
		for {
			_, _ = srv.get("/metrics") // the rate tells
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	})
	return func() {
		close(over)
		all.Wait()
	}
}
