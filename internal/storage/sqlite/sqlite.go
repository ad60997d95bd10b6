// Package sqlite is the embedded engine: one file beside the binary, one
// writer, a full sync at every commit.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	driverpkg "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"turnike/internal/storage/migrations"
	"turnike/internal/storage/sqlstore"
)

// Config says where the database is. Only Path is needed.
type Config struct {
	Path string
	// Migrate lets Open bring the schema up to date; otherwise an old one is
	// refused.
	Migrate bool
	// Group is the most functions that share one commit (512), Queue the most
	// that wait (4096).
	Group, Queue int
	// VFS is the name of the file layer, empty for the system's own; tests and
	// benches put a slow or failing disk there.
	VFS string
	// CheckpointPages is after how many pages the log is moved into the file;
	// zero is the usual number.
	CheckpointPages int

	// pragma overrides settings, for the test that wrong ones are refused.
	pragma map[string]string
}

// Errors of the checks at start, each by the setting it names.
var (
	ErrVersion     = errors.New("sqlite: version 3.51.3 or newer is needed: older ones can damage a write-ahead log that two connections check-point")
	ErrJournal     = errors.New("sqlite: journal_mode must be wal")
	ErrSynchronous = errors.New("sqlite: synchronous must be FULL: with NORMAL a power cut loses acknowledged writes")
	ErrForeignKeys = errors.New("sqlite: foreign_keys must be on")
)

// busyTimeout is how long a statement waits for another process's lock, such
// as a backup's.
const busyTimeout = 5 * time.Second

// settings are the pragmas of every connection. cache_size is in KiB when
// negative: the random-key indexes' pages stay in memory, or each insert reads
// one. When the log is moved into the file is checkpointer's business.
var settings = map[string]string{
	"busy_timeout":       strconv.FormatInt(busyTimeout.Milliseconds(), 10),
	"journal_mode":       "WAL",
	"synchronous":        "FULL",
	"foreign_keys":       "ON",
	"trusted_schema":     "OFF",
	"cache_size":         "-131072",
	"temp_store":         "MEMORY",
	"wal_autocheckpoint": "0",
}

// pageSize takes effect on a new file. A pairing enters three indexes with
// random keys, each on a page of its own, so smaller pages are fewer bytes to
// log; 8 KiB cost a fifth more time.
const pageSize = 4096

