package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A line with the same level and message is written so often within so long; after that one in so many is.
const (
	sampleWithin = 10 * time.Second
	sampleFirst  = 20
	sampleOne    = 100
	sampleKept   = 1000 // messages that are kept count of
)

// Sampled thins lines that repeat: of those with the same level and message, all of the
// first 20 in ten seconds are written and then each 100th, with the number of those that
// were left out as "left_out". Warnings and errors are never left out.
func Sampled(h slog.Handler) slog.Handler {
	return sampled{h, &sampler{counts: make(map[sample]*count)}}
}

type sampled struct {
	slog.Handler
	sampler *sampler
}

// sample is what makes lines the same.
type sample struct {
	level   slog.Level
	message string
}

type count struct {
	since time.Time
	lines int // within the interval that began at since
	left  int // of these, lines left out that no line has told of
}

type sampler struct {
	mu     sync.Mutex // guards counts: loggers are shared
	counts map[sample]*count
}

func (s sampled) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		return s.Handler.Handle(ctx, r)
	}
	write, left := s.sampler.take(sample{r.Level, r.Message}, r.Time)
	if !write {
		return nil
	}
	if left > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("left_out", left))
	}
	return s.Handler.Handle(ctx, r)
}

// take counts a line, and returns whether to write it and how many were left out before it.
func (s *sampler) take(id sample, at time.Time) (write bool, left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts[id]
	if c == nil {
		if len(s.counts) >= sampleKept {
			clear(s.counts) // they all begin anew, which writes more rather than less
		}
		c = &count{since: at}
		s.counts[id] = c
	}
	if at.Sub(c.since) >= sampleWithin {
		c.since, c.lines = at, 0
	}
	c.lines++
	if c.lines > sampleFirst && c.lines%sampleOne != 0 {
		c.left++
		return false, 0
	}
	left, c.left = c.left, 0
	return true, left
}

func (s sampled) WithAttrs(as []slog.Attr) slog.Handler {
	return sampled{s.Handler.WithAttrs(as), s.sampler}
}

func (s sampled) WithGroup(name string) slog.Handler {
	return sampled{s.Handler.WithGroup(name), s.sampler}
}
