package postgres

import (
	"errors"
	"testing"

	"turnike/internal/storage/migrations"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/storage/storagetest"
	"turnike/internal/storage/storagetest/pgtest"
)

func TestStore(t *testing.T) {
	pg := pgtest.Start(t)
	storagetest.Run(t, func(t *testing.T) *sqlstore.Store {
		s, err := Open(t.Context(), Config{DSN: pg.Database(t), Migrate: true, Queue: 1600})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}

func TestWrongSettingsAreRefused(t *testing.T) {
	pg := pgtest.Start(t)
	for _, c := range []struct {
		name, set, reset string
		want             error
	}{
		{"fsync", "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM RESET fsync", ErrFsync},
		{"full page writes", "ALTER SYSTEM SET full_page_writes = off", "ALTER SYSTEM RESET full_page_writes", ErrFullPage},
		{"synchronous commit", "ALTER SYSTEM SET synchronous_commit = off", "ALTER SYSTEM RESET synchronous_commit", ErrSynchronous},
		{"a role's own setting", "ALTER ROLE turnike SET synchronous_commit = local", "ALTER ROLE turnike RESET synchronous_commit", ErrSynchronous},
		{"safer than needed", "ALTER ROLE turnike SET synchronous_commit = remote_apply", "ALTER ROLE turnike RESET synchronous_commit", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn := pg.Database(t)
			set(t, pg, c.set)
			s, err := Open(t.Context(), Config{DSN: dsn, Migrate: true})
			if !errors.Is(err, c.want) {
				t.Errorf("open: got %v, want %v", err, c.want)
			}
			if err == nil {
				s.Close()
			}
			set(t, pg, c.reset)
		})
	}
	t.Run("data_sync_retry", func(t *testing.T) {
		pg := pgtest.Start(t, "data_sync_retry=on")
		if _, err := Open(t.Context(), Config{DSN: pg.Database(t), Migrate: true}); !errors.Is(err, ErrSyncRetry) {
			t.Errorf("open: got %v, want %v", err, ErrSyncRetry)
		}
	})
	t.Run("old schema", func(t *testing.T) {
		if _, err := Open(t.Context(), Config{DSN: pg.Database(t)}); !errors.Is(err, migrations.ErrOld) {
			t.Errorf("open without migrating: got %v, want %v", err, migrations.ErrOld)
		}
	})
}

// set changes a setting and waits until a new connection would see it.
func set(t *testing.T, pg *pgtest.Cluster, query string) {
	t.Helper()
	for _, q := range []string{query, "SELECT pg_reload_conf()", "SELECT pg_sleep(0.2)"} {
		if err := pg.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}
