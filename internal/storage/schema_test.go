package storage_test

import (
	"context"
	"database/sql"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"turnike/internal/storage"
	"turnike/internal/storage/storagetest/pgtest"
)

var (
	comment = regexp.MustCompile(`(?m)--.*$`)
	blank   = regexp.MustCompile(`\s+`)
	around  = regexp.MustCompile(` ?([(),]) ?`)
)

// plain is a statement without comments and layout.
func plain(q string) string {
	return around.ReplaceAllString(strings.TrimSpace(blank.ReplaceAllString(comment.ReplaceAllString(q, ""), " ")), "$1")
}

// statements are a database's tables and indexes by name.
func statements(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'goose_%' AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var name, q string
		if err := rows.Scan(&name, &q); err != nil {
			t.Fatal(err)
		}
		all[name] = plain(q)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func migrated(t *testing.T) *sql.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	s, err := storage.Open(context.Background(), "sqlite:"+path, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s.ReadDB()
}

// TestSchemaIsToday holds schema.sql, which people read, to what the
// migrations make.
func TestSchemaIsToday(t *testing.T) {
	text, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	read, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "read.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	if _, err := read.Exec(string(text)); err != nil {
		t.Fatalf("schema.sql: %v", err)
	}
	if d := cmp.Diff(statements(t, migrated(t)), statements(t, read)); d != "" {
		t.Errorf("schema.sql is not what the migrations make (-migrations +schema.sql):\n%s", d)
	}
}

// TestBothSchemasAgree holds the two engines' migrations to each other: the
// same columns, as often NULL, and the same indexes.
func TestBothSchemasAgree(t *testing.T) {
	light := migrated(t)
	dsn := pgtest.Start(t).Database(t)
	s, err := storage.Open(context.Background(), dsn, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list := func(db *sql.DB, query string) []string {
		t.Helper()
		rows, err := db.Query(query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		all := map[string]bool{}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			all[line] = true
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(all))
	}
	for what, q := range map[string][2]string{
		"columns": {
			`SELECT m.name || '.' || c.name || ' ' || replace(replace(c.type, 'INTEGER', 'BIGINT'), 'BLOB', 'BYTEA') ||
				CASE WHEN c."notnull" = 1 THEN ' NOT NULL' ELSE '' END
			FROM sqlite_schema m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'goose_%' AND m.name NOT LIKE 'sqlite_%'`,
			`SELECT table_name || '.' || column_name || ' ' || upper(data_type) || CASE WHEN is_nullable = 'NO' THEN ' NOT NULL' ELSE '' END
			FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose_%'`,
		},
		"indexes": {
			`SELECT tbl_name || ' ' || name || CASE WHEN sql LIKE 'CREATE UNIQUE%' THEN ' unique' ELSE '' END
			FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`,
			`SELECT tablename || ' ' || indexname || CASE WHEN indexdef LIKE 'CREATE UNIQUE%' THEN ' unique' ELSE '' END
			FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose_%' AND indexname NOT LIKE '%_pkey'`,
		},
	} {
		a, b := list(light, q[0]), list(s.ReadDB(), q[1])
		if len(a) == 0 {
			t.Fatalf("%s: got none on SQLite", what)
		}
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("%s differ (-sqlite +postgres):\n%s", what, d)
		}
	}
}
