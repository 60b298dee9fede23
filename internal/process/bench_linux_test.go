package process

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/executionerhq/executioner/internal/cgroup"
	"github.com/executionerhq/executioner/internal/run"
)

// onTwo does work n times on two workers, as the engine does on a small host.
func onTwo(b *testing.B, n int, work func() error) time.Duration {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	began := time.Now()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := work(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

func benchHost(b *testing.B) *Host {
	b.Helper()
	host, err := makeHost(os.Getenv("NOMARK") == "", false)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = host.Close() })
	return host
}

// ours returns a function that runs one empty shell through this package.
func ours(b *testing.B, host *Host) func() error {
	var tries atomic.Int64
	return func() error {
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
	}
}

// theirs is the same with os/exec.
func theirs() error {
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
}

func BenchmarkStartWait(b *testing.B) {
	work := ours(b, benchHost(b))
	b.ReportAllocs()
	onTwo(b, b.N, work)
}

func BenchmarkExecCommand(b *testing.B) {
	b.ReportAllocs()
	onTwo(b, b.N, theirs)
}

// BenchmarkAgainstExec alternates between both, so that a busy machine slows them alike,
// and reports how much time of os/exec this package takes.
func BenchmarkAgainstExec(b *testing.B) {
	work := ours(b, benchHost(b))
	var our, their time.Duration
	const batch = 50
	for range b.N {
		our += onTwo(b, batch, work)
		their += onTwo(b, batch, theirs)
	}
	b.ReportMetric(float64(our)/float64(their), "ratio")
	b.ReportMetric(float64(our.Microseconds())/float64(batch*b.N), "our-µs/start")
	b.ReportMetric(float64(their.Microseconds())/float64(batch*b.N), "exec-µs/start")
}

// BenchmarkLeafAgainstNone does the same with and without a control group from the pool.
func BenchmarkLeafAgainstNone(b *testing.B) {
	tree, support := cgroup.Open(cgroup.Config{})
	if tree == nil {
		b.Skip(support.NoLeaves)
	}
	b.Cleanup(tree.Close)
	host := benchHost(b)
	var tries atomic.Int64
	try := func(leaf *cgroup.Leaf) error {
		cookie := "bench/" + strconv.FormatInt(tries.Add(1), 10)
		p, err := Start(Spec{
			Path: "/bin/sh", Args: []string{"sh", "-c", ":"}, Cookie: cookie, Leaf: leaf,
			Env: []string{"PATH=/bin:/usr/bin", CookieVariable + "=" + cookie},
		}, host)
		if err == nil {
			p.Wait()
		}
		return err
	}
	none := func() error { return try(nil) }
	pooled := func() error {
		leaf, err := tree.Take()
		if err != nil {
			return err
		}
		defer leaf.Release()
		return try(leaf)
	}
	// The time of the processor, since on a busy host the clock measures the others.
	var with, without time.Duration
	const batch = 50
	for range b.N {
		began := cpu(b)
		onTwo(b, batch, pooled)
		between := cpu(b)
		onTwo(b, batch, none)
		with, without = with+between-began, without+cpu(b)-between
	}
	b.ReportMetric(float64(with.Microseconds())/float64(batch*b.N), "leaf-cpu-µs/start")
	b.ReportMetric(float64(without.Microseconds())/float64(batch*b.N), "none-cpu-µs/start")
}

// cpu is what this program and its children have used.
func cpu(b *testing.B) (sum time.Duration) {
	b.Helper()
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

func BenchmarkThroughput(b *testing.B) {
	host := benchHost(b)
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
