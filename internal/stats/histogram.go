// Package stats says how runs and jobs usually go: it counts how attempts ended, how long
// they took, and which jobs made a run as long as it was. It is pure.
//
// What is counted is kept in tallies, one for each job and period, which add up: the
// tally of a month is the sum of those of its days, in whatever order they are added.
package stats

import (
	"math/bits"
	"slices"
	"time"
)

// Exact is up to how many durations a Histogram keeps as they are, to the microsecond. Of
// more it knows a bucket each, of which there are 32 for each doubling: then what
// Percentile returns is off by 1/64 at most, which is less than 1.6 %.
const Exact = 64

// subBits is the binary logarithm of the number of buckets for each doubling.
const subBits = 5

// Histogram is how often durations occurred, to the microsecond. Negative ones count as 0.
// The zero value is empty. Not safe for concurrent use.
type Histogram struct {
	n        int64
	sum      int64 // in microseconds, as all below
	min, max int64
	values   []int64 // while n <= Exact, in no order
	buckets  []int64 // later: how many are in the bucket low+i
	low      int
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) { h.add(max(d.Microseconds(), 0)) }

func (h *Histogram) add(v int64) {
	h.extend(1, v, v, v)
	if h.n <= Exact {
		h.values = append(h.values, v)
		return
	}
	h.spill()
	h.put(bucketOf(v), 1)
}

// extend counts n values, of which only the sum and the bounds are known.
func (h *Histogram) extend(n, sum, low, high int64) {
	if h.n == 0 {
		h.min, h.max = low, high
	}
	h.min, h.max = min(h.min, low), max(h.max, high)
	h.n, h.sum = h.n+n, h.sum+sum
}

// spill puts the values into buckets.
func (h *Histogram) spill() {
	for _, v := range h.values {
		h.put(bucketOf(v), 1)
	}
	h.values = nil
}

// put adds to a bucket. Buckets are kept from the lowest to the highest that is in use.
func (h *Histogram) put(bucket int, n int64) {
	switch {
	case len(h.buckets) == 0:
		h.low = bucket
	case bucket < h.low:
		h.buckets = slices.Insert(h.buckets, 0, make([]int64, h.low-bucket)...)
		h.low = bucket
	}
	if more := bucket - h.low + 1 - len(h.buckets); more > 0 {
		h.buckets = append(h.buckets, make([]int64, more)...)
	}
	h.buckets[bucket-h.low] += n
}

// Merge adds all that o has. o is not changed.
func (h *Histogram) Merge(o *Histogram) {
	if len(o.buckets) == 0 {
		for _, v := range o.values {
			h.add(v)
		}
		return
	}
	h.extend(o.n, o.sum, o.min, o.max)
	h.spill()
	for i, n := range o.buckets {
		if n > 0 {
			h.put(o.low+i, n)
		}
	}
}

// Count returns how many durations there are.
func (h *Histogram) Count() int64 { return h.n }

// Sum returns all durations together.
func (h *Histogram) Sum() time.Duration { return time.Duration(h.sum) * time.Microsecond }

// Mean returns the arithmetic mean, and 0 when there is nothing.
func (h *Histogram) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	return time.Duration(h.sum/h.n) * time.Microsecond
}

// Max returns the longest duration, and 0 when there is none. It is exact.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) * time.Microsecond }

// Percentile returns the shortest duration that at least p % of all don't exceed, with p
// from 1 to 100, and 0 when there is nothing. See Exact for how far it may be off.
func (h *Histogram) Percentile(p int) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := (h.n*int64(p) + 99) / 100
	return time.Duration(h.ranked(min(max(rank, 1), h.n))) * time.Microsecond
}

// ranked returns the value that is the rank-th smallest.
func (h *Histogram) ranked(rank int64) int64 {
	if len(h.buckets) == 0 {
		return slices.Sorted(slices.Values(h.values))[rank-1]
	}
	for i, n := range h.buckets {
		if rank -= n; rank <= 0 {
			return min(max(middleOf(h.low+i), h.min), h.max)
		}
	}
	return h.max
}

// bucketOf returns the bucket of a value: below 64 its own, then 32 for each doubling.
func bucketOf(v int64) int {
	shift := bits.Len64(uint64(v)) - subBits - 1
	if shift <= 0 {
		return int(v)
	}
	return shift<<subBits + int(v>>shift)
}

// middleOf returns the value in the middle of a bucket.
func middleOf(bucket int) int64 {
	if bucket < 2<<subBits {
		return int64(bucket)
	}
	shift := bucket>>subBits - 1
	low := int64(bucket&(1<<subBits-1)|1<<subBits) << shift
	return low + (int64(1)<<shift-1)/2
}
