// Package migrations holds the schema's history: numbered SQL, only forward,
// where a number means the same on both engines.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// ErrOld is given for a database that has not seen every migration, by who
// was told not to run them.
var ErrOld = errors.New("the database's schema is older than this program: run turnike migrate")

// ErrNew is given for a database that a newer program has migrated.
var ErrNew = errors.New("the database's schema is newer than this program")

// Migrator brings a database's schema up to date.
type Migrator struct{ p *goose.Provider }

// SQLite is the migrator of an SQLite database, given its writing handle.
func SQLite(db *sql.DB) (*Migrator, error) { return open(goose.DialectSQLite3, "sqlite", db) }

// Postgres is the migrator of a PostgreSQL database. Servers that start
// together wait for each other (advisory lock).
func Postgres(db *sql.DB) (*Migrator, error) {
	l, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return open(goose.DialectPostgres, "postgres", db, goose.WithSessionLocker(l))
}

func open(d goose.Dialect, dir string, db *sql.DB, opts ...goose.ProviderOption) (*Migrator, error) {
	sub, err := fs.Sub(files, dir)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	p, err := goose.NewProvider(d, db, sub, opts...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return &Migrator{p}, nil
}

// Up runs what is missing and tells how many that were.
func (m *Migrator) Up(ctx context.Context) (int, error) {
	done, err := m.p.Up(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	return len(done), nil
}

// Versions are the database's number and the program's.
func (m *Migrator) Versions(ctx context.Context) (db, program int64, err error) {
	db, program, err = m.p.GetVersions(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read schema version: %w", err)
	}
	return db, program, nil
}

// Ready runs what is missing where it may, and otherwise tells whether the
// schema fits.
func (m *Migrator) Ready(ctx context.Context, migrate bool) error {
	if migrate {
		if _, err := m.Up(ctx); err != nil {
			return err
		}
	}
	db, program, err := m.Versions(ctx)
	switch {
	case err != nil:
		return err
	case db < program:
		return fmt.Errorf("%w (it has %d, the program %d)", ErrOld, db, program)
	case db > program:
		return fmt.Errorf("%w (it has %d, the program %d)", ErrNew, db, program)
	}
	return nil
}
