package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// reader reads the events of all runs and notes how old each is when it arrives. Their
// time is that of the engine, before the commit.
type reader struct {
	body io.Closer
	over chan struct{} // closed when the stream has ended

	mu   sync.Mutex // guards took, which the goroutine that reads adds to
	took []time.Duration
}

func (srv *server) watch() (*reader, error) {
	res, err := srv.http.Get("http://localhost/api/v1/events")
	if err != nil {
		return nil, err
	}
	r := &reader{body: res.Body, over: make(chan struct{})}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close()
		return nil, errNoAnswer
	}
	go r.read(res.Body)
	return r, nil
}

func (r *reader) read(from io.Reader) {
	defer close(r.over)
	for lines := bufio.NewReaderSize(from, 1<<16); ; {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		now := time.Now()
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		var event struct{ At time.Time }
		if !ok || json.Unmarshal(data, &event) != nil || event.At.IsZero() {
			continue
		}
		r.mu.Lock()
		r.took = append(r.took, now.Sub(event.At))
		r.mu.Unlock()
	}
}

// taken returns how old the events were since it was last called.
func (r *reader) taken() []time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := r.took
	r.took = nil
	return took
}

func (r *reader) close() {
	_ = r.body.Close()
	<-r.over
}
