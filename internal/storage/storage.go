// Package storage opens a database by its address: a file for the embedded
// engine, or a PostgreSQL.
package storage

import (
	"context"
	"errors"
	"strings"

	"turnike/internal/storage/postgres"
	"turnike/internal/storage/sqlite"
	"turnike/internal/storage/sqlstore"
)

// ErrAddress is given for an address of no known kind. It does not repeat the
// address, which may hold a password.
var ErrAddress = errors.New("storage: the address must be sqlite:PATH or postgres://...")

// Open opens sqlite:PATH or postgres://user@host/database. With migrate the
// schema is brought up to date first; without, an old one is refused.
func Open(ctx context.Context, dsn string, migrate bool) (*sqlstore.Store, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok && path != "" {
		return sqlite.Open(ctx, sqlite.Config{Path: path, Migrate: migrate})
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return postgres.Open(ctx, postgres.Config{DSN: dsn, Migrate: migrate})
	}
	return nil, ErrAddress
}
