package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"turnike/internal/storage/backup"
)

// BackupCmd copies a running installation.
type BackupCmd struct {
	installation `embed:""`
	To           string `required:"" type:"path" placeholder:"DIR" help:"Folder to put the copy of the rows in, under a name of its own."`
	KeysTo       string `type:"path" placeholder:"DIR" help:"Folder to put the copy of the keys in. Not the one of the rows, nor the same disk."`
}

// Help is shown by turnike backup --help.
func (BackupCmd) Help() string {
	return `The copy is one moment's while servers go on writing, and one SQLite file
whatever engine the rows are in, so it can be restored into either.

Rows and keys are copied apart: neither is of use without the other. Keep copies
of keys for 30 days at most. Whoever was erased is gone from every older copy of
the rows once the last copy of the keys that knew them is deleted.

Example:
  turnike backup --to /backup/rows --keys-to /vault/keys`
}

// Run copies.
func (c *BackupCmd) Run(ctx context.Context, out io.Writer) error {
	now := time.Now()
	name := "turnike-" + now.UTC().Format("20060102T150405Z")
	if c.KeysTo != "" && filepath.Clean(c.KeysTo) == filepath.Clean(c.To) {
		return fmt.Errorf("backup: --keys-to must not be the folder of the rows: whoever gets one would have both")
	}
	dir := filepath.Join(c.To, name)
	m, err := backup.Rows(ctx, c.rows(), dir, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "rows: %s (%d pairings, %d people, schema %d, from %s)\n", dir, m.Tables["pairing"], m.Tables["person"], m.Schema, m.Engine)
	if c.KeysTo == "" {
		fmt.Fprintln(out, "keys: not copied; without them the rows cannot be read (--keys-to)")
		return nil
	}
	dir = filepath.Join(c.KeysTo, name+"-keys")
	k, err := backup.Keys(ctx, c.keys(), dir, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "keys: %s (%d files)\n", dir, len(k.Files))
	return nil
}
