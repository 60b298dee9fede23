package keeper

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/executionerhq/executioner/internal/process"
	"github.com/executionerhq/executioner/internal/run"
)

// noOps runs jobs that do nothing, one after the other, and tells how long each takes
// from its start to the end that the engine hears of.
type noOps struct {
	Keeper
	dir string
	n   int
}

func (j *noOps) once(b *testing.B) time.Duration {
	j.n++
	id := fmt.Sprint(j.n)
	s := Spec{
		ID: id, Path: "/bin/sh", Args: []string{"sh", "-c", ":"}, Dir: "/", Cookie: "bench/" + id,
		Env: []string{"PATH=/bin:/usr/bin", process.CookieVariable + "=bench/" + id},
		Log: &Log{Path: filepath.Join(j.dir, "log"), End: true},
	}
	ended := make(chan Result, 1)
	began := time.Now()
	j.Start(s, func(r Result) { ended <- r })
	r := <-ended
	took := time.Since(began)
	j.Forget(id)
	if r.Outcome.State != run.Success {
		b.Fatalf("%+v", r.Outcome)
	}
	return took
}

// BenchmarkNoOp is what a job costs with a keeper, beside what it costs in the engine's
// own process: the medians of both, measured in turn, what one has more than the other,
// and the ratio.
func BenchmarkNoOp(b *testing.B) {
	host, err := process.NewHost()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cfg := Config{Dir: filepath.Join(b.TempDir(), "k", "run"), Epoch: 1, Program: self, Name: "executioner", Host: host, Environ: []string{"HOME=/"}}
	client, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	cfg.Dir = filepath.Join(b.TempDir(), "k", "run")
	alone, err := Alone(cfg)
	if err != nil {
		b.Fatal(err)
	}
	ways := [2]*noOps{{Keeper: client, dir: b.TempDir()}, {Keeper: alone, dir: b.TempDir()}}
	var all [2][]time.Duration
	for b.Loop() {
		for i, w := range ways {
			all[i] = append(all[i], w.once(b))
		}
	}
	var median [2]float64
	for i, w := range ways {
		slices.Sort(all[i])
		median[i] = float64(all[i][len(all[i])/2].Microseconds())
		if err := w.Close(true); err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median[0], "µs/keeper")
	b.ReportMetric(median[1], "µs/alone")
	b.ReportMetric(median[0]-median[1], "µs/added")
	b.ReportMetric(median[0]/median[1], "keeper/alone")
}
