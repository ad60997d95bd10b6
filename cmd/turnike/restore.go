package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"turnike/internal/storage/backup"
)

// RestoreCmd puts a backup back.
type RestoreCmd struct {
	installation `embed:""`
	From         string `type:"existingdir" placeholder:"BACKUP" help:"Backup of the rows."`
	KeysFrom     string `type:"existingdir" placeholder:"BACKUP" help:"Backup of the keys."`
	Verify       bool   `help:"Only look the backups over; nothing is written."`
}

// Help is shown by turnike restore --help.
func (RestoreCmd) Help() string {
	return `Nothing is written over: the database must be empty and the key folder not there.

What the world has moved past does not come back: forms that wait for a code are
dropped, messages that waited are not sent again, and published lists go on above
every number given before. Pairings made after the backup are lost; people pair
again with the same form.

A backup of an SQLite installation can be restored into PostgreSQL and the other
way about (--db): that is how an installation moves.

Example, the monthly drill, beside the running installation:
  turnike restore --from /backup/rows/turnike-20210111T030000Z \
    --keys-from /vault/keys/turnike-20210111T030000Z-keys --data /tmp/drill`
}

// Run restores.
func (c *RestoreCmd) Run(ctx context.Context, out io.Writer) error {
	if c.From == "" && c.KeysFrom == "" {
		return fmt.Errorf("restore: say what: --from, --keys-from or both")
	}
	if c.Verify {
		for _, dir := range []string{c.From, c.KeysFrom} {
			if dir == "" {
				continue
			}
			m, err := backup.Verify(ctx, dir)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s: whole, %s of %s\n", dir, m.Kind, m.Taken.Format(time.RFC3339))
		}
		return nil
	}
	begun := time.Now()
	if c.KeysFrom != "" {
		m, err := backup.RestoreKeys(ctx, c.KeysFrom, c.keys())
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "keys: %d files of %s in %s\n", len(m.Files), m.Taken.Format(time.RFC3339), c.keys())
	}
	if c.From != "" {
		m, err := backup.RestoreRows(ctx, c.From, c.rows(), begun)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "rows: %d pairings of %s\n", m.Tables["pairing"], m.Taken.Format(time.RFC3339))
	}
	fmt.Fprintf(out, "done in %v\n", time.Since(begun).Round(time.Millisecond))
	return nil
}
