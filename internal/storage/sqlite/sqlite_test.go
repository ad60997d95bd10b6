package sqlite

import (
	"errors"
	"path/filepath"
	"testing"

	"turnike/internal/storage/migrations"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/storage/storagetest"
)

func TestStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) *sqlstore.Store {
		s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "t.db"), Migrate: true, Queue: 1600})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	})
}

func TestWrongSettingsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		pragma map[string]string
		want   error
	}{
		{"journal", map[string]string{"journal_mode": "DELETE"}, ErrJournal},
		{"synchronous off", map[string]string{"synchronous": "OFF"}, ErrSynchronous},
		{"synchronous normal", map[string]string{"synchronous": "NORMAL"}, ErrSynchronous},
		{"foreign keys", map[string]string{"foreign_keys": "OFF"}, ErrForeignKeys},
		{"safer than needed", map[string]string{"synchronous": "EXTRA"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "t.db"), Migrate: true, pragma: c.pragma})
			if !errors.Is(err, c.want) {
				t.Errorf("open: got %v, want %v", err, c.want)
			}
			if err == nil {
				s.Close()
			}
		})
	}
	for v, want := range map[string]error{"3.40.1": ErrVersion, "3.51.2": ErrVersion, "3.52.0": ErrVersion, "nonsense": ErrVersion,
		"3.51.3": nil, "3.53.4": nil, "4.0.0": nil} {
		if err := checkVersion(v); !errors.Is(err, want) {
			t.Errorf("version %s: got %v, want %v", v, err, want)
		}
	}
}

func TestOldSchemaIsRefused(t *testing.T) {
	if _, err := Open(t.Context(), Config{Path: filepath.Join(t.TempDir(), "t.db")}); !errors.Is(err, migrations.ErrOld) {
		t.Errorf("open of an empty file without migrating: got %v, want %v", err, migrations.ErrOld)
	}
}
