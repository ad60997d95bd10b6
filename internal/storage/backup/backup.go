// Package backup takes a consistent copy of a running installation and puts it
// back. Whatever engine the rows are in, the copy is one SQLite file: it can be
// looked at with common tools, and restored into either engine, which is also
// how an installation moves from one to the other.
//
// Keys are copied apart from rows, to another place, and are kept shorter: a
// person who was erased is gone from everything once the last copy of the keys
// that knew them is.
package backup

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"turnike/internal/storage"
	"turnike/internal/storage/sqlite"
	"turnike/internal/storage/sqlstore"
)

// Manifest says what is in a backup, and how it must look to be whole.
type Manifest struct {
	Format string            `json:"format"`
	Kind   string            `json:"kind"` // rows or keys
	Taken  time.Time         `json:"taken"`
	Engine string            `json:"engine,omitempty"` // the rows came from
	Schema int64             `json:"schema,omitempty"`
	Tables map[string]int64  `json:"tables,omitempty"` // rows by table
	Files  map[string]string `json:"files"`            // SHA-256 by name
}

const (
	format       = "turnike-backup-1"
	kindRows     = "rows"
	kindKeys     = "keys"
	manifestName = "manifest.json"
	rowsName     = "rows.db"
	keysName     = "keys.db"
)

// Errors of backups.
var (
	// ErrExists: a backup or a restore never writes over anything.
	ErrExists = errors.New("there is something already")
	// ErrDamaged: a file is not as its manifest says, or does not hold together.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrKind: keys where rows were expected, or the other way about.
	ErrKind = errors.New("this is not a backup of that kind")
)

// Rows copies the database at an address into a new folder. Servers go on
// writing meanwhile; the copy is one moment's.
func Rows(ctx context.Context, dsn, dir string, now time.Time) (Manifest, error) {
	m := Manifest{Format: format, Kind: kindRows, Taken: now.UTC()}
	err := into(dir, func(tmp string) (err error) {
		file := filepath.Join(tmp, rowsName)
		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			m.Engine = sqlstore.SQLite.String()
			err = vacuum(ctx, path, file)
		} else {
			m.Engine = sqlstore.Postgres.String()
			err = fromPostgres(ctx, dsn, file)
		}
		if err != nil {
			return err
		}
		if m.Tables, m.Schema, err = look(ctx, file); err != nil {
			return err
		}
		return m.write(tmp, rowsName)
	})
	if err != nil {
		return Manifest{}, fmt.Errorf("back up rows: %w", err)
	}
	return m, nil
}

// Keys copies the key folder into a new folder: the key store as of one
// moment, and the files beside it (the installation's key, the lists' keys).
func Keys(ctx context.Context, keys, dir string, now time.Time) (Manifest, error) {
	m := Manifest{Format: format, Kind: kindKeys, Taken: now.UTC()}
	err := into(dir, func(tmp string) error {
		var names []string
		err := filepath.WalkDir(keys, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(keys, path)
			if err != nil {
				return err
			}
			to := filepath.Join(tmp, name)
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				return err
			}
			switch {
			case name == keysName:
				err = vacuum(ctx, path, to)
			case strings.HasPrefix(name, keysName): // its log, which the copy of it holds already
				return nil
			default:
				err = copyFile(path, to)
			}
			names = append(names, name)
			return err
		})
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return os.ErrNotExist
		}
		return m.write(tmp, names...)
	})
	if err != nil {
		return Manifest{}, fmt.Errorf("back up keys: %w", err)
	}
	return m, nil
}

// into fills a folder under another name first, so that what has the name is
// whole, and makes it last.
func into(dir string, fill func(tmp string) error) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s: %w", dir, ErrExists)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := fill(tmp); err != nil {
		return err
	}
	if err := syncTree(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, dir); err != nil {
		return err
	}
	return syncFile(filepath.Dir(dir))
}

func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncFile(path)
	})
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Sync(), w.Close())
}

// write sums the files up and writes the manifest beside them.
func (m *Manifest) write(dir string, names ...string) error {
	m.Files = map[string]string{}
	for _, n := range names {
		sum, err := digest(filepath.Join(dir, n))
		if err != nil {
			return err
		}
		m.Files[n] = sum
	}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifestName), append(b, '\n'), 0o600)
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// vacuum copies a live SQLite file as of one moment, in order and without what
// was deleted.
func vacuum(ctx context.Context, from, to string) error {
	if _, err := os.Stat(from); err != nil {
		return err
	}
	db, err := sqlite.OpenPlain(ctx, from)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", to); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return os.Chmod(to, 0o600)
}

