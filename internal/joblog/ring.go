package joblog

// ring keeps the last bytes of what is added. Its memory grows with what is in it.
type ring struct {
	size  int // bytes that are kept
	buf   []byte
	start int   // of the oldest byte in buf; 0 until buf is full
	lost  int64 // bytes that were pushed out
}

func (r *ring) add(p []byte) {
	if over := len(p) - r.size; over > 0 { // all that is there, and more, is pushed out
		r.lost += int64(len(r.buf) + over)
		r.buf, r.start, p = r.buf[:0], 0, p[over:]
	}
	n := min(len(p), r.size-len(r.buf))
	r.buf, p = append(r.buf, p[:n]...), p[n:]
	if len(p) == 0 {
		return
	}
	r.lost += int64(len(p))
	n = copy(r.buf[r.start:], p)
	copy(r.buf, p[n:])
	r.start = (r.start + len(p)) % r.size
}

// parts returns what is kept, in order, in two pieces.
func (r *ring) parts() (older, newer []byte) { return r.buf[r.start:], r.buf[:r.start] }
