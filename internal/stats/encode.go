package stats

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// form is the first byte of an encoded tally: how the rest is written.
const form = 1

var errShort = errors.New("a tally is cut off or damaged")

// Encode returns t as bytes: the same ones for tallies that count the same. They hold
// unsigned varints, of a histogram only what is not 0.
func (t *Tally) Encode() []byte {
	b := append(make([]byte, 0, 128), form)
	for _, n := range t.counts() {
		b = appendNumber(b, *n)
	}
	b = appendNumber(b, t.CPU.Microseconds())
	b = appendNumber(b, t.Memory)
	return t.Queued.append(t.Took.append(b))
}

func appendNumber(b []byte, n int64) []byte { return binary.AppendUvarint(b, uint64(n)) }

// append writes a histogram: the values in order, each as the distance to the one before
// it, or what is known of more of them and the buckets in the same way.
func (h *Histogram) append(b []byte) []byte {
	b = appendNumber(b, h.n)
	last := int64(0)
	if len(h.buckets) == 0 {
		for _, v := range slices.Sorted(slices.Values(h.values)) {
			b = appendNumber(b, v-last)
			last = v
		}
		return b
	}
	b = appendNumber(appendNumber(appendNumber(b, h.sum), h.min), h.max)
	used := int64(0)
	for _, n := range h.buckets {
		if n > 0 {
			used++
		}
	}
	b = appendNumber(b, used)
	for i, n := range h.buckets {
		if n > 0 {
			at := int64(h.low + i)
			b = appendNumber(appendNumber(b, at-last), n)
			last = at
		}
	}
	return b
}

// MergeEncoded adds what Encode returned of another tally. After an error t is of no use.
func (t *Tally) MergeEncoded(b []byte) error {
	if len(b) == 0 {
		return errShort
	}
	if b[0] != form {
		return fmt.Errorf("a tally has the form %d, this program knows %d", b[0], form)
	}
	r := reader{b: b[1:]}
	for _, n := range t.counts() {
		*n += r.number()
	}
	t.CPU += time.Duration(r.number()) * time.Microsecond
	t.Memory = max(t.Memory, r.number())
	t.Took.mergeEncoded(&r)
	t.Queued.mergeEncoded(&r)
	if r.bad || len(r.b) > 0 {
		return errShort
	}
	return nil
}

func (h *Histogram) mergeEncoded(r *reader) {
	n, at := r.number(), int64(0)
	if n <= Exact {
		for range n {
			if at += r.number(); r.failed(at < 0) {
				return
			}
			h.add(at)
		}
		return
	}
	sum, low, high, used := r.number(), r.number(), r.number(), r.number()
	h.extend(n, sum, low, high)
	h.spill()
	for range used {
		at += r.number()
		if count := r.number(); !r.failed(at < 0 || at > maxBucket) {
			h.put(int(at), count)
			continue
		}
		return
	}
}

// maxBucket is the bucket of the longest duration.
const maxBucket = 64 << subBits

// reader reads numbers one after the other, and notices when there are none.
type reader struct {
	b   []byte
	bad bool
}

// failed notes that what was read can't be, if so, and reports whether anything is wrong.
func (r *reader) failed(so bool) bool {
	r.bad = r.bad || so
	return r.bad
}

func (r *reader) number() int64 {
	n, size := binary.Uvarint(r.b)
	if r.failed(size <= 0 || int64(n) < 0) {
		r.b = nil
		return 0
	}
	r.b = r.b[size:]
	return int64(n)
}
