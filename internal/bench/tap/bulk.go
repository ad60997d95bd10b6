package tap

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"turnike/internal/storage/sqlite"
)

// sumsOf counts what a database holds.
func sumsOf(ctx context.Context, db *sql.DB) (s sums, err error) {
	err = db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM tap_receipt), (SELECT COUNT(*) FROM tap_boot),
		(SELECT COUNT(*) FROM tap_count), (SELECT CAST(COALESCE(SUM(taps), 0) AS BIGINT) FROM tap_count), (SELECT COUNT(*) FROM tap_attempt)`).
		Scan(&s.Receipts, &s.Boots, &s.Counts, &s.Taps, &s.Attempts)
	return s, err
}

// rowsToStatement is how many rows one statement of a bulk load carries: more
// was no faster.
const rowsToStatement = 200

// bulkSQLite loads by prepared statements of many rows on one connection.
type bulkSQLite struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newBulkSQLite(ctx context.Context, path string) (*bulkSQLite, error) {
	s, err := sqlite.Open(ctx, sqlite.Config{Path: path, Migrate: true})
	if err != nil {
		return nil, err
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	// The store's own settings, but for the log, which SQLite moves by itself.
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(ON)&_pragma=cache_size(-131072)&_pragma=temp_store(MEMORY)")
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &bulkSQLite{db: db, conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

// Close lets go of the database.
func (b *bulkSQLite) Close() error { return errors.Join(b.conn.Close(), b.db.Close()) }

// Sums are what it holds.
func (b *bulkSQLite) Sums(ctx context.Context) (sums, error) { return sumsOf(ctx, b.db) }

// Load writes all rows in one transaction.
func (b *bulkSQLite) Load(ctx context.Context, tables []loaded) error {
	if _, err := b.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	args := []any{}
	for _, t := range tables {
		for rows := t.rows; len(rows) > 0; {
			n := min(rowsToStatement, len(rows))
			st, err := b.prepared(ctx, t, n)
			if err != nil {
				return err
			}
			args = args[:0]
			for _, r := range rows[:n] {
				args = append(args, r...)
			}
			if _, err := st.ExecContext(ctx, args...); err != nil {
				return fmt.Errorf("load %s: %w", t.table, err)
			}
			rows = rows[n:]
		}
	}
	_, err := b.conn.ExecContext(ctx, "COMMIT")
	return err
}

func (b *bulkSQLite) prepared(ctx context.Context, t loaded, n int) (*sql.Stmt, error) {
	tuple := "(" + strings.TrimSuffix(strings.Repeat("?,", len(t.cols)), ",") + "),"
	q := "INSERT INTO " + t.table + " (" + strings.Join(t.cols, ", ") + ") VALUES " + strings.TrimSuffix(strings.Repeat(tuple, n), ",")
	st, ok := b.stmts[q]
	if !ok {
		var err error
		if st, err = b.conn.PrepareContext(ctx, q); err != nil {
			return nil, err
		}
		b.stmts[q] = st
	}
	return st, nil
}

// bulkPostgres loads by COPY, into a schema of its own beside ours.
type bulkPostgres struct {
	conn *pgx.Conn
}

const bulkSchema = "bulk"

func newBulkPostgres(ctx context.Context, dsn string) (*bulkPostgres, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("yardstick: not the address of a PostgreSQL") // it may hold a password
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	b := &bulkPostgres{conn: conn}
	for _, q := range []string{"CREATE SCHEMA " + bulkSchema, "SET search_path = " + bulkSchema} {
		if _, err := conn.Exec(ctx, q); err != nil {
			return nil, errors.Join(err, conn.Close(ctx))
		}
	}
	for _, t := range []string{"tap_receipt", "tap_boot", "tap_count", "tap_attempt"} {
		if _, err := conn.Exec(ctx, "CREATE TABLE "+t+" (LIKE public."+t+" INCLUDING ALL)"); err != nil {
			return nil, errors.Join(err, conn.Close(ctx))
		}
	}
	return b, nil
}

// Close lets go of the connection.
func (b *bulkPostgres) Close() error { return b.conn.Close(context.Background()) }

// Sums are what it holds.
func (b *bulkPostgres) Sums(ctx context.Context) (s sums, err error) {
	err = b.conn.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM tap_receipt), (SELECT COUNT(*) FROM tap_boot),
		(SELECT COUNT(*) FROM tap_count), (SELECT CAST(COALESCE(SUM(taps), 0) AS BIGINT) FROM tap_count), (SELECT COUNT(*) FROM tap_attempt)`).
		Scan(&s.Receipts, &s.Boots, &s.Counts, &s.Taps, &s.Attempts)
	return s, err
}

// Load copies all rows in one transaction.
func (b *bulkPostgres) Load(ctx context.Context, tables []loaded) error {
	tx, err := b.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	for _, t := range tables {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{bulkSchema, t.table}, t.cols, pgx.CopyFromRows(t.rows)); err != nil {
			return fmt.Errorf("copy into %s: %w", t.table, err)
		}
	}
	return tx.Commit(ctx)
}
