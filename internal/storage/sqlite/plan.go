package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
)

// teach writes the planner's statistics. Without any, SQLite takes a city for
// ten rows and reads all of them by the primary key rather than one by an
// index; gathering them (ANALYZE) would read the whole file. The truth about
// our tables is known beforehand: a city holds a great many rows, a tag or an
// id very few.
func teach(ctx context.Context, db *sql.DB) error {
	indexes, err := listIndexes(ctx, db)
	if err != nil {
		return fmt.Errorf("planner's statistics: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("planner's statistics: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "ANALYZE sqlite_schema"); err != nil { // makes the table where there is none
		return fmt.Errorf("planner's statistics: %w", err)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM sqlite_stat1"); err != nil {
		return fmt.Errorf("planner's statistics: %w", err)
	}
	for _, ix := range indexes {
		if _, err := tx.ExecContext(ctx, "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", ix.table, ix.statName, ix.stat()); err != nil {
			return fmt.Errorf("planner's statistics of %s: %w", ix.name, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("planner's statistics: %w", err)
	}
	// The connection at hand reads them again; others do so when they open.
	if _, err := db.ExecContext(ctx, "ANALYZE sqlite_schema"); err != nil {
		return fmt.Errorf("planner's statistics: %w", err)
	}
	return nil
}

// index is one index and the columns of its key.
type index struct {
	table, name string
	statName    string // as sqlite_stat1 calls it: the table's own name for a key that is the table
	unique      bool
	columns     []string
}

const (
	tableRows = 4_000_000
	cityRows  = 1_000_000
	fewRows   = 4 // rows to a tag, a person, a moment
)

// coarse are columns that tell a city's rows apart only roughly.
var coarse = map[string]bool{"class": true, "kind": true, "state": true, "scheme": true, "centre": true, "pool": true, "day": true}

// stat is the index's line: rows in all, then rows to each value of the first
// column, of the first two, and so on.
func (ix index) stat() string {
	parts := []string{strconv.Itoa(tableRows)}
	rows := tableRows
	for i, c := range ix.columns {
		switch {
		case c == "city":
			rows = min(rows, cityRows)
		case coarse[c]:
			rows = max(fewRows, rows/20)
		default:
			rows = min(rows, fewRows)
		}
		if ix.unique && i == len(ix.columns)-1 {
			rows = 1
		}
		parts = append(parts, strconv.Itoa(rows))
	}
	return strings.Join(parts, " ")
}

func listIndexes(ctx context.Context, db *sql.DB) ([]index, error) {
	rows, err := db.QueryContext(ctx, `SELECT m.name, l.name, l."unique", l.origin, x.name
		FROM sqlite_schema m, pragma_index_list(m.name) l, pragma_index_xinfo(l.name) x
		WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND x.key = 1 AND x.name IS NOT NULL
		ORDER BY m.name, l.name, x.seqno`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []index
	for rows.Next() {
		var ix index
		var origin, column string
		if err := rows.Scan(&ix.table, &ix.name, &ix.unique, &origin, &column); err != nil {
			return nil, err
		}
		if n := len(list); n > 0 && list[n-1].name == ix.name {
			list[n-1].columns = append(list[n-1].columns, column)
			continue
		}
		ix.statName = ix.name
		if origin == "pk" {
			ix.statName = ix.table
		}
		ix.columns = []string{column}
		list = append(list, ix)
	}
	return list, rows.Err()
}
