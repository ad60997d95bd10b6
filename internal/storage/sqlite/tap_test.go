package sqlite

import (
	"path/filepath"
	"testing"

	"turnike/internal/storage/sqlstore"
	"turnike/internal/storage/storagetest"
)

func TestTaps(t *testing.T) {
	storagetest.RunTaps(t, func(t *testing.T) *sqlstore.Store {
		s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "t.db"), Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}
