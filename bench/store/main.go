// Command store measures the databases: how fast transitions are recorded, and how
// soon people are answered when the history is long. It prints the tables of
// bench/README.md. It measures; it judges nothing.
//
//	go run ./bench/store [-runs N] [-told N] [-only NAME] [-program FILE] [-dir DIR] [-for TIME]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/store/sqlstore"
	"github.com/executionerhq/executioner/internal/store/storetest/pgtest"
)

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/store:", err)
		os.Exit(1)
	}
}

// suite is what the measurements share.
type suite struct {
	program string // the program that is asked about long histories
	dir     string // for files, on the disk that is measured
	runs    int    // of a long history
	told    int    // of these, how many in the middle have their transitions
	rounds  int    // questions of each kind
	each    time.Duration
	only    string
}

func (s *suite) wants(name string) bool { return strings.Contains(name, s.only) }

func bench() (err error) {
	s := &suite{}
	program := flag.String("program", "bin/executioner", "the program to ask about long histories")
	parent := flag.String("dir", os.TempDir(), "where the databases are made")
	flag.IntVar(&s.runs, "runs", 100_000, "runs of a long history, with 20 jobs each")
	flag.IntVar(&s.told, "told", 1<<30, "of these, how many have their transitions: 63 rows each")
	flag.IntVar(&s.rounds, "rounds", 15, "how often each question is asked; the median is shown")
	flag.DurationVar(&s.each, "for", 3*time.Second, "how long transitions are recorded for each line")
	flag.StringVar(&s.only, "only", "", "measure only what has this in its name: rate, history sqlite, history postgres, statistics sqlite, statistics postgres")
	flag.Parse()
	if s.program, err = filepath.Abs(*program); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp(*parent, "executioner-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := os.Setenv("TMPDIR", s.dir); err != nil { // of the PostgreSQL server
		return err
	}
	if err := os.Chmod(s.dir, 0o755); err != nil { // which is another user
		return err
	}
	fmt.Printf("%s, %d CPUs.\n\n", runtime.Version(), runtime.NumCPU())
	return errors.Join(s.rates(), s.histories(), s.statistics())
}

// withPostgres calls use with the address of an empty database on a server of our own,
// and with what runs statements there.
func withPostgres(use func(dsn string, exec execute) error, settings ...string) error {
	c, err := pgtest.New(settings...)
	if err != nil {
		return err
	}
	if err := c.Exec("postgres", "CREATE DATABASE bench"); err != nil {
		return errors.Join(err, c.Stop())
	}
	exec := func(statements ...string) error { return c.Exec("bench", statements...) }
	return errors.Join(use(pgtest.Address(c.SocketDir(), "postgres", "", "bench"), exec), c.Stop())
}

// execute runs statements, each in a transaction of its own.
type execute func(statements ...string) error

// withStore calls use with a database, open.
func withStore(dsn string, d sqlstore.Durability, use func(*sqlstore.Store) error) error {
	st, err := sqlstore.Open(context.Background(), dsn, sqlstore.Config{Durability: d})
	if err != nil {
		return err
	}
	return errors.Join(use(st), st.Close())
}
