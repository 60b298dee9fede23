package mask

import (
	"bytes"
	"encoding/binary"
	"iter"
	"slices"
)

// Sizes of the index.
const (
	block      = 4  // bytes that are looked up at once; no needle is shorter
	maxStride  = 32 // a wider one gains nothing
	filterBits = 14 // the filter is 16 KiB: it stays in the fastest cache
)

// index finds needles in text without looking at every byte of it.
//
// A needle of n bytes covers n-3 places at which a block of four bytes begins. So
// if text is sampled at every stride-th place, where stride is that number for the
// shortest needle, exactly one sample falls on one of the first stride blocks of
// each occurrence. Those blocks are in a filter, and all else is skipped: no table
// walk from byte to byte, no dependence of one step on the one before.
type index struct {
	needles  [][]byte // longest first
	stride   int
	longest  int
	filter   [1 << filterBits]bool // by hash: whether buckets has something there
	buckets  map[uint32][]place    // by hash of a block, in order of falling offset
	byFirst  [256][]int            // needles by their first byte
	anyFirst [256]bool
}

// place is where a block stands in a needle.
type place struct{ needle, offset int }

// span is a part of the text, end excluded.
type span struct{ start, end int }

// newIndex returns an index of needles that are sorted by falling length, none
// shorter than a block, or nil when there are none.
func newIndex(needles []string) *index {
	if len(needles) == 0 {
		return nil
	}
	shortest := len(needles[len(needles)-1])
	ix := &index{
		stride:  min(shortest-block+1, maxStride),
		longest: len(needles[0]),
		buckets: make(map[uint32][]place),
	}
	for i, n := range needles {
		ix.add(i, []byte(n))
	}
	for _, places := range ix.buckets {
		// Matches are wanted in order of their beginning.
		slices.SortStableFunc(places, func(a, b place) int { return b.offset - a.offset })
	}
	return ix
}

func (ix *index) add(i int, needle []byte) {
	ix.needles = append(ix.needles, needle)
	ix.byFirst[needle[0]] = append(ix.byFirst[needle[0]], i)
	ix.anyFirst[needle[0]] = true
	for offset := range ix.stride {
		h := hash(binary.LittleEndian.Uint32(needle[offset:]))
		ix.filter[h] = true
		ix.buckets[h] = append(ix.buckets[h], place{i, offset})
	}
}

// hash maps a block to a place in the filter.
func hash(v uint32) uint32 { return v * 0x9E3779B1 >> (32 - filterBits) }

// next returns the first place at or after from, a multiple of stride, at which a
// needle may be; -1 when there is none.
func (ix *index) next(text []byte, from int) int {
	stride := ix.stride
	for i := from; i <= len(text)-block; i += stride {
		if ix.filter[hash(binary.LittleEndian.Uint32(text[i:]))] {
			return i
		}
	}
	return -1
}

// occurrences yields every occurrence of every needle, also overlapping ones, in
// order of their beginning; of those that begin together in no particular order.
func (ix *index) occurrences(text []byte) iter.Seq[span] {
	return func(yield func(span) bool) {
		for i := ix.next(text, 0); i >= 0; i = ix.next(text, i+ix.stride) {
			for _, p := range ix.buckets[hash(binary.LittleEndian.Uint32(text[i:]))] {
				start, needle := i-p.offset, ix.needles[p.needle]
				if start < 0 || !bytes.HasPrefix(text[start:], needle) {
					continue
				}
				if !yield(span{start, start + len(needle)}) {
					return
				}
			}
		}
	}
}

// spans yields the parts of text that must be hidden, in order, where occurrences
// that share a byte are one. The first covered bytes are known to be hidden: what
// overlaps them makes them longer. That part is yielded first, unless it is empty.
func (ix *index) spans(text []byte, covered int) iter.Seq[span] {
	return func(yield func(span) bool) {
		current := span{0, covered}
		for o := range ix.occurrences(text) {
			if o.start < current.end {
				current.end = max(current.end, o.end)
				continue
			}
			if current.end > 0 && !yield(current) {
				return
			}
			current = o
		}
		if current.end > 0 {
			yield(current)
		}
	}
}

// undecided returns the first place of text from which on all that is left could
// be the beginning of a needle; len(text) when there is none.
func (ix *index) undecided(text []byte) int {
	for i := max(0, len(text)-ix.longest+1); i < len(text); i++ {
		if ix.anyFirst[text[i]] && ix.begins(text[i:]) {
			return i
		}
	}
	return len(text)
}

// begins reports whether tail is the beginning of a longer needle.
func (ix *index) begins(tail []byte) bool {
	for _, i := range ix.byFirst[tail[0]] {
		if n := ix.needles[i]; len(n) > len(tail) && bytes.HasPrefix(n, tail) {
			return true
		}
	}
	return false
}
