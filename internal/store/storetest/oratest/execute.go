package oratest

import (
	"errors"
)

// cursor is a statement that a client has sent.
type cursor struct {
	text  string
	binds []bind
	lobs  map[int]byte // columns that the client wants as LONG instead of by locators
	rows  *result      // of the last execution
	next  int          // row to be sent
}

type bind struct {
	typ    byte
	size   int
	repeat bool // it has the value of the one with the same name before it
}

// executeCall answers the call that executes a statement, and may parse it, define its
// columns and fetch as well.
func (s *conversation) executeCall() {
	options, id := s.uint(), s.uint()
	s.skip("b")
	length := s.uint()
	s.skip("bubbu")
	fetch := s.uint()
	s.skip("ub")
	binds := s.uint()
	s.skip("bbbbb")
	define := s.byte() != 0
	columns := s.uint()
	s.skip("bbb" + "bbbbb" + "bub" + "bbbbb" + "bb")
	var c *cursor
	if length > 0 {
		s.last++
		id = s.last
		c = &cursor{text: string(s.value())}
		s.cursors[id] = c
	} else if c = s.cursors[id]; c == nil {
		panic(unknown("execution of cursor %d, which is closed", id))
	}
	var more [13]int
	for i := range more {
		more[i] = s.uint()
	}
	if define {
		s.define(c, columns)
		s.sendRows(id, c, max(more[1], 1))
		return
	}
	c.binds = make([]bind, binds)
	for i := range c.binds {
		c.binds[i] = s.bind()
	}
	reads := more[7] == 1
	times := 1
	if !reads && more[1] > 1 {
		times = more[1]
	}
	if fetch == 0 {
		fetch = max(more[1], 2)
	}
	const commitAfter = 0x100
	s.run(id, c, s.values(c, times), execution{
		autoCommit: options&commitAfter != 0, fetch: fetch, describe: true,
	})
}

// reexecute answers the shorter call for a statement whose binds are known.
func (s *conversation) reexecute(function byte) {
	id, n := s.uint(), s.uint()
	s.skip("u")
	flags := s.uint()
	c := s.cursors[id]
	if c == nil {
		panic(unknown("another execution of cursor %d, which is closed", id))
	}
	times := 1
	if function == callReexecute && n > 1 {
		times = n
	}
	s.run(id, c, s.values(c, times), execution{autoCommit: flags&1 != 0, fetch: n})
}

// bind reads how a bind or a column is declared.
func (s *conversation) bind() bind {
	const repeated = 0x80
	b := bind{typ: s.byte(), repeat: s.byte() == repeated}
	s.skip("bb")
	b.size = s.uint()
	s.skip("uu")
	if s.uint() > 0 {
		s.value() // name of a type
	}
	s.skip("uubuu")
	return b
}

func (s *conversation) define(c *cursor, columns int) {
	c.lobs = map[int]byte{}
	for i := range columns {
		if b := s.bind(); isLong(b.typ) {
			c.lobs[i] = b.typ
		}
	}
}

// values reads the values of so many executions. In each, those that may be longer than
// 4000 bytes come last.
func (s *conversation) values(c *cursor, times int) [][]any {
	if len(c.binds) == 0 {
		return nil
	}
	all := make([][]any, times)
	for i := range all {
		const messageRow = 7
		if typ := s.byte(); typ != messageRow {
			panic(unknown("message %#x in place of a row", typ))
		}
		row := make([]any, len(c.binds))
		for _, late := range []bool{false, true} {
			for j, b := range c.binds {
				if !b.repeat && late == (isLong(b.typ) || b.size > 4000) {
					row[j] = decode(b.typ, s.value())
				}
			}
		}
		all[i] = row
	}
	return all
}

// repeatValues fills in what was bound once and is named more often.
func repeatValues(binds []bind, names []string, rows [][]any) {
	for j, b := range binds {
		if !b.repeat {
			continue
		}
		for k := range j {
			if names[k] == names[j] {
				for _, row := range rows {
					row[j] = row[k]
				}
				break
			}
		}
	}
}

// execution is how a cursor is to be executed.
type execution struct {
	autoCommit bool
	fetch      int // rows to be sent at once
	describe   bool
}

// run executes a statement and answers.
func (s *conversation) run(id int, c *cursor, rows [][]any, how execution) {
	s.server.counts.Executions.Add(1)
	s.server.counts.Rows.Add(int64(max(len(rows), 1)))
	res, err := s.perform(c, rows, how.autoCommit)
	if s.server.strikes(AfterExecute) {
		s.cut()
	}
	var refused *oraError
	switch {
	case errors.As(err, &refused):
		s.summary(id, 0, refused)
		return
	case err != nil:
		panic(unknown("%q: %v", c.text, err))
	case res.columns == nil:
		s.summary(id, int(res.changed), nil)
		return
	}
	c.rows, c.next = res, 0
	if how.describe {
		s.describe(res.columns)
	}
	if c.lobs == nil && hasLOB(res.columns) { // the client defines them next
		s.summary(id, 0, nil)
		return
	}
	s.sendRows(id, c, how.fetch)
}

