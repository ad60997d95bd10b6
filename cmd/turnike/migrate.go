package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"turnike/internal/storage"
	"turnike/internal/storage/migrations"
)

// installation says where one is kept; serve takes the same flags.
type installation struct {
	Data string `default:"turnike-data" env:"TURNIKE_DATA" type:"path" help:"Folder of the embedded database."`
	Keys string `env:"TURNIKE_KEYS" type:"path" help:"Folder of the keys. Empty: DATA-keys beside --data."`
	DB   string `env:"TURNIKE_DB" help:"postgres://... for PostgreSQL; empty: a SQLite file in --data."`
}

// rows is the database's address.
func (i installation) rows() string {
	if i.DB != "" {
		return i.DB
	}
	return "sqlite:" + filepath.Join(i.Data, "turnike.db")
}

// keys is the key folder.
func (i installation) keys() string {
	if i.Keys != "" {
		return i.Keys
	}
	return filepath.Clean(i.Data) + "-keys"
}

// MigrateCmd brings the schema up to date.
type MigrateCmd struct {
	installation `embed:""`
	Check        bool `help:"Only say whether the schema is up to date; exit status 1 where it is not."`
}

// Help is shown by turnike migrate --help.
func (MigrateCmd) Help() string {
	return `Migrations only go forward, and one may run before, during and after a release:
the release before it still reads what it left. Take a backup first.

Servers that start together wait for each other, so this may also be left to
turnike serve, which migrates by itself unless told not to.`
}

// Run migrates.
func (c *MigrateCmd) Run(ctx context.Context, out io.Writer) error {
	s, err := storage.Open(ctx, c.rows(), !c.Check)
	switch {
	case c.Check && (errors.Is(err, migrations.ErrOld) || errors.Is(err, migrations.ErrNew)):
		fmt.Fprintln(out, err)
		return errSaid
	case err != nil:
		return fmt.Errorf("migrate: %w", err)
	}
	fmt.Fprintf(out, "%s: the schema is up to date\n", s.Dialect())
	return s.Close()
}
