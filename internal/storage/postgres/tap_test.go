package postgres

import (
	"testing"

	"turnike/internal/storage/sqlstore"
	"turnike/internal/storage/storagetest"
	"turnike/internal/storage/storagetest/pgtest"
)

func TestTaps(t *testing.T) {
	pg := pgtest.Start(t)
	storagetest.RunTaps(t, func(t *testing.T) *sqlstore.Store {
		s, err := Open(t.Context(), Config{DSN: pg.Database(t), Migrate: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}