// perform executes a statement with what Oracle does about transactions.
func (s *conversation) perform(c *cursor, rows [][]any, autoCommit bool) (*result, error) {
	text, names, err := toH2(c.text)
	if err != nil {
		return nil, err
	}
	if len(names) != len(c.binds) {
		return nil, refusal(1008, "not all variables bound")
	}
	repeatValues(c.binds, names, rows)
	kind := kindOf(c.text)
	if kind != session {
		s.server.saw(c.text)
	}
	if nothing, err := s.prepareTx(kind, autoCommit); nothing || err != nil {
		return new(result), err
	}
	res, err := s.wait(text, rows)
	if err == nil && autoCommit {
		s.end(orderCommit)
	}
	return res, err
}

// prepareTx begins or ends a transaction before a statement. nothing means that this
// was all that the statement is about.
func (s *conversation) prepareTx(k kind, autoCommit bool) (nothing bool, err error) {
	switch k {
	case session:
		return true, nil
	case ddl:
		s.end(orderCommit)
	case readOnly:
		if s.inTx {
			return false, refusal(1453, "SET TRANSACTION must be first statement of transaction")
		}
		s.order(orderView)
		s.inTx, s.readOnly = true, true
		return true, nil
	case other:
		if s.readOnly {
			return false, refusal(1456, "may not perform insert, delete, update operation inside a READ ONLY transaction")
		}
		if !s.inTx && !autoCommit {
			s.order(orderBegin)
			s.inTx = true
		}
	}
	return false, nil
}

type outcome struct {
	res *result
	err error
}

// wait executes a statement and cancels it when the client goes away.
func (s *conversation) wait(text string, rows [][]any) (*result, error) {
	if err := s.link.start(text, rows); err != nil { // before it can be cancelled
		return nil, err
	}
	done := make(chan outcome, 1)
	go func() {
		res, err := s.link.answer()
		done <- outcome{res, err}
	}()
	for {
		select {
		case o := <-done:
			return o.res, o.err
		case p, ok := <-s.packets:
			if !ok || p.typ != packetData || len(p.body) < 2 {
				s.link.cancel()
				<-done
				s.leave(p, ok)
			}
			s.in = append(s.in, p.body[2:]...)
		}
	}
}

func hasLOB(columns []column) bool {
	for _, c := range columns {
		if typ, _ := typeOf(c.typ); typ == typeClob || typ == typeBlob {
			return true
		}
	}
	return false
}

// describe writes what the columns of a query are.
func (s *conversation) describe(columns []column) {
	const utf8, implicit = 873, 1
	m := &s.out
	m.raw(16, 0)
	m.uint(0)
	m.uint(len(columns))
	if len(columns) > 0 {
		m.raw(0)
	}
	for i, c := range columns {
		typ, size := typeOf(c.typ)
		m.raw(typ, 0, 0, 0) // precision and scale are not told
		m.uint(size)
		m.raw(0, 0, 0, 0)
		if typ == typeVarchar || typ == typeClob {
			m.uint(utf8)
			m.raw(implicit)
		} else {
			m.uint(0)
			m.raw(0)
		}
		if typ == typeVarchar {
			m.uint(size)
		} else {
			m.uint(0)
		}
		m.uint(0)
		m.raw(1, byte(len(c.name))) // may be NULL
		m.sized(c.name)
		m.raw(0, 0) // schema, type
		m.uint(i + 1)
		m.raw(0)
	}
	m.raw(0, 0, 0, 0, 0, 0)
}

// fetch answers the call for more rows.
func (s *conversation) fetch() {
	id, n := s.uint(), s.uint()
	if s.server.strikes(BeforeFetch) {
		s.cut()
	}
	c := s.cursors[id]
	if c == nil || c.rows == nil {
		s.summary(id, 0, refusal(1001, "invalid cursor"))
		return
	}
	s.sendRows(id, c, n)
}

func (s *conversation) sendRows(id int, c *cursor, n int) {
	m := &s.out
	m.raw(6, 0)
	m.uint(len(c.rows.columns))
	m.raw(0, 0, 0, 0, 0)
	for ; n > 0 && c.next < len(c.rows.rows); n-- {
		m.raw(7)
		for i, v := range c.rows.rows[c.next] {
			typ, _ := typeOf(c.rows.columns[i].typ)
			m.value(encode(typ, v))
			if c.lobs[i] != 0 {
				m.raw(0, 0)
			}
		}
		c.next++
	}
	var end *oraError
	if c.next == len(c.rows.rows) {
		end = refusal(1403, "no data found")
	}
	s.summary(id, c.next, end)
}
