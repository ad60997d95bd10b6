package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"turnike/internal/storage"
	"turnike/internal/storage/sqlite"
)

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func escape(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// tableNames are a copy's tables but for the one of its migrations.
func tableNames(ctx context.Context, db *sql.DB) ([]string, error) {
	return texts(ctx, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' ORDER BY name")
}

func columnNames(ctx context.Context, db *sql.DB, table string) ([]string, error) {
	return texts(ctx, db, "SELECT name FROM pragma_table_info($1) ORDER BY cid", table)
}

// neverNull are the columns that always hold something, if only no bytes.
func neverNull(ctx context.Context, db *sql.DB, table string) (map[string]bool, error) {
	names, err := texts(ctx, db, `SELECT name FROM pragma_table_info($1) WHERE "notnull" = 1 AND type = 'BLOB'`, table)
	full := map[string]bool{}
	for _, n := range names {
		full[n] = true
	}
	return full, err
}

func texts(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// fromPostgres copies every table into a new SQLite file, all as of one
// snapshot.
func fromPostgres(ctx context.Context, dsn, file string) error {
	src, err := storage.Open(ctx, dsn, false) // refuses another schema than the program's
	if err != nil {
		return err
	}
	defer src.Close()
	made, err := sqlite.Open(ctx, sqlite.Config{Path: file, Migrate: true})
	if err != nil {
		return err
	}
	if err := made.Close(); err != nil {
		return err
	}
	dst, err := sqlite.OpenPlain(ctx, file)
	if err != nil {
		return err
	}
	defer dst.Close()
	snap, err := src.ReadDB().BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return err
	}
	defer snap.Rollback()
	names, err := tableNames(ctx, dst)
	if err != nil {
		return err
	}
	for _, name := range names {
		cols, err := columnNames(ctx, dst, name)
		if err != nil {
			return err
		}
		if err := toFile(ctx, snap, dst, name, cols); err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	_, err = dst.ExecContext(ctx, "PRAGMA journal_mode = DELETE") // one file, whole by itself
	return err
}

// list joins quoted names.
func list(cols []string) string {
	q := make([]string, len(cols))
	for i, c := range cols {
		q[i] = quote(c)
	}
	return strings.Join(q, ", ")
}

func toFile(ctx context.Context, src *sql.Tx, dst *sql.DB, name string, cols []string) error {
	rows, err := src.QueryContext(ctx, "SELECT "+list(cols)+" FROM "+quote(name))
	if err != nil {
		return err
	}
	defer rows.Close()
	tx, err := dst.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	ins, err := tx.PrepareContext(ctx, "INSERT INTO "+quote(name)+" ("+list(cols)+") VALUES (?"+strings.Repeat(", ?", len(cols)-1)+")")
	if err != nil {
		return err
	}
	vals, ptrs := row(len(cols))
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return err
		}
		if _, err := ins.ExecContext(ctx, vals...); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), tx.Commit())
}

// row is room for one row of any types, and pointers into it.
func row(n int) (vals, ptrs []any) {
	vals, ptrs = make([]any, n), make([]any, n)
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	return vals, ptrs
}

// toPostgres copies every table of a file into an empty database, in one
// transaction.
func toPostgres(ctx context.Context, file, dsn string) error {
	made, err := storage.Open(ctx, dsn, true)
	if err != nil {
		return err
	}
	if err := made.Close(); err != nil {
		return err
	}
	src, err := openCopy(file)
	if err != nil {
		return err
	}
	defer src.Close()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return storage.ErrAddress // the driver's own words show the address
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	names, err := tableNames(ctx, src)
	if err != nil {
		return err
	}
	for _, name := range names {
		var some bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+quote(name)+")").Scan(&some); err != nil {
			return err
		}
		if some {
			return fmt.Errorf("table %s: %w", name, ErrExists)
		}
		cols, err := columnNames(ctx, src, name)
		if err != nil {
			return err
		}
		full, err := neverNull(ctx, src, name)
		if err != nil {
			return err
		}
		rows, err := src.QueryContext(ctx, "SELECT "+list(cols)+" FROM "+quote(name))
		if err != nil {
			return err
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{name}, cols, pgx.CopyFromFunc(func() ([]any, error) {
			if !rows.Next() {
				return nil, rows.Err()
			}
			vals, ptrs := row(len(cols))
			if err := rows.Scan(ptrs...); err != nil {
				return nil, err
			}
			for i, c := range cols {
				// The driver gives no bytes as nil, which is NULL here.
				if b, ok := vals[i].([]byte); (vals[i] == nil || ok && b == nil) && full[c] {
					vals[i] = []byte{}
				}
			}
			return vals, nil
		}))
		rows.Close()
		if err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	return tx.Commit(ctx)
}
