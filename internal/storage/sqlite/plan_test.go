package sqlite

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wide are the queries that read a city or a table on purpose.
var wide = map[string]bool{
	"OutboxDepth":   true, // support's count
	"Revisions":     true, // a city's file has few
	"ReportStates":  true, // a city keeps a month of reports
	"EndWaiting":    true, // these two run once, after a restore
	"ForgetWaiting": true,
}

var (
	named     = regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`)
	parameter = regexp.MustCompile(`@\w+`)
	fullScan  = regexp.MustCompile(`^SCAN (\w+)|PRIMARY KEY \(city=\?\)$|INDEX \w+ \(city=\?\)$`)
)

// TestNoQueryReadsACity asks the planner about every query: none may read all
// rows of a table or of a city. It bit: without statistics two look-ups by a
// person's tag read every pairing there was.
func TestNoQueryReadsACity(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "t.db")
	s, err := Open(ctx, Config{Path: path, Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := filepath.Glob("../queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("queries: %v %v", files, err)
	}
	seen := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		at := named.FindAllStringSubmatchIndex(text, -1)
		for i, m := range at {
			end := len(text)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			name := text[m[2]:m[3]]
			var q strings.Builder
			for line := range strings.Lines(text[m[1]:end]) {
				if !strings.HasPrefix(strings.TrimSpace(line), "--") {
					q.WriteString(line)
				}
			}
			for _, step := range explain(t, db, name, parameter.ReplaceAllString(q.String(), "?")) {
				if fullScan.MatchString(step) && !wide[name] && !strings.Contains(step, "SUBQUERY") && !strings.Contains(step, "CONSTANT") {
					t.Errorf("%s %s: %s", filepath.Base(f), name, step)
				}
			}
			seen++
		}
	}
	if seen < 30 {
		t.Errorf("looked at %d queries, there are more", seen)
	}
}

func explain(t *testing.T, db *sql.DB, name, q string) []string {
	t.Helper()
	args := make([]any, strings.Count(q, "?"))
	rows, err := db.Query("EXPLAIN QUERY PLAN "+q, args...)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return nil
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}
