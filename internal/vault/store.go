package vault

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"turnike/internal/person"
	"turnike/internal/storage/postgres"
	"turnike/internal/storage/sqlite"
)

// store is the key store: three small tables, in a file or schema of its own.
type store struct {
	db   *sql.DB
	file bool // SQLite
}

// schema is made at once and has not changed; both engines read it.
var schema = []string{
	`CREATE TABLE IF NOT EXISTS person_key (id %[1]s PRIMARY KEY, wrapped %[1]s NOT NULL, destroyed_us BIGINT)`,
	`CREATE TABLE IF NOT EXISTS short_key (id BIGINT PRIMARY KEY, wrapped %[1]s NOT NULL, made_us BIGINT NOT NULL)`,
	`CREATE TABLE IF NOT EXISTS vault (name TEXT PRIMARY KEY, value %[1]s NOT NULL)`,
}

func openStore(ctx context.Context, c Config) (*store, error) {
	s := &store{}
	var err error
	blob := "BYTEA"
	switch {
	case c.Store == "":
		s.file, blob = true, "BLOB"
		s.db, err = sqlite.OpenPlain(ctx, filepath.Join(c.Dir, "keys.db"))
	case strings.HasPrefix(c.Store, "sqlite:"):
		s.file, blob = true, "BLOB"
		s.db, err = sqlite.OpenPlain(ctx, strings.TrimPrefix(c.Store, "sqlite:"))
	default:
		s.db, err = postgres.OpenPlain(ctx, c.Store, "turnike_keys")
	}
	if err != nil {
		return nil, fmt.Errorf("open key store: %w", err)
	}
	for _, q := range schema {
		if _, err := s.db.ExecContext(ctx, fmt.Sprintf(q, blob)); err != nil {
			s.db.Close()
			return nil, fmt.Errorf("open key store: %w", err)
		}
	}
	return s, nil
}

func (s *store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close key store: %w", err)
	}
	return nil
}

// keysAtOnce is how many keys go out in one statement: a statement costs more
// than a row.
const keysAtOnce = 100

// addKeys writes a stock in one transaction, so with one sync.
func (s *store) addKeys(ctx context.Context, keys []newKey, wrapped [][]byte) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store keys: %w", err)
	}
	defer tx.Rollback()
	var many, one *sql.Stmt
	for len(keys) > 0 {
		n, st := keysAtOnce, &many
		if len(keys) < n {
			n, st = 1, &one
		}
		if *st == nil {
			if *st, err = tx.PrepareContext(ctx, s.insertKeys(n)); err != nil {
				return fmt.Errorf("store keys: %w", err)
			}
		}
		args := make([]any, 0, 2*n)
		for i := range n {
			id, err := idOf(keys[i].ref)
			if err != nil {
				return err
			}
			args = append(args, id, wrapped[i])
		}
		if _, err := (*st).ExecContext(ctx, args...); err != nil {
			return fmt.Errorf("store keys: %w", err)
		}
		keys, wrapped = keys[n:], wrapped[n:]
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store keys: %w", err)
	}
	return nil
}

// insertKeys is the statement for n keys. SQLite looks numbered parameters up
// by name, one by one, so it gets plain ones.
func (s *store) insertKeys(n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = "(?, ?)"
		if !s.file {
			rows[i] = "($" + strconv.Itoa(2*i+1) + ", $" + strconv.Itoa(2*i+2) + ")"
		}
	}
	return "INSERT INTO person_key (id, wrapped) VALUES " + strings.Join(rows, ", ")
}

// key reads a person's wrapped key.
func (s *store) key(ctx context.Context, id []byte) ([]byte, error) {
	var wrapped []byte
	var destroyed sql.NullInt64
	err := s.db.QueryRowContext(ctx, "SELECT wrapped, destroyed_us FROM person_key WHERE id = $1", id).Scan(&wrapped, &destroyed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrUnknownKey
	case err != nil:
		return nil, fmt.Errorf("read a key: %w", err)
	case destroyed.Valid:
		return nil, person.ErrErased
	}
	return wrapped, nil
}

// destroy overwrites a key and makes sure that no older copy of its page is
// left in the log.
func (s *store) destroy(ctx context.Context, id []byte, now time.Time) error {
	r, err := s.db.ExecContext(ctx, "UPDATE person_key SET wrapped = $1, destroyed_us = $2 WHERE id = $3 AND destroyed_us IS NULL",
		[]byte{}, now.UnixMicro(), id)
	if err != nil {
		return fmt.Errorf("destroy a key: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil {
		return fmt.Errorf("destroy a key: %w", err)
	} else if n == 0 {
		if _, err := s.key(ctx, id); !errors.Is(err, person.ErrErased) {
			return err
		}
		return nil // destroyed before
	}
	return s.settle(ctx)
}

// settle moves the log into the file and empties it. On PostgreSQL the old row
// version goes with VACUUM and the log with its retention, as decision 0003
// says.
func (s *store) settle(ctx context.Context) error {
	if s.file {
		if _, err := s.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			return fmt.Errorf("destroy a key: %w", err)
		}
		return nil
	}
	if _, err := s.db.ExecContext(ctx, "VACUUM person_key"); err != nil {
		return fmt.Errorf("destroy a key: %w", err)
	}
	return nil
}

type shortRow struct {
	id      uint32
	wrapped []byte
	made    time.Time
}

func (s *store) shorts(ctx context.Context) ([]shortRow, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, wrapped, made_us FROM short_key ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read short keys: %w", err)
	}
	defer rows.Close()
	var out []shortRow
	for rows.Next() {
		var r shortRow
		var id, made int64
		if err := rows.Scan(&id, &r.wrapped, &made); err != nil {
			return nil, fmt.Errorf("read short keys: %w", err)
		}
		r.id, r.made = uint32(id), time.UnixMicro(made).UTC()
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read short keys: %w", err)
	}
	return out, nil
}

func (s *store) addShort(ctx context.Context, id uint32, wrapped []byte, now time.Time) error {
	if _, err := s.db.ExecContext(ctx, "INSERT INTO short_key (id, wrapped, made_us) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
		int64(id), wrapped, now.UnixMicro()); err != nil {
		return fmt.Errorf("store a short key: %w", err)
	}
	return nil
}

// dropShort destroys the short keys that were out of use before a moment: a
// key is, once the next one is made. The newest always stays, so that a number
// is never given twice.
func (s *store) dropShort(ctx context.Context, before time.Time) error {
	r, err := s.db.ExecContext(ctx, "DELETE FROM short_key WHERE id < (SELECT MAX(id) FROM short_key WHERE made_us < $1)", before.UnixMicro())
	if err != nil {
		return fmt.Errorf("drop short keys: %w", err)
	}
	if n, err := r.RowsAffected(); err == nil && n > 0 && s.file {
		return s.settle(ctx)
	}
	return nil
}

// note reads a value about the vault itself; none is nil.
func (s *store) note(ctx context.Context, name string) ([]byte, error) {
	var v []byte
	err := s.db.QueryRowContext(ctx, "SELECT value FROM vault WHERE name = $1", name).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read key store: %w", err)
	}
	return v, nil
}

func (s *store) putNote(ctx context.Context, name string, value []byte) error {
	if _, err := s.db.ExecContext(ctx, "INSERT INTO vault (name, value) VALUES ($1, $2)", name, value); err != nil {
		return fmt.Errorf("write key store: %w", err)
	}
	return nil
}
