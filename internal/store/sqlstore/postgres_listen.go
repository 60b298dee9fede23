package sqlstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// postgresNotify is sent within the transaction, so nobody hears of what is not committed.
	// The name has the schema in it, as several stores may be in one database.
	postgresNotify = `SELECT pg_notify('executioner.' || current_schema(), ?)`
	// postgresAlive is after what silence it is tried whether the connection still lives.
	postgresAlive = 30 * time.Second
)

// postgresListen returns the listen of a dialect, which has a connection of its own.
func postgresListen(c *pgx.ConnConfig) func(context.Context, func(), func(string)) error {
	return func(ctx context.Context, ready func(), hear func(string)) error {
		conn, err := pgx.ConnectConfig(ctx, c.Copy())
		if err != nil {
			return err
		}
		defer closeListener(conn)
		var schema string
		if err := conn.QueryRow(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{"executioner." + schema}.Sanitize()); err != nil {
			return err
		}
		ready()
		return hearAll(ctx, conn, hear)
	}
}

func hearAll(ctx context.Context, conn *pgx.Conn, hear func(string)) error {
	for {
		within, cancel := context.WithTimeout(ctx, postgresAlive)
		n, err := conn.WaitForNotification(within)
		silent := within.Err() != nil && ctx.Err() == nil
		cancel()
		if err == nil {
			hear(n.Payload)
			continue
		}
		if !silent {
			return err
		}
		if err := ping(ctx, conn); err != nil {
			return err
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	within, cancel := context.WithTimeout(ctx, postgresConnect)
	defer cancel()
	return conn.Ping(within)
}

func closeListener(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing was being done on it
}
