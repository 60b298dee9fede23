package sqlstore

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/executionerhq/executioner/internal/fault"
)

// poolSetting is what an address says the most connections with, for all servers.
const poolSetting = "pool_max_conns"

// poolSize returns the most connections that are asked for, usual when nothing is.
func poolSize(dsn, asked string, usual int) (int, error) {
	size := usual
	if asked != "" {
		var err error
		if size, err = strconv.Atoi(asked); err != nil {
			return 0, errForm(dsn, "%s is not a number", poolSetting)
		}
	}
	if size < 3 || size > 1000 {
		return 0, fault.New(fault.InvalidConfig, "a pool of %d connections is not possible", size).WithAt(Redact(dsn)).
			WithHint("%s must be from 3 to 1000", poolSetting)
	}
	return size, nil
}

// serverOpen is how long to wait for a server that is starting or has no free connection.
const serverOpen = 5 * time.Second

// makeReady migrates the database, on a connection that then reads: who only asks needs
// no other. It waits for a server that says that it will be there, which answered knows
// by the error, but not for one that can't be reached.
func makeReady(ctx context.Context, d dialect, reads *sql.DB, patience time.Duration, answered func(error) bool) error {
	wait := backoff{}
	for since := time.Now(); ; {
		err := migrateWith(ctx, d, reads)
		if err == nil {
			return nil
		}
		if !answered(err) || d.classify(err) == final || time.Since(since) > min(serverOpen, patience) {
			return orCause(ctx, err)
		}
		if !wait.pause(ctx.Done()) {
			return ctx.Err()
		}
	}
}

// migrateWith brings the schema up to date and looks whether it is the right one.
func migrateWith(ctx context.Context, d dialect, db *sql.DB) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := migrate(ctx, d, conn); err != nil || d.shape == "" {
		return err
	}
	soon, cancel := d.soon(ctx)
	defer cancel()
	return checkShape(soon, &d, conn)
}

// orCause returns why ctx ended if it did, as what follows from that says less.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// translateServer returns a translate function for the server at that address. meaning
// knows what is particular to it.
func translateServer(at string, hide secrets, meaning func(error) (problem, bool)) func(op string, err error) error {
	return func(op string, err error) error {
		var f *fault.Error
		switch {
		case err == nil || errors.As(err, &f):
			return err
		case errors.Is(err, context.Canceled):
			return &fault.Error{Code: fault.Cancelled, Msg: "interrupted", Op: op, Err: hide.clean(err)}
		}
		p, known := meaning(err)
		switch {
		case known:
		case isGone(err):
			p = noAnswer()
		default:
			p = problem{code: fault.Internal, msg: "can't " + op}
		}
		return &fault.Error{Code: p.code, Msg: p.msg, Hint: p.hint, Op: op, At: at, Err: hide.clean(err)}
	}
}

func noAnswer() problem {
	return problem{
		fault.Unavailable, "the database server does not answer",
		"see whether it runs and can be reached, then try again; nothing that was recorded is lost",
	}
}

func isCertificate(err error) bool {
	var c *tls.CertificateVerificationError
	return errors.As(err, &c)
}

// isGone reports whether a connection failed, was closed or did not answer in time.
func isGone(err error) bool {
	var n net.Error
	var c *pgconn.ConnectError
	for _, gone := range []error{
		io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, sql.ErrConnDone, net.ErrClosed,
		context.DeadlineExceeded, os.ErrDeadlineExceeded,
	} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return errors.As(err, &c) || errors.As(err, &n) || pgconn.SafeToRetry(err) || pgconn.Timeout(err)
}
