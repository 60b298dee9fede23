package workflow

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

func bigJSON(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"working_dir": "/tmp", "jobs": [`)
	for i := 0; i < n; i++ {
		if i > 0 {
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `{"id": "job-%07d", "description": "number %d of many", "command": "echo hello %d && sleep 1", "timeout": 60, "dependencies": ["job-%07d"]}`, i, i, i, max(i-1, n+i-1-0)%n)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func big2(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"working_dir": "/tmp", "jobs": [`)
	for i := 0; i < n; i++ {
		if i > 0 {
			b.WriteString(",\n")
		}
		dep := ""
		if i > 0 {
			dep = fmt.Sprintf(`"job-%07d"`, i-1)
		}
		fmt.Fprintf(&b, `{"id": "job-%07d", "description": "number %d of many", "command": "echo hello %d && sleep 1", "timeout": 60, "dependencies": [%s]}`, i, i, i, dep)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func TestZZ(t *testing.T) {
	n := 1000000
	if os.Getenv("N") == "" {
		n = 100000
	}
	b := big2(n)
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	t0 := time.Now()
	w, err := Load(Source{"w1.json", b}, Host{Home: "/root", Dir: "/tmp"})
	d := time.Since(t0)
	runtime.ReadMemStats(&m1)
	if err != nil {
		var p Problems
		errors.As(err, &p)
		t.Fatal(p.String()[:500])
	}
	fmt.Printf("load %d MB in %v: %.0f MB/s, alloc %d B/job, sys %d MB\n", len(b)>>20, d, float64(len(b))/1e6/d.Seconds(), (m1.TotalAlloc-m0.TotalAlloc)/uint64(n), m1.Sys>>20)
	runtime.GC()
	runtime.ReadMemStats(&m1)
	fmt.Printf("live %d B/job\n", (m1.HeapAlloc-m0.HeapAlloc)/uint64(n))
	t0 = time.Now()
	s, h, err := Encode(w)
	fmt.Println("encode", time.Since(t0), len(s)>>20, h[:8], err)
	t0 = time.Now()
	w2, err := Decode(s)
	fmt.Println("decode", time.Since(t0), err)
	fmt.Println(reflect.DeepEqual(w, w2))
	if !reflect.DeepEqual(w, w2) {
		fmt.Printf("%+v\n%+v\n", w.Jobs[1], w2.Jobs[1])
	}
	c := bigJSON(n)
	t0 = time.Now()
	_, err = Load(Source{"w1.json", c}, Host{})
	fmt.Println("circle", time.Since(t0), err)
	c = bytes.ReplaceAll(b, []byte(`"id"`), []byte(`"iD"`))
	t0 = time.Now()
	_, err = Load(Source{"w1.json", c}, Host{})
	fmt.Println("bad ids", time.Since(t0), len(err.Error()))
	c = bytes.ReplaceAll(b, []byte(`s": ["j`), []byte(`s": ["k`))
	t0 = time.Now()
	_, err = Load(Source{"w1.json", c}, Host{})
	fmt.Println("bad deps", time.Since(t0), len(err.Error()))
	c = []byte(strings.Replace(string(b), `number 7`, strings.Repeat("x", 100<<20), 1))
	t0 = time.Now()
	_, err = Load(Source{"w1.json", c}, Host{})
	fmt.Println("100MB", time.Since(t0), err)
	t0 = time.Now()
	df := Compare(w, w2)
	fmt.Println("compare", time.Since(t0), df.Empty())
}
