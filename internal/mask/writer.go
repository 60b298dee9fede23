package mask

import "io"

// joinLimit is the size up to which pieces around a secret are joined into one write.
const joinLimit = 8 << 10

// Writer masks a stream, however secrets are split over writes. It holds back only
// what could be the beginning of a secret, which is less than the longest of them.
// It is not safe for concurrent use.
type Writer struct {
	ix      *index // nil: nothing to hide
	w       io.Writer
	held    []byte // not yet written: could be the beginning of a secret
	covered int    // of held: bytes that belong to a secret whose replacement is written
	out     []byte // reused
}

// Writer returns a writer that masks what it passes on to w.
func (m *Masker) Writer(w io.Writer) *Writer {
	if m == nil {
		return &Writer{w: w}
	}
	return &Writer{ix: m.index, w: w}
}

// Write passes on p without secrets. Where there are none, p itself is handed to
// the underlying writer in one piece. After an error the stream has a gap.
func (w *Writer) Write(p []byte) (int, error) {
	if w.ix == nil {
		return w.w.Write(p)
	}
	rest := p
	if len(w.held) > 0 {
		// What is held is joined with just so much that whatever begins in it is
		// decided. What is then undecided begins in p, which is not copied.
		n := min(len(p), w.ix.longest)
		joined := append(w.held, p[:n]...)
		kept, err := w.pass(joined, false)
		if err != nil {
			return 0, err
		}
		if n == len(p) {
			w.held = append(joined[:0], joined[kept:]...)
			return len(p), nil
		}
		rest = p[n-(len(joined)-kept):]
		w.held = joined[:0]
	}
	kept, err := w.pass(rest, false)
	if err != nil {
		return 0, err
	}
	w.held = append(w.held[:0], rest[kept:]...)
	return len(p), nil
}

// Held returns the number of bytes that are held back.
func (w *Writer) Held() int { return len(w.held) }

// Flush writes what is held back. A secret that is written half before and half
// after it is not found, so call it only where the text is at an end.
func (w *Writer) Flush() error {
	if len(w.held) == 0 {
		return nil
	}
	_, err := w.pass(w.held, true)
	w.held, w.covered = w.held[:0], 0
	return err
}

// Close is Flush. It does not close the underlying writer.
func (w *Writer) Close() error { return w.Flush() }

// pass writes what is decided of text, which begins with w.covered bytes of a
// secret that is replaced already, and returns where the undecided part begins.
func (w *Writer) pass(text []byte, all bool) (kept int, err error) {
	kept = len(text)
	if !all {
		kept = w.ix.undecided(text)
	}
	w.out = w.out[:0]
	done, covered := 0, w.covered
	for sp := range w.ix.spans(text, covered) {
		replaced := sp.start == 0 && covered > 0 // in an earlier call
		if sp.start >= kept && !replaced {
			break
		}
		if err := w.piece(text[done:max(done, sp.start)], false); err != nil {
			return kept, err
		}
		if !replaced {
			w.out = append(w.out, Replacement...)
		}
		done = sp.end
	}
	if done < kept {
		err = w.piece(text[done:kept], true)
	}
	w.covered = max(0, done-kept)
	if err == nil {
		err = w.send()
	}
	return kept, err
}

// piece writes text that has no secret in it: big ones and lone ones as they are,
// others joined with what is around them.
func (w *Writer) piece(text []byte, last bool) error {
	if len(text) < joinLimit && !(last && len(w.out) == 0) {
		w.out = append(w.out, text...)
		if len(w.out) < joinLimit {
			return nil
		}
		return w.send()
	}
	if err := w.send(); err != nil {
		return err
	}
	_, err := w.w.Write(text)
	return err
}

// send writes what was joined.
func (w *Writer) send() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.w.Write(w.out)
	w.out = w.out[:0]
	return err
}
