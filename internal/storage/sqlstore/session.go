package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// Dialect is which of the two engines runs.
type Dialect uint8

// The engines.
const (
	SQLite Dialect = iota
	Postgres
)

func (d Dialect) String() string {
	if d == Postgres {
		return "postgres"
	}
	return "sqlite"
}

// text gives a query the few words that only one engine has: the queries carry
// markers where PostgreSQL, which has many writers at once, must lock.
func (d Dialect) text(query string, writing bool) string {
	if d == SQLite {
		return query
	}
	query = strings.ReplaceAll(query, "/* skip locked */", "FOR UPDATE SKIP LOCKED")
	if writing {
		query = strings.ReplaceAll(query, "/* lock */", "FOR UPDATE")
	}
	return query
}

// dbtx is a connection or a transaction of database/sql.
type dbtx interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	PrepareContext(context.Context, string) (*sql.Stmt, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// session runs statements on one connection. On SQLite it prepares each text
// once, for compiling costs more than running; pgx does so by itself. After
// the first error it runs nothing until it is cleared: on PostgreSQL the
// transaction is lost then, and on SQLite some errors end it, after which a
// statement would commit alone.
type session struct {
	eng     Engine
	db      dbtx
	writing bool
	texts   map[string]string
	stmts   map[string]*sql.Stmt
	bad     error
	writes  int // statements that may have changed something
}

// prepared gives the kept statement of a text, or none where it is to be run
// as it is.
func (s *session) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s.stmts == nil {
		return nil, nil
	}
	st, ok := s.stmts[query]
	if !ok {
		var err error
		if st, err = s.db.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		s.stmts[query] = st
	}
	return st, nil
}

// text is the query in the engine's words, worked out once.
func (s *session) text(query string) string {
	if s.eng.Dialect == SQLite {
		return query
	}
	t, ok := s.texts[query]
	if !ok {
		t = s.eng.Dialect.text(query, s.writing)
		s.texts[query] = t
	}
	return t
}

// note remembers the first error that is not "no rows".
func (s *session) note(err error) error {
	if err != nil && s.bad == nil && !errors.Is(err, sql.ErrNoRows) {
		s.bad = err
	}
	return err
}

func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if s.bad != nil {
		return nil, s.bad
	}
	s.writes++
	query = s.text(query)
	st, err := s.prepared(ctx, query)
	if err != nil {
		return nil, s.note(err)
	}
	var r sql.Result
	if st != nil {
		r, err = st.ExecContext(ctx, args...)
	} else {
		r, err = s.db.ExecContext(ctx, query, args...)
	}
	return r, s.note(err)
}

func (s *session) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return s.db.PrepareContext(ctx, s.text(query))
}

func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s.bad != nil {
		return nil, s.bad
	}
	query = s.text(query)
	st, err := s.prepared(ctx, query)
	if err != nil {
		return nil, s.note(err)
	}
	var r *sql.Rows
	if st != nil {
		r, err = st.QueryContext(ctx, args...)
	} else {
		r, err = s.db.QueryContext(ctx, query, args...)
	}
	return r, s.note(err)
}

func (s *session) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	query = s.text(query)
	// A statement that cannot be prepared fails again when it is run, and the
	// row carries the error.
	if st, err := s.prepared(ctx, query); st != nil && err == nil {
		return st.QueryRowContext(ctx, args...)
	}
	return s.db.QueryRowContext(ctx, query, args...)
}

// forget closes the kept statements, before the connection goes.
func (s *session) forget() {
	for _, st := range s.stmts {
		st.Close()
	}
	clear(s.stmts)
}