// look counts a copy's rows, after asking whether the file holds together.
func look(ctx context.Context, file string) (tables map[string]int64, schema int64, err error) {
	db, err := openCopy(file)
	if err != nil {
		return nil, 0, err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&verdict); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if verdict != "ok" {
		return nil, 0, fmt.Errorf("%w: %s", ErrDamaged, verdict)
	}
	names, err := tableNames(ctx, db)
	if err != nil {
		return nil, 0, err
	}
	tables = map[string]int64{}
	for _, n := range names {
		var k int64
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+quote(n)).Scan(&k); err != nil {
			return nil, 0, err
		}
		tables[n] = k
	}
	if err := db.QueryRowContext(ctx, "SELECT MAX(version_id) FROM goose_db_version").Scan(&schema); err != nil {
		return nil, 0, fmt.Errorf("%w: it has no schema version", ErrDamaged)
	}
	return tables, schema, nil
}

// openCopy opens a copy for reading, without leaving a log beside it.
func openCopy(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+escape(file)+"?mode=ro&immutable=1")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// Verify tells whether a backup is whole: every file as its manifest says, and
// for rows a sound database with as many rows.
func Verify(ctx context.Context, dir string) (Manifest, error) {
	var m Manifest
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return m, fmt.Errorf("verify backup: %w", err)
	}
	if err := json.Unmarshal(b, &m); err != nil || m.Format != format {
		return m, fmt.Errorf("verify backup: %w: its manifest cannot be read", ErrDamaged)
	}
	for name, want := range m.Files {
		if !filepath.IsLocal(name) {
			return m, fmt.Errorf("verify backup: %w: %q is no name for a file", ErrDamaged, name)
		}
		got, err := digest(filepath.Join(dir, name))
		if err != nil {
			return m, fmt.Errorf("verify backup: %w: %w", ErrDamaged, err)
		}
		if got != want {
			return m, fmt.Errorf("verify backup: %w: %s has changed", ErrDamaged, name)
		}
	}
	if m.Kind != kindRows {
		return m, nil
	}
	tables, schema, err := look(ctx, filepath.Join(dir, rowsName))
	if err != nil {
		return m, fmt.Errorf("verify backup: %w", err)
	}
	if schema != m.Schema {
		return m, fmt.Errorf("verify backup: %w: schema %d, not %d", ErrDamaged, schema, m.Schema)
	}
	for n, want := range m.Tables {
		if tables[n] != want {
			return m, fmt.Errorf("verify backup: %w: %s holds %d rows, not %d", ErrDamaged, n, tables[n], want)
		}
	}
	return m, nil
}

// RestoreKeys puts a backup of keys into a folder that is not there yet.
func RestoreKeys(ctx context.Context, dir, keys string) (Manifest, error) {
	m, err := Verify(ctx, dir)
	if err == nil && m.Kind != kindKeys {
		err = ErrKind
	}
	if err == nil {
		err = into(keys, func(tmp string) error {
			for name := range m.Files {
				if err := os.MkdirAll(filepath.Join(tmp, filepath.Dir(name)), 0o700); err != nil {
					return err
				}
				if err := copyFile(filepath.Join(dir, name), filepath.Join(tmp, name)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("restore keys: %w", err)
	}
	return m, nil
}

// RestoreRows puts a backup of rows into an empty database. What the outside
// world has moved past meanwhile does not come back with it: forms that wait
// for a code are dropped, messages that waited are not sent, and published
// lists go on above any number given before.
func RestoreRows(ctx context.Context, dir, dsn string, now time.Time) (Manifest, error) {
	m, err := Verify(ctx, dir)
	if err == nil && m.Kind != kindRows {
		err = ErrKind
	}
	if err == nil {
		err = restoreRows(ctx, filepath.Join(dir, rowsName), dsn, now)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("restore rows: %w", err)
	}
	return m, nil
}

func restoreRows(ctx context.Context, from, dsn string, now time.Time) error {
	path, isFile := strings.CutPrefix(dsn, "sqlite:")
	work, err := os.MkdirTemp("", "turnike-restore")
	if isFile {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s: %w", path, ErrExists)
		}
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		// Beside the place it goes to, to be moved there at once.
		os.Remove(work)
		work, err = os.MkdirTemp(filepath.Dir(path), ".restore")
	}
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	file := filepath.Join(work, rowsName)
	if err := copyFile(from, file); err != nil {
		return err
	}
	if err := moveOn(ctx, file, now); err != nil {
		return err
	}
	if !isFile {
		return toPostgres(ctx, file, dsn)
	}
	if err := os.Rename(file, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// ListFloor is the setting below which no list's sequence may be given, in
// seconds since 1970: sequences are never behind the clock.
const ListFloor = "list_floor"

// moveOn brings a restored copy to today's schema and takes out what must not
// happen twice.
func moveOn(ctx context.Context, file string, now time.Time) error {
	s, err := storage.Open(ctx, "sqlite:"+file, true)
	if err != nil {
		return err
	}
	err = s.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := tx.ForgetWaiting(ctx, "restored", now); err != nil {
			return err
		}
		return tx.PutSetting(ctx, "", ListFloor, fmt.Appendf(nil, "%d", now.Unix()), now)
	})
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	// Closing the last connection moved the log into the file.
	return syncFile(file)
}
