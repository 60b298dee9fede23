package oratest

import (
	"bufio"
	_ "embed" // the bridge's source
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

//go:embed OraBridge.java
var bridgeSource []byte

const (
	// jarVar names the environment variable with another place of H2's jar.
	jarVar     = "EXECUTIONER_TEST_H2_JAR"
	defaultJar = "/usr/share/java/h2.jar"
	// install is what makes the stand-in work where it does not.
	install = "apt-get install default-jre-headless libh2-java"
)

// bridge is the Java process that runs H2. It ends when its standard input is closed,
// so it does not outlive the tests, however they end.
type bridge struct {
	cmd   *exec.Cmd
	stdin io.Closer
	addr  string
	said  *strings.Builder // on standard error; read only after it has ended
}

// startBridge starts the process. dir is for its source file.
func startBridge(dir string) (*bridge, error) {
	jar := os.Getenv(jarVar)
	if jar == "" {
		jar = defaultJar
	}
	java, err := exec.LookPath("java")
	if err == nil {
		_, err = os.Stat(jar)
	}
	if err != nil {
		return nil, fmt.Errorf("the Oracle stand-in needs Java and H2 (%w); install them with: %s", err, install)
	}
	source := filepath.Join(dir, "OraBridge.java")
	if err := os.WriteFile(source, bridgeSource, 0o600); err != nil {
		return nil, err
	}
	b := &bridge{said: new(strings.Builder)}
	b.cmd = exec.Command(java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-cp", jar, source) //nolint:gosec // the tester names the jar
	b.cmd.Stderr = b.said
	if err := b.start(); err != nil {
		return nil, fmt.Errorf("the Oracle stand-in's H2 did not start: %w; is all of it there? %s", err, install)
	}
	return b, nil
}

func (b *bridge) start() error {
	stdin, err := b.cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := b.cmd.Start(); err != nil {
		return err
	}
	b.stdin = stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	port, ok := strings.CutPrefix(strings.TrimSpace(line), "READY ")
	if err != nil || !ok {
		b.stop()
		return fmt.Errorf("it said %q and %q", line, b.said)
	}
	b.addr = net.JoinHostPort("127.0.0.1", port)
	return nil
}

func (b *bridge) stop() {
	_ = b.stdin.Close()
	_ = b.cmd.Wait() // it is ended on purpose: how is of no interest
}

// link is one connection of the bridge, which is one of the database. Only cancel may
// be called while another method runs.
type link struct {
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // one message is written at a time
}

// result is what a statement did: rows of columns, or how many rows it changed.
type result struct {
	changed int64
	columns []column // nil unless it was a query
	rows    [][]any
}

type column struct{ name, typ string }

// number is an exact number in decimal digits, as it is sent between the three parties.
type number string

// errLink is the failure of the bridge itself, in contrast to that of a statement.
var errLink = errors.New("the bridge to H2 is broken")

func dialLink(addr, database string) (*link, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &link{conn: c, in: bufio.NewReader(c)}
	return l, l.write(appendText(nil, database))
}

func (l *link) close() { l.conn.Close() }

func (l *link) write(message []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.conn.Write(message)
	return err
}

// The orders that a link carries out.
const (
	orderBegin    = 'B'
	orderView     = 'V' // begin a transaction that sees the database as it is now
	orderCommit   = 'C'
	orderRollback = 'R'
)

func (l *link) order(op byte) error {
	if err := l.write([]byte{op}); err != nil {
		return errLink
	}
	_, err := l.answer()
	return err
}

// cancel makes the statement that runs now fail.
func (l *link) cancel() { _ = l.write([]byte{'K'}) }

// start begins a statement with ? for its values, once for each row of them. answer
// returns when it has ended.
func (l *link) start(text string, rows [][]any) error {
	m := appendText([]byte{'X'}, text)
	width := 0
	if len(rows) > 0 {
		width = len(rows[0])
	}
	m = binary.BigEndian.AppendUint32(m, uint32(len(rows)))
	m = binary.BigEndian.AppendUint32(m, uint32(width))
	for _, row := range rows {
		for _, v := range row {
			m = appendValue(m, v)
		}
	}
	if err := l.write(m); err != nil {
		return errLink
	}
	return nil
}

func appendText(m []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(m, uint32(len(s))), s...)
}

func appendValue(m []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(m, 'n')
	case string:
		return appendText(append(m, 's'), v)
	case number:
		return appendText(append(m, 'd'), string(v))
	case []byte:
		return appendText(append(m, 'b'), string(v))
	case time.Time:
		m = binary.BigEndian.AppendUint64(append(m, 't'), uint64(v.Unix()))
		return binary.BigEndian.AppendUint32(m, uint32(v.Nanosecond()))
	}
	panic(fmt.Sprintf("a value of type %T", v))
}

// answer reads the outcome of the last message.
func (l *link) answer() (*result, error) {
	r := reader{in: l.in}
	res := new(result)
	var failed error
	switch r.byte() {
	case 'U':
		res.changed = int64(r.uint64())
	case 'Q':
		r.rows(res)
	case 'E':
		code := int(r.uint32())
		failed = oracleError(code, r.text())
	default:
		return nil, errLink
	}
	if r.err != nil {
		return nil, errLink
	}
	return res, failed
}

// reader reads the bridge's messages and keeps the first error.
type reader struct {
	in  io.Reader
	err error
}

func (r *reader) bytes(n uint32) []byte {
	b := make([]byte, n)
	if r.err == nil {
		_, r.err = io.ReadFull(r.in, b)
	}
	return b
}

func (r *reader) byte() byte     { return r.bytes(1)[0] }
func (r *reader) uint32() uint32 { return binary.BigEndian.Uint32(r.bytes(4)) }
func (r *reader) uint64() uint64 { return binary.BigEndian.Uint64(r.bytes(8)) }
func (r *reader) text() string   { return string(r.bytes(r.uint32())) }

func (r *reader) rows(res *result) {
	res.columns = make([]column, r.uint32())
	for i := range res.columns {
		res.columns[i] = column{r.text(), r.text()}
	}
	for r.byte() == 'r' && r.err == nil {
		row := make([]any, len(res.columns))
		for i := range row {
			row[i] = r.value()
		}
		res.rows = append(res.rows, row)
	}
}

func (r *reader) value() any {
	switch r.byte() {
	case 's':
		return r.text()
	case 'b':
		return r.bytes(r.uint32())
	case 't':
		return time.Unix(int64(r.uint64()), int64(r.uint32())).UTC()
	}
	return nil
}
