package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/run"
)

// submitters submit runs to a service at the same time and remember what they were
// answered. What has no answer they submit again, with the same key.
type submitters struct {
	*place
	client   http.Client
	answered atomic.Int64

	mu   sync.Mutex // guards runs
	runs map[string]run.ID
}

func newSubmitters(p *place) *submitters {
	return &submitters{place: p, runs: map[string]run.ID{}, client: http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 8,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", p.path("history.db.sock"))
		},
	}}}
}

// submit submits the run of a key until there is an answer.
func (s *submitters) submit(ctx context.Context, key string) error {
	flow, err := json.Marshal(map[string]any{
		"application_name": "load", "working_dir": s.dir, "jobs": []job{{"id": "a", "command": "echo " + key + " >>ledger"}},
	})
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"source": string(flow)})
	if err != nil {
		return err
	}
	for {
		id, err := s.try(ctx, key, body)
		if err == nil {
			s.mu.Lock()
			s.runs[key] = id
			s.mu.Unlock()
			s.answered.Add(1)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", key, err)
		case <-time.After(5 * time.Millisecond): // there is no service, for now
		}
	}
}

// try returns the run that the service says it has accepted.
func (s *submitters) try(ctx context.Context, key string, body []byte) (run.ID, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://executioner/api/v1/runs", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusCreated && res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %d", res.StatusCode)
	}
	var id run.ID
	_, location, ok := strings.Cut(res.Header.Get("Location"), "/runs/") // it is said before the rest is written
	if !ok {
		return 0, errors.New("no location")
	}
	_, err = fmt.Sscan(location, &id)
	return id, err
}

// TestServeIsKilledUnderLoad: what was accepted is there after a kill -9, and runs once.
// A submission without an answer can be made again: there is one run of each key.
func TestServeIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	const clients, each = 6, 20
	p := newPlace(t)
	s := newSubmitters(p)
	defer s.client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	serving := p.serve()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range each {
				if err := s.submit(ctx, fmt.Sprintf("c%d-%d", c, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for _, n := range []int64{10, 40, 80} {
		p.eventually(fmt.Sprintf("%d are accepted", n), func() bool { return s.answered.Load() >= n })
		serving.kill()
		serving = p.serve()
	}
	all.Wait()
	runs := map[run.ID]string{}
	for key, id := range s.runs {
		if other, twice := runs[id]; twice {
			t.Errorf("%s and %s are both run %d", key, other, id)
		}
		runs[id] = key
		p.ended(run.Success, id)
	}
	equal(t, "accepted", len(runs), clients*each)
	ran := map[string]int{}
	for _, key := range p.starts() {
		ran[key]++
	}
	for key := range s.runs {
		equal(t, "starts of "+key, ran[key], 1)
	}
	equal(t, "starts", len(p.starts()), clients*each)
	list := p.run("runs", "list", "--limit", "1000", "--json").ends(t, 0)
	equal(t, "runs", strings.Count(list.out, `"application"`), clients*each)
}
