// Package postgres is the engine for a city that has outgrown one machine:
// many servers on one PostgreSQL, the same queries, a few writers each.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"turnike/internal/storage/migrations"
	"turnike/internal/storage/sqlstore"
)

// Config says where the database is. Only DSN is needed.
type Config struct {
	DSN string // postgres://user@host/database?...
	// Migrate lets Open bring the schema up to date; otherwise an old one is
	// refused.
	Migrate bool
	// Writers is how many transactions are written at once (4: a third faster
	// than 2 where this was measured, and 6 no faster), Group the most functions
	// that share one (512), Queue the most that wait (4096).
	Writers, Group, Queue int
	// Readers is the most connections for reading (16).
	Readers int
}

// Errors of the checks at start, each by the setting it names.
var (
	ErrFsync       = errors.New("postgres: fsync must be on")
	ErrFullPage    = errors.New("postgres: full_page_writes must be on")
	ErrSynchronous = errors.New("postgres: synchronous_commit must be on (or remote_apply): otherwise a crash loses acknowledged writes")
	ErrSyncRetry   = errors.New("postgres: data_sync_retry must be off: a sync that failed may falsely succeed when tried again")
)

// errAddress stands for the driver's own error, which shows the address with
// its password.
var errAddress = errors.New("open postgres: the address is not one of PostgreSQL")

// Open connects to a database and starts its store.
func Open(ctx context.Context, c Config) (*sqlstore.Store, error) {
	if c.Writers == 0 {
		c.Writers = 4
	}
	if c.Group == 0 {
		c.Group = 512
	}
	if c.Queue == 0 {
		c.Queue = 4096
	}
	if c.Readers == 0 {
		c.Readers = 16
	}
	cfg, err := pgx.ParseConfig(c.DSN)
	if err != nil {
		return nil, errAddress
	}
	write := stdlib.OpenDB(*cfg)
	write.SetMaxOpenConns(c.Writers + 1) // and one for migrations
	write.SetMaxIdleConns(c.Writers)
	read := stdlib.OpenDB(*cfg)
	read.SetMaxOpenConns(c.Readers)
	read.SetMaxIdleConns(c.Readers)
	fail := func(err error) (*sqlstore.Store, error) {
		write.Close()
		read.Close()
		return nil, err
	}
	if err := check(ctx, write); err != nil {
		return fail(err)
	}
	m, err := migrations.Postgres(write)
	if err != nil {
		return fail(err)
	}
	if err := m.Ready(ctx, c.Migrate); err != nil {
		return fail(err)
	}
	return sqlstore.New(sqlstore.Engine{
		Dialect: sqlstore.Postgres, Write: write, Read: read, Writers: c.Writers,
		Group: c.Group, Queue: c.Queue, Classify: classify,
		Check: func(ctx context.Context, conn *sql.Conn) error { return check(ctx, conn) },
	}), nil
}

type querier interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// check holds a writing connection to what an acknowledgement relies on. It is
// asked on each new connection, since a reload or a role's own settings can
// change it under a running server.
func check(ctx context.Context, q querier) error {
	for _, s := range []struct {
		name string
		good []string
		err  error
	}{
		{"fsync", []string{"on"}, ErrFsync},
		{"full_page_writes", []string{"on"}, ErrFullPage},
		{"synchronous_commit", []string{"on", "remote_apply"}, ErrSynchronous},
		{"data_sync_retry", []string{"off"}, ErrSyncRetry},
	} {
		var got string
		if err := q.QueryRowContext(ctx, "SELECT COALESCE(current_setting($1, TRUE), '')", s.name).Scan(&got); err != nil {
			return fmt.Errorf("open postgres: %w", err)
		}
		// A kin of PostgreSQL that does not know a setting is trusted in it.
		if got != "" && !strings.Contains(" "+strings.Join(s.good, " ")+" ", " "+got+" ") {
			return fmt.Errorf("%w (it is %s)", s.err, got)
		}
	}
	return nil
}

// classify tells what an error means for a store.
func classify(err error) sqlstore.Failure {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == "40001", e.Code == "40P01":
			return sqlstore.Retry
		case e.Code == "53100": // disk_full
			return sqlstore.Full
		case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "57P"), strings.HasPrefix(e.Code, "53"):
			return sqlstore.Away // lost, shutting down, too many connections
		case strings.HasPrefix(e.Code, "58"), e.Code == "XX001", e.Code == "XX002":
			return sqlstore.Away // its disk failed; it restarts and replays by itself
		case e.Code == "25006": // read_only_sql_transaction: a standby
			return sqlstore.Away
		}
		return sqlstore.Ordinary
	}
	var connect *pgconn.ConnectError
	var op *net.OpError
	switch {
	case errors.As(err, &connect), errors.As(err, &op),
		errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, context.DeadlineExceeded),
		pgconn.SafeToRetry(err), pgconn.Timeout(err):
		return sqlstore.Away
	}
	return sqlstore.Ordinary
}

// OpenPlain opens a schema as one pool with the same checks, making it where
// it is not there: for a store that is not the database of the rows.
func OpenPlain(ctx context.Context, dsn, schema string) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errAddress
	}
	cfg.RuntimeParams["search_path"] = schema
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(4)
	if err = check(ctx, db); err == nil {
		_, err = db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+pgx.Identifier{schema}.Sanitize())
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	return db, nil
}
