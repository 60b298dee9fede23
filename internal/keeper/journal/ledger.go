package journal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

// ledger is what records add up to. It keeps them as they were written: that is what
// the next segment states again, with fields that only a newer version knows.
type ledger struct {
	epoch int64
	tasks map[string]*entry
	seq   int
	owed  int64 // bytes that the tasks' records to come may need
	size  int64 // bytes of the records kept
}

type entry struct {
	id              string
	seq             int // first starts in their order
	start, pid, end []byte
	ending          []byte
	how             kind // of end
}

// owes returns how many bytes may still be written for e.
func (e *entry) owes() int64 {
	id := int64(maxEsc*len(e.id)) + 2
	n := maxAck + id
	if e.end == nil {
		n += maxExit + id
		if e.ending == nil {
			n += maxEnding + id
		}
		if e.pid == nil {
			n += maxPID + id
		}
	}
	return n
}

func (e *entry) size() int64 { return int64(len(e.start) + len(e.pid) + len(e.ending) + len(e.end)) }

func newLedger() *ledger { return &ledger{tasks: make(map[string]*entry)} }

// fits reports whether a record may be written now: nil if so. skip is true when it
// says nothing new.
func (l *ledger) fits(k kind, r *record) (skip bool, err error) {
	e := l.tasks[r.ID]
	ok := false
	switch k {
	case kindEpoch:
		ok, skip = r.N >= l.epoch, r.N == l.epoch
	case kindStart:
		ok = r.ID != "" && (e == nil || e.how == kindNotStarted)
	case kindPID, kindNotStarted:
		ok = e != nil && e.pid == nil && e.end == nil
	case kindEnding:
		ok = e != nil && e.ending == nil && e.end == nil
	case kindExit:
		ok = e != nil && e.end == nil
	case kindAck:
		ok, skip = true, e == nil
	}
	if !ok {
		return false, fmt.Errorf("%w: %s", ErrOrder, r.ID)
	}
	return skip, nil
}

// apply takes a record in. It is the same for one that is written and one that is
// read, and after damage may be about a task of which nothing else is known. raw is
// kept and must not change.
func (l *ledger) apply(k kind, r *record, raw []byte) {
	switch {
	case k == kindEpoch:
		l.epoch = max(l.epoch, r.N)
		return
	case r.ID == "":
		return
	}
	e := l.tasks[r.ID]
	if e != nil {
		l.owed -= e.owes()
		l.size -= e.size()
	}
	if k == kindAck {
		delete(l.tasks, r.ID)
		return
	}
	if e == nil {
		l.seq++
		e = &entry{id: r.ID, seq: l.seq}
		l.tasks[r.ID] = e
	}
	switch k {
	case kindStart:
		e.start = raw
		if e.how == kindNotStarted { // and now it is
			e.ending, e.end, e.how = nil, nil, 0
		}
	case kindPID:
		e.pid = raw
		if e.how == kindNotStarted { // the record of another start was lost to damage
			e.end, e.how = nil, 0
		}
	case kindEnding:
		e.ending = raw
	case kindNotStarted, kindExit:
		e.end, e.how = raw, k
	}
	l.owed += e.owes()
	l.size += e.size()
}

// inOrder returns the entries in the order of their starts.
func (l *ledger) inOrder() []*entry {
	all := make([]*entry, 0, len(l.tasks))
	for _, e := range l.tasks {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	return all
}

// restate appends everything as records to b.
func (l *ledger) restate(b []byte) []byte {
	if l.epoch > 0 {
		raw, _ := encode(kindEpoch, &record{N: l.epoch}) // a number can be encoded
		b = append(b, raw...)
	}
	b = slices.Grow(b, int(l.size))
	for _, e := range l.inOrder() {
		b = append(append(append(append(b, e.start...), e.pid...), e.ending...), e.end...)
	}
	return b
}

// state returns what it adds up to, seen from the boot of that id.
func (l *ledger) state(boot string) State {
	s := State{Epoch: l.epoch}
	for _, e := range l.inOrder() {
		s.Tasks = append(s.Tasks, e.task(boot))
	}
	return s
}

func (e *entry) task(boot string) Task {
	start, pid, end := payload(e.start), payload(e.pid), payload(e.end)
	t := Task{
		ID: e.id, SameBoot: boot != "" && start.Boot == boot, At: start.At, Spec: start.Spec,
		Handle: pid.Handle, NotStarted: e.how == kindNotStarted, Detail: end.Detail,
	}
	t.Ending = payload(e.ending).Outcome
	if e.how == kindExit {
		t.Exit = &Exit{Head: end.Head, At: end.At, More: end.More}
		if end.Outcome != nil {
			t.Exit.Outcome = *end.Outcome
		}
	}
	return t
}

// payload returns what a frame that was decoded before says; nothing for no frame.
func payload(frame []byte) (r record) {
	if frame != nil {
		_ = json.Unmarshal(frame[frameLen:], &r)
	}
	return r
}
