package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/storage/sqlstore"
)

// write keeps n audit rows, each in an update of its own.
func write(t *testing.T, s *sqlstore.Store, from, n int) (failed error) {
	t.Helper()
	for i := from; i < from+n; i++ {
		err := s.Update(t.Context(), func(tx *sqlstore.Tx) error {
			return tx.Audit(t.Context(), audit.Entry{ID: fmt.Sprintf("01900000-0000-7000-8000-%012x", i), City: "izmir", At: time.Unix(1, 0),
				Actor: audit.System("test"), Action: "test", Object: fmt.Sprint(i), Result: "ok"})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// TestLogStaysShort: however much is written, the log begins anew, and what was
// in it is in the file.
func TestLogStaysShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	const limit = 64
	s, err := Open(t.Context(), Config{Path: path, Migrate: true, CheckpointPages: limit})
	if err != nil {
		t.Fatal(err)
	}
	if err := write(t, s, 0, 3000); err != nil {
		t.Fatal(err)
	}
	log, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	// 3,000 commits of three pages and more each would be 36 MiB.
	if most := int64(12 * limit * (pageSize + 24)); log.Size() > most {
		t.Errorf("log: got %d bytes, want at most %d", log.Size(), most)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFailedCheckpointBreaks: a sync that fails in the background ends the
// writing as one in a commit does.
func TestFailedCheckpointBreaks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	eng, err := open(t.Context(), Config{Path: path, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	between := eng.Between
	calls := 0
	eng.Between = func(ctx context.Context, c *sql.Conn) error {
		if calls++; calls == 20 {
			return fmt.Errorf("check-point: %w", errSync)
		}
		return between(ctx, c)
	}
	s := sqlstore.New(eng)
	defer s.Close()
	var failed error
	for i := 0; failed == nil && i < 200; i++ {
		failed = write(t, s, i, 1)
	}
	if !errors.Is(failed, sqlstore.ErrBroken) {
		t.Errorf("after a failed sync: got %v, want %v", failed, sqlstore.ErrBroken)
	}
}
