package process

import (
	"io"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/executionerhq/executioner/internal/run"
)

// inParallel runs b.N rounds of work on two workers, as the engine does on a small host.
func inParallel(b *testing.B, work func() error) {
	b.Helper()
	b.ReportAllocs()
	jobs := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range jobs {
				if err := work(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ResetTimer()
	for range b.N {
		jobs <- struct{}{}
	}
	close(jobs)
	wg.Wait()
}

func BenchmarkStartWait(b *testing.B) {
	host, err := NewHost()
	if err != nil {
		b.Fatal(err)
	}
	defer host.Close()
	var tries atomic.Int64
	inParallel(b, func() error {
		cookie := "bench/" + strconv.FormatInt(tries.Add(1), 10)
		p, err := Start(Spec{
			Path: "/bin/sh", Args: []string{"sh", "-c", ":"}, Cookie: cookie,
			Env: []string{"PATH=/bin:/usr/bin", CookieVariable + "=" + cookie},
		}, host)
		if err != nil {
			return err
		}
		if o := p.Wait(); o.State != run.Success || o.Survivors != 0 {
			b.Errorf("outcome %+v", o)
		}
		return nil
	})
}

func BenchmarkExecCommand(b *testing.B) {
	inParallel(b, func() error {
		c := exec.Command("/bin/sh", "-c", ":")
		c.Env = []string{"PATH=/bin:/usr/bin", "EXECUTIONER_TASK=bench"}
		out, err := c.StdoutPipe()
		if err != nil {
			return err
		}
		if err := c.Start(); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, out); err != nil {
			return err
		}
		return c.Wait()
	})
}

func BenchmarkThroughput(b *testing.B) {
	host, err := NewHost()
	if err != nil {
		b.Fatal(err)
	}
	defer host.Close()
	const size = 1 << 30
	b.SetBytes(size)
	for range b.N {
		p, err := Start(Spec{
			Path: "dd", Args: []string{"dd", "if=/dev/zero", "bs=1M", "count=1024", "status=none"},
			Env: []string{"PATH=/bin:/usr/bin"},
		}, host)
		if err != nil {
			b.Fatal(err)
		}
		if o := p.Wait(); o.Output != size {
			b.Fatalf("outcome %+v", o)
		}
	}
}
