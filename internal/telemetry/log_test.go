package telemetry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogFormats(t *testing.T) {
	for _, tt := range []struct{ format, layout, want string }{
		{"text", time.DateTime, "AT INFO run ended·now run=7 took=1s\n"},
		{"logfmt", "2006-01-02T15:04:05.000Z07:00", "time=AT level=INFO msg=\"run ended\\nnow\" run=7 took=1s\n"},
		{"json", time.RFC3339Nano, `{"time":"AT","level":"INFO","msg":"run ended\nnow","run":7,"took":1000000000}` + "\n"},
	} {
		t.Run(tt.format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bytes.Buffer
				log := NewLog(&b, tt.format, "info").With("run", 7)
				log.Debug("not this")
				log.Info("run ended\nnow", "took", time.Second)
				if want := strings.Replace(tt.want, "AT", time.Now().Format(tt.layout), 1); b.String() != want {
					t.Errorf("%q, want %q", b.String(), want)
				}
			})
		})
	}
}

func TestLogGroups(t *testing.T) {
	var b bytes.Buffer
	NewLog(&b, "text", "warn").WithGroup("task").Warn("slow", "time", 3)
	if got := b.String(); !strings.HasSuffix(got, " WARN slow task.time=3\n") {
		t.Errorf("%q", got)
	}
}

// What repeats is thinned and counted; what warns is always there.
func TestSampling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := NewLog(&b, "json", "info")
		for i := range 1000 {
			log.Info("same", "i", i)
			log.Warn("warned", "i", i)
			log.Error("failed", "i", i)
		}
		log.Info("another")
		time.Sleep(sampleWithin)
		log.Info("same", "i", 1000)
		counts, left, last := make(map[string]int), 0, 0
		for line := range strings.Lines(b.String()) {
			var r struct {
				Msg     string
				I       int
				LeftOut int `json:"left_out"`
			}
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			counts[r.Msg]++
			left += r.LeftOut
			last = r.I
		}
		want := map[string]int{"same": 20 + 10 + 1, "warned": 1000, "failed": 1000, "another": 1}
		if fmt.Sprint(counts) != fmt.Sprint(want) || left != 1000-30 || last != 1000 {
			t.Errorf("%v, want %v; %d left out; last %d", counts, want, left, last)
		}
	})
}

// However many different lines there are, no more than so many are kept count of.
func TestSamplingIsBounded(t *testing.T) {
	var b bytes.Buffer
	h := Sampled(slog.NewTextHandler(&b, nil)).(sampled)
	log := slog.New(h)
	for i := range 3 * sampleKept {
		log.Info(fmt.Sprint("line ", i))
	}
	if n := strings.Count(b.String(), "\n"); n != 3*sampleKept || len(h.sampler.counts) > sampleKept {
		t.Errorf("%d lines, %d counts", n, len(h.sampler.counts))
	}
}
