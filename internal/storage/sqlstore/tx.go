package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/dbq"
)

// Tx is one transaction: everything a module may ask of the database. It is
// used by one goroutine, and not after the function it was given to returns.
type Tx struct {
	q    *dbq.Queries
	s    *session
	mode mode
	// bufs hold rows on their way out; nil in a view, which writes nothing.
	bufs *buffers
	// revision is what was read of tap.revision in this transaction, by city.
	revision map[string]int64
}

// buffers are the hot tables' waiting rows. Order is that in which they go
// out; no table refers to another, so any would do.
type buffers struct {
	request, pairing, person, once, audit, outbox, card, guard *buffer
	tapReceipt, tapBoot, tapCount, tapAttempt                  *buffer
	all                                                        []*buffer
}

func newTx(s *session) *Tx {
	b := &buffers{
		request: newBuffer(&requestTable), pairing: newBuffer(&pairingTable), person: newBuffer(&personTable),
		once: newBuffer(&onceTable), audit: newBuffer(&auditTable), outbox: newBuffer(&outboxTable),
		card: newBuffer(&cardTable), guard: newBuffer(&guardTable),
		tapReceipt: newBuffer(&tapReceiptTable), tapBoot: newBuffer(&tapBootTable),
		tapCount: newBuffer(&tapCountTable), tapAttempt: newBuffer(&tapAttemptTable),
	}
	b.all = []*buffer{b.once, b.request, b.pairing, b.person, b.card, b.guard, b.outbox, b.audit,
		b.tapReceipt, b.tapBoot, b.tapCount, b.tapAttempt}
	return &Tx{q: dbq.New(s), s: s, bufs: b, revision: map[string]int64{}}
}

func newView(db *sql.Tx, eng Engine) *Tx {
	s := &session{eng: eng, db: db, texts: map[string]string{}}
	return &Tx{q: dbq.New(s), s: s, revision: map[string]int64{}}
}

// mark is how far a transaction has come, to go back to.
type mark struct {
	writes int
	rows   [12]int // of each buffer
}

func (t *Tx) mark() mark {
	m := mark{writes: t.s.writes}
	for i, b := range t.bufs.all {
		m.rows[i] = b.rows()
	}
	return m
}

func (t *Tx) undo(m mark) {
	for i, b := range t.bufs.all {
		if m.writes != t.s.writes {
			// What waited at the mark may have gone out since; in careful mode
			// nothing waits between functions.
			b.clear()
			continue
		}
		b.cut(m.rows[i])
	}
}

// reset makes a transaction ready for a group.
func (t *Tx) reset(m mode) {
	t.mode = m
	t.s.bad = nil
	t.s.writes = 0
	clear(t.revision)
	for _, b := range t.bufs.all {
		b.clear()
	}
}

// flush sends out all rows that wait.
func (t *Tx) flush(ctx context.Context) error {
	if t.bufs == nil {
		return nil
	}
	for _, b := range t.bufs.all {
		if err := b.flush(ctx, t.s); err != nil {
			return err
		}
	}
	return nil
}

// errReadOnly is a mistake in the program: a write in a View.
var errReadOnly = errors.New("store: a view does not write")

// put lets a row wait, or in careful mode writes it at once.
func (t *Tx) put(ctx context.Context, which func(*buffers) *buffer, row ...any) error {
	if t.bufs == nil {
		return errReadOnly
	}
	if t.s.bad != nil {
		return t.s.bad
	}
	b := which(t.bufs)
	b.add(row...)
	if t.mode != careful {
		return nil
	}
	return t.taken(b.flush(ctx, t.s))
}

// taken says ErrDuplicate for a row whose key was taken, where it is known at
// once.
func (t *Tx) taken(err error) error {
	if errors.Is(err, errAgain) {
		return ErrDuplicate
	}
	return err
}

// direct is called before a statement that writes by itself. Rows of the same
// table that wait go first, so that statements take effect in the order in
// which they were given.
func (t *Tx) direct(ctx context.Context, which ...*buffer) error {
	if t.bufs == nil {
		return errReadOnly
	}
	if t.s.bad != nil {
		return t.s.bad
	}
	t.s.writes++
	return t.settle(ctx, which...)
}

// settle sends out the waiting rows of some tables.
func (t *Tx) settle(ctx context.Context, which ...*buffer) error {
	for _, b := range which {
		if err := b.flush(ctx, t.s); err != nil {
			// The group is run again; until then the function sees an error.
			return t.s.note(err)
		}
	}
	return nil
}

// fail turns "no rows" into the modules' word and remembers anything else.
func (t *Tx) fail(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return pairing.ErrNoRow
	}
	t.s.note(err)
	return fmt.Errorf("%s: %w", what, err)
}

// binID is a UUID as its 16 bytes; ok is false for anything that is none.
func binID(id string) (b []byte, ok bool) {
	u, err := uuid.FromString(id)
	if err != nil {
		return nil, false
	}
	return u.Bytes(), true
}

// mustID is binID for a row that is written.
func mustID(what, id string) ([]byte, error) {
	b, ok := binID(id)
	if !ok {
		return nil, fmt.Errorf("%s id is not a UUID", what)
	}
	return b, nil
}

// maybeID is mustID for a reference that may be empty.
func maybeID(what, id string) ([]byte, error) {
	if id == "" {
		return nil, nil
	}
	return mustID(what, id)
}

func textID(b []byte) string {
	u, err := uuid.FromBytes(b)
	if err != nil {
		return ""
	}
	return u.String()
}

// tagOrNull is nil, stored as NULL, for a tag that is not set.
func tagOrNull(t person.Tag) []byte {
	if t.IsZero() {
		return nil
	}
	return t[:]
}

func tagOf(b []byte) (t person.Tag) {
	copy(t[:], b)
	return t
}

// filled makes a blob that is never NULL.
func filled(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// us is a moment in microseconds.
func us(t time.Time) int64 { return t.UnixMicro() }

func at(us int64) time.Time { return time.UnixMicro(us).UTC() }

// maybeUS is nil for a moment that is not set.
func maybeUS(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	v := t.UnixMicro()
	return &v
}

func nullUS(t time.Time) sql.NullInt64 {
	if t.IsZero() {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: true}
}

func maybeAt(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return at(us.Int64)
}

func btoi(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
