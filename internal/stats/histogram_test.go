package stats

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// micros are durations as they occur, and as they should not.
func micros() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(0, 100), rapid.Int64Range(0, 10_000_000), rapid.Int64Range(0, math.MaxInt64/1000), rapid.Int64Range(60, 70))
}

func histogramOf(values []int64) *Histogram {
	h := new(Histogram)
	for _, v := range values {
		h.Add(time.Duration(v) * time.Microsecond)
	}
	return h
}

// naive is the percentile by its definition: the smallest value that enough don't exceed.
func naive(values []int64, p int) int64 {
	sorted := slices.Sorted(slices.Values(values))
	for i, v := range sorted {
		if (i+1)*100 >= p*len(sorted) {
			return v
		}
	}
	return sorted[len(sorted)-1]
}

// A percentile is exact for few values, and off by 1/64 at most for many; all else is exact.
func TestPercentileAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 3, 20, Exact, Exact + 1, 300}).Draw(t, "n")
		values := rapid.SliceOfN(micros(), n, n).Draw(t, "values")
		h := histogramOf(values)
		for _, p := range []int{1, 10, 50, 90, 95, 99, 100} {
			got, want := h.Percentile(p).Microseconds(), naive(values, p)
			off := got - want
			if off < 0 {
				off = -off
			}
			if len(values) <= Exact && off != 0 || off > want/64 {
				t.Fatalf("percentile %d of %d values: got %d, want %d", p, len(values), got, want)
			}
		}
		if h.Max().Microseconds() != slices.Max(values) || h.Count() != int64(len(values)) {
			t.Fatalf("max %v, count %d of %v", h.Max(), h.Count(), values)
		}
	})
}

// However values are spread over histograms, and in whatever order these are merged, in
// memory or as bytes, the sum is the same to the last bit.
func TestMergeIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 5, Exact, Exact + 1, 200}).Draw(t, "n")
		values := rapid.SliceOfN(micros(), n, n).Draw(t, "values")
		want := (&Tally{Took: *histogramOf(values)}).Encode()
		parts := make([]Tally, rapid.IntRange(1, 5).Draw(t, "parts"))
		for _, v := range values {
			i := rapid.IntRange(0, len(parts)-1).Draw(t, "part")
			parts[i].Took.Add(time.Duration(v) * time.Microsecond)
		}
		var merged, decoded Tally
		for _, i := range rapid.Permutation(indexes(len(parts))).Draw(t, "order") {
			before := parts[i].Encode()
			merged.Merge(&parts[i])
			if !bytes.Equal(parts[i].Encode(), before) {
				t.Fatal("to be merged changed it")
			}
			if err := decoded.MergeEncoded(before); err != nil {
				t.Fatal(err)
			}
		}
		if got := merged.Encode(); !bytes.Equal(got, want) {
			t.Fatalf("merged %x, want %x", got, want)
		}
		if got := decoded.Encode(); !bytes.Equal(got, want) {
			t.Fatalf("merged from bytes %x, want %x", got, want)
		}
	})
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// Buckets follow each other without a gap, and none is wider than 1/32 of what is in it.
func TestBuckets(t *testing.T) {
	last := -1
	for v := int64(0); v < 1<<20; v++ {
		b := bucketOf(v)
		if b != last && b != last+1 {
			t.Fatalf("%d is in bucket %d, after %d", v, b, last)
		}
		if m := middleOf(b); bucketOf(m) != b || v < 64 && m != v {
			t.Fatalf("the middle of bucket %d is %d", b, m)
		}
		last = b
	}
	if b := bucketOf(math.MaxInt64); b > maxBucket || bucketOf(middleOf(b)) != b {
		t.Errorf("the longest is in bucket %d", b)
	}
}

func TestEmptyHistogram(t *testing.T) {
	var h Histogram
	if h.Percentile(50) != 0 || h.Mean() != 0 || h.Max() != 0 || h.Sum() != 0 || h.Count() != 0 {
		t.Errorf("%+v", h)
	}
	h.Add(-time.Second)
	h.Add(3 * time.Microsecond)
	if h.Mean() != time.Microsecond || h.Sum() != 3*time.Microsecond || h.Percentile(0) != 0 {
		t.Errorf("mean %v, sum %v", h.Mean(), h.Sum())
	}
}
