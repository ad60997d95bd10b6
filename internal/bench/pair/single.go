package pair

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver by name
)

// single is the yardstick: the same rows by one transaction for each request
// over a pool of connections, as a careful program without a group commit
// writes them.
type single struct{ db *sql.DB }

// singleConns is the pool: more did not make it faster where this was measured.
const singleConns = 32

func newSingle(ctx context.Context, dsn string) (*single, error) {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, fmt.Errorf("yardstick: %w", err)
	}
	db.SetMaxOpenConns(singleConns)
	db.SetMaxIdleConns(singleConns)
	if err := db.PingContext(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("yardstick: %w", err)
	}
	return &single{db}, nil
}

func (s *single) Close() error { return s.db.Close() }

func (s *single) pair(ctx context.Context, r row) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	us := func(t time.Time) int64 { return t.UnixMicro() }
	id := func(s string) []byte { return uuid.FromStringOrNil(s).Bytes() }
	p, h, o, a, q := r.p, r.person, r.once, r.audit, r.queued
	for _, st := range []struct {
		query string
		args  []any
	}{
		{`INSERT INTO once (city, key, body, ref, at_us) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (city, key) DO NOTHING`,
			[]any{o.City, o.Key, o.Body[:], o.Ref, us(o.At)}},
		{`INSERT INTO person (city, id, tag, key_ref, sealed, created_us, updated_us) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			[]any{h.City, id(h.ID), h.Tag[:], string(h.Key), h.Sealed, us(h.CreatedAt), us(h.UpdatedAt)}},
		{`INSERT INTO pairing (city, id, card_tag, last4, person_id, person_tag, phone_tag, person_slot, code_slot, hes_tag, sealed_hes,
			proof, channel, lang, at_us, next_check_us, end_reason)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, '')`,
			[]any{p.City, id(p.ID), p.CardTag[:], p.Last4, id(p.PersonID), p.PersonTag[:], p.PhoneTag[:], p.PersonSlot, p.CodeSlot,
				p.HESTag[:], p.SealedHES, int(p.Proof), p.Channel, p.Lang, us(p.At), us(p.NextCheck)}},
		{`INSERT INTO outbox (city, id, class, state, sealed, due_us, expires_us, attempts, reference, error)
			VALUES ($1, $2, $3, 0, $4, $5, $6, 0, '', '')`,
			[]any{q.City, id(q.ID), int(q.Class), q.Sealed, us(q.DueAt), us(q.Expires)}},
		{`INSERT INTO audit (city, id, at_us, actor_kind, actor_ref, channel, action, subject, object, purpose, result)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			[]any{a.City, id(a.ID), us(a.At), a.Actor.Kind, a.Actor.Ref, a.Actor.Channel, a.Action, a.Subject[:], a.Object, a.Purpose, a.Result}},
	} {
		if _, err := tx.ExecContext(ctx, st.query, st.args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