// dsn is the driver's address of a database.
func (c Config) dsn(reading bool) string {
	q := url.Values{}
	add := func(k, v string) { q.Add("_pragma", k+"("+v+")") }
	if !reading {
		// Before journal_mode, which fixes the page size of a new file.
		add("page_size", strconv.Itoa(pageSize))
	}
	for k, v := range settings {
		if o, ok := c.pragma[k]; ok {
			v = o
		}
		if reading && (k == "journal_mode" || k == "wal_autocheckpoint" || k == "synchronous") {
			continue
		}
		if reading && k == "cache_size" {
			v = "-16384"
		}
		add(k, v)
	}
	if reading {
		add("query_only", "ON")
		q.Set("mode", "ro")
	} else {
		q.Set("_txlock", "immediate")
	}
	if c.VFS != "" {
		q.Set("vfs", c.VFS)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: c.Path}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

// Open opens a database, making it where there is none, and starts its store.
func Open(ctx context.Context, c Config) (*sqlstore.Store, error) {
	eng, err := open(ctx, c)
	if err != nil {
		return nil, err
	}
	return sqlstore.New(eng), nil
}

func open(ctx context.Context, c Config) (eng sqlstore.Engine, err error) {
	if c.Group == 0 {
		c.Group = 512
	}
	if c.Queue == 0 {
		c.Queue = 4096
	}
	if err := os.MkdirAll(filepath.Dir(c.Path), 0o700); err != nil {
		return eng, fmt.Errorf("open sqlite: %w", err)
	}
	write, err := sql.Open("sqlite", c.dsn(false))
	if err != nil {
		return eng, fmt.Errorf("open sqlite: %w", err)
	}
	write.SetMaxOpenConns(1)
	defer func() {
		if err != nil {
			write.Close()
		}
	}()
	if err = check(ctx, write); err != nil {
		return eng, err
	}
	m, err := migrations.SQLite(write)
	if err != nil {
		return eng, err
	}
	if err = m.Ready(ctx, c.Migrate); err != nil {
		return eng, err
	}
	if c.Migrate {
		if err = teach(ctx, write); err != nil {
			return eng, fmt.Errorf("open sqlite: %w", err)
		}
	}
	// The file holds tags and sealed data; nobody else has business with it.
	if c.VFS == "" {
		if err = os.Chmod(c.Path, 0o600); err != nil {
			return eng, fmt.Errorf("open sqlite: %w", err)
		}
	}
	read, err := sql.Open("sqlite", c.dsn(true))
	if err != nil {
		return eng, fmt.Errorf("open sqlite: %w", err)
	}
	n := max(4, 2*runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(n)
	read.SetMaxIdleConns(n)
	mover, err := sql.Open("sqlite", c.dsn(false))
	if err != nil {
		read.Close()
		return eng, fmt.Errorf("open sqlite: %w", err)
	}
	mover.SetMaxOpenConns(1)
	limit := int64(logPages)
	if c.CheckpointPages > 0 {
		limit = int64(c.CheckpointPages)
	}
	k, err := newCheckpointer(mover, c.Path, limit)
	if err != nil {
		return eng, fmt.Errorf("open sqlite: %w", errors.Join(err, mover.Close(), read.Close()))
	}
	return sqlstore.Engine{
		Dialect: sqlstore.SQLite, Write: write, Read: read, Writers: 1,
		Group: c.Group, Queue: c.Queue, Classify: classify,
		Check:   func(ctx context.Context, conn *sql.Conn) error { return check(ctx, conn) },
		Between: k.between, Close: k.close,
	}, nil
}

// querier is a pool or one connection.
type querier interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// check holds a writing connection to what an acknowledgement relies on.
func check(ctx context.Context, q querier) error {
	var version string
	if err := q.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		return fmt.Errorf("open sqlite: %w", err)
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	for _, s := range []struct {
		pragma, want string
		err          error
	}{
		{"journal_mode", "wal", ErrJournal},
		{"synchronous", "2", ErrSynchronous}, // 3, EXTRA, syncs the directory too, which WAL has no use for
		{"foreign_keys", "1", ErrForeignKeys},
	} {
		var got string
		if err := q.QueryRowContext(ctx, "PRAGMA "+s.pragma).Scan(&got); err != nil {
			return fmt.Errorf("open sqlite: %w", err)
		}
		if got != s.want && !(s.pragma == "synchronous" && got == "3") {
			return fmt.Errorf("%w (it is %s)", s.err, got)
		}
	}
	return nil
}

// oldest is the first version without the log-reset bug; 3.52.0 was withdrawn.
var oldest = [3]int{3, 51, 3}

func checkVersion(v string) error {
	var got [3]int
	for i, p := range strings.SplitN(v, ".", 3) {
		n, err := strconv.Atoi(p)
		if err != nil {
			return fmt.Errorf("%w (it is %q)", ErrVersion, v)
		}
		got[i] = n
	}
	for i := range got {
		if got[i] != oldest[i] {
			if got[i] < oldest[i] || got == [3]int{3, 52, 0} {
				return fmt.Errorf("%w (it is %s)", ErrVersion, v)
			}
			return nil
		}
	}
	return nil
}

// classify tells what an error means for a store.
func classify(err error) sqlstore.Failure {
	var e *driverpkg.Error
	if !errors.As(err, &e) {
		if errors.Is(err, errSync) {
			return sqlstore.Broken
		}
		if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
			return sqlstore.Away
		}
		return sqlstore.Ordinary
	}
	switch code := e.Code(); code & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return sqlstore.Retry
	case lib.SQLITE_FULL:
		return sqlstore.Full
	case lib.SQLITE_IOERR:
		if code == lib.SQLITE_IOERR_SHMSIZE || code == lib.SQLITE_IOERR_NOMEM {
			return sqlstore.Full
		}
		return sqlstore.Broken
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return sqlstore.Broken
	case lib.SQLITE_CANTOPEN, lib.SQLITE_NOMEM, lib.SQLITE_READONLY:
		return sqlstore.Away
	}
	return sqlstore.Ordinary
}

// OpenPlain opens a file as one pool with the same settings and checks, for a
// store that is not the database of the rows: the key store. Deleted values
// are overwritten.
func OpenPlain(ctx context.Context, path string) (*sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	db, err := sql.Open("sqlite", Config{Path: path}.dsn(false)+"&_pragma=secure_delete(ON)")
	if err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	db.SetMaxOpenConns(1)
	if err = check(ctx, db); err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	return db, nil
}
