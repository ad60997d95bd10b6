package sqlstore

import (
	"context"
	"encoding/binary"
	"time"

	"turnike/internal/audit"
	"turnike/internal/notify"
	"turnike/internal/outbox"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/dbq"
)

var _ outbox.Tx = (*Tx)(nil)

// Audit writes down a deed; an entry without an actor is refused.
func (t *Tx) Audit(ctx context.Context, e audit.Entry) error {
	if err := e.Check(); err != nil {
		return err
	}
	id, err := mustID("audit", e.ID)
	if err != nil {
		return err
	}
	return t.put(ctx, func(b *buffers) *buffer { return b.audit },
		e.City, id, us(e.At), e.Actor.Kind, e.Actor.Ref, e.Actor.Channel, e.Action, tagOrNull(e.Subject), e.Object,
		e.Purpose, e.Result)
}

// AuditReads are the entries with a purpose about a person, newest first: who
// looked.
func (t *Tx) AuditReads(ctx context.Context, city string, subject person.Tag, limit int) ([]audit.Entry, error) {
	if t.bufs != nil {
		if err := t.settle(ctx, t.bufs.audit); err != nil {
			return nil, err
		}
	}
	rows, err := t.q.AuditReads(ctx, dbq.AuditReadsParams{City: city, Subject: subject[:], MaxRows: int32(limit)})
	return each(rows, entryOf), t.fail("read audit", err)
}

// AuditPage is a city's audit in order, behind the entry with the given id.
func (t *Tx) AuditPage(ctx context.Context, city, after string, limit int) ([]audit.Entry, error) {
	if t.bufs != nil {
		if err := t.settle(ctx, t.bufs.audit); err != nil {
			return nil, err
		}
	}
	behind, ok := binID(after)
	if !ok {
		behind = []byte{}
	}
	rows, err := t.q.AuditPage(ctx, dbq.AuditPageParams{City: city, After: behind, MaxRows: int32(limit)})
	return each(rows, entryOf), t.fail("read audit", err)
}

func entryOf(e dbq.Audit) audit.Entry {
	return audit.Entry{ID: textID(e.ID), City: e.City, At: at(e.AtUs),
		Actor:  audit.Actor{Kind: e.ActorKind, Ref: e.ActorRef, Channel: e.Channel},
		Action: e.Action, Subject: tagOf(e.Subject), Object: e.Object, Purpose: e.Purpose, Result: e.Result}
}

// RememberOnce stores an idempotency key, or gives the row that is there.
func (t *Tx) RememberOnce(ctx context.Context, k pairing.Once) (*pairing.Once, error) {
	if t.bufs == nil {
		return nil, errReadOnly
	}
	if t.mode == hopeful {
		if r := t.bufs.once.newest(k.City, k.Key); r != nil {
			known := onceOf(dbq.Once{City: k.City, Key: k.Key, Body: r[2].([]byte), Ref: r[3].(string), AtUs: r[4].(int64)})
			return &known, nil
		}
		return nil, t.put(ctx, func(b *buffers) *buffer { return b.once }, k.City, k.Key, k.Body[:], k.Ref, us(k.At))
	}
	if err := t.direct(ctx); err != nil {
		return nil, err
	}
	n, err := t.q.RememberOnce(ctx, dbq.RememberOnceParams{City: k.City, Key: k.Key, Body: k.Body[:], Ref: k.Ref, AtUs: us(k.At)})
	if err != nil || n == 1 {
		return nil, t.fail("remember key", err)
	}
	o, err := t.q.Once(ctx, dbq.OnceParams{City: k.City, Key: k.Key})
	if err != nil {
		return nil, t.fail("read key", err)
	}
	known := onceOf(o)
	return &known, nil
}

// knewKey reports whether a key put since m, which was taken to be new, is in
// the database. all[0] is the buffer of keys.
func (t *Tx) knewKey(ctx context.Context, m mark) (bool, error) {
	args, n := t.bufs.once.args, len(onceTable.cols)
	for i := m.rows[0] * n; i < len(args); i += n {
		_, err := t.q.Once(ctx, dbq.OnceParams{City: args[i+colCity].(string), Key: args[i+colOnceKey].(string)})
		if err := t.fail("read key", err); err == nil {
			return true, nil
		} else if err != pairing.ErrNoRow {
			return false, err
		}
	}
	return false, nil
}

func onceOf(o dbq.Once) pairing.Once {
	return pairing.Once{City: o.City, Key: o.Key, Body: tagOf(o.Body), Ref: o.Ref, At: at(o.AtUs)}
}

// SweepOnce forgets keys remembered before a moment.
func (t *Tx) SweepOnce(ctx context.Context, before time.Time, limit int) (int, error) {
	if t.bufs == nil {
		return 0, errReadOnly
	}
	if err := t.direct(ctx, t.bufs.once); err != nil {
		return 0, err
	}
	n, err := t.q.SweepOnce(ctx, dbq.SweepOnceParams{BeforeUs: us(before), MaxRows: int32(limit)})
	return int(n), t.fail("sweep keys", err)
}

// Guard reads a counter row, zero where there is none. On PostgreSQL the row
// is locked; the first two writers of a row that is not there yet may both
// begin at zero, which a limit per minute can bear.
func (t *Tx) Guard(ctx context.Context, city string, kind pairing.GuardKind, tag person.Tag) (pairing.Guard, error) {
	if t.bufs != nil {
		if r := t.bufs.guard.newest(city, string(kind), tag[:]); r != nil {
			return guardOf(dbq.Guard{City: city, Kind: string(kind), Tag: tag[:], Sent: r[3].([]byte), Count: r[4].(int64),
				Good: r[5].(int64), Fails: r[6].(int64), SinceUs: r[7].(int64)}), nil
		}
	}
	g, err := t.q.Guard(ctx, dbq.GuardParams{City: city, Kind: string(kind), Tag: tag[:]})
	if err := t.fail("read guard", err); err == pairing.ErrNoRow {
		return pairing.Guard{City: city, Kind: kind, Tag: tag}, nil
	} else if err != nil {
		return pairing.Guard{}, err
	}
	return guardOf(g), nil
}

// PutGuard writes a counter row.
func (t *Tx) PutGuard(ctx context.Context, g pairing.Guard) error {
	sent := make([]byte, 0, 8*len(g.Sent))
	for _, s := range g.Sent {
		sent = binary.BigEndian.AppendUint64(sent, uint64(us(s)))
	}
	var since int64
	if !g.Since.IsZero() {
		since = us(g.Since)
	}
	return t.put(ctx, func(b *buffers) *buffer { return b.guard },
		g.City, string(g.Kind), g.Tag[:], sent, g.Count, g.Good, g.Fails, since)
}

func guardOf(g dbq.Guard) pairing.Guard {
	out := pairing.Guard{City: g.City, Kind: pairing.GuardKind(g.Kind), Tag: tagOf(g.Tag), Count: g.Count, Good: g.Good, Fails: g.Fails}
	for b := g.Sent; len(b) >= 8; b = b[8:] {
		out.Sent = append(out.Sent, at(int64(binary.BigEndian.Uint64(b))))
	}
	if g.SinceUs != 0 {
		out.Since = at(g.SinceUs)
	}
	return out
}

// Enqueue puts a message into the outbox.
func (t *Tx) Enqueue(ctx context.Context, q notify.Queued) error {
	id, err := mustID("message", q.ID)
	if err != nil {
		return err
	}
	return t.put(ctx, func(b *buffers) *buffer { return b.outbox },
		q.City, id, int64(q.Class), outboxWaiting, filled(q.Sealed), us(q.DueAt), us(q.Expires), int64(q.Attempts), "", "", (*int64)(nil))
}

// outboxWaiting is the state of a row that has not ended; the others are
// outbox.End. The number stands in the queries and in the index of what waits.
const outboxWaiting int64 = 0

// Claim takes up to limit messages of a class that are due, for as long as the
// lease. Attempts of what is returned is the claim's number: the ends below
// take effect only while it is the newest.
func (t *Tx) Claim(ctx context.Context, class notify.Class, now, lease time.Time, limit int) ([]notify.Queued, error) {
	if t.bufs == nil {
		return nil, errReadOnly
	}
	if err := t.direct(ctx, t.bufs.outbox); err != nil {
		return nil, err
	}
	rows, err := t.q.ClaimOutbox(ctx, dbq.ClaimOutboxParams{LeaseUs: us(lease), Class: int64(class), NowUs: us(now), MaxRows: int32(limit)})
	return each(rows, func(o dbq.Outbox) notify.Queued {
		return notify.Queued{ID: textID(o.ID), City: o.City, Class: notify.Class(o.Class), Sealed: o.Sealed,
			DueAt: at(o.DueUs), Expires: at(o.ExpiresUs), Attempts: int(o.Attempts)}
	}), t.fail("claim messages", err)
}

// Finish ends a claimed message and wipes what it said; false means that the
// lease had lapsed and somebody else has it.
func (t *Tx) Finish(ctx context.Context, q notify.Queued, end outbox.End, reference, cause string, now time.Time) (bool, error) {
	if t.bufs == nil {
		return false, errReadOnly
	}
	id, err := mustID("message", q.ID)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx, t.bufs.outbox); err != nil {
		return false, err
	}
	n, err := t.q.FinishOutbox(ctx, dbq.FinishOutboxParams{City: q.City, ID: id, Attempts: int64(q.Attempts), State: int64(end),
		Empty: []byte{}, Reference: reference, Error: cause, DoneUs: nullUS(now)})
	return n == 1, t.fail("finish message", err)
}

// Retry gives a claimed message back until due.
func (t *Tx) Retry(ctx context.Context, q notify.Queued, cause string, due time.Time) (bool, error) {
	if t.bufs == nil {
		return false, errReadOnly
	}
	id, err := mustID("message", q.ID)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx, t.bufs.outbox); err != nil {
		return false, err
	}
	n, err := t.q.RetryOutbox(ctx, dbq.RetryOutboxParams{City: q.City, ID: id, Attempts: int64(q.Attempts), Error: cause, DueUs: us(due)})
	return n == 1, t.fail("give message back", err)
}

// Message is a message's row, for support and tests.
type Message struct {
	notify.Queued
	Waiting   bool
	End       outbox.End // where not Waiting
	Reference string
	Error     string
	DoneAt    time.Time
}

// Message reads one message of the outbox.
func (t *Tx) Message(ctx context.Context, city, id string) (Message, error) {
	key, ok := binID(id)
	if !ok {
		return Message{}, pairing.ErrNoRow
	}
	if t.bufs != nil {
		if err := t.settle(ctx, t.bufs.outbox); err != nil {
			return Message{}, err
		}
	}
	o, err := t.q.OutboxMessage(ctx, dbq.OutboxMessageParams{City: city, ID: key})
	if err := t.fail("read message", err); err != nil {
		return Message{}, err
	}
	return Message{Queued: notify.Queued{ID: id, City: city, Class: notify.Class(o.Class), Sealed: o.Sealed, DueAt: at(o.DueUs),
		Expires: at(o.ExpiresUs), Attempts: int(o.Attempts)}, Waiting: o.State == outboxWaiting, End: outbox.End(o.State),
		Reference: o.Reference, Error: o.Error, DoneAt: maybeAt(o.DoneUs)}, nil
}

// Depth is how many messages of a class wait and since when the first is due.
type Depth struct {
	Class   notify.Class
	Waiting int64
	Oldest  time.Time
}

// OutboxDepth counts what waits, by class.
func (t *Tx) OutboxDepth(ctx context.Context) ([]Depth, error) {
	if t.bufs != nil {
		if err := t.settle(ctx, t.bufs.outbox); err != nil {
			return nil, err
		}
	}
	rows, err := t.q.OutboxDepth(ctx)
	return each(rows, func(r dbq.OutboxDepthRow) Depth {
		return Depth{notify.Class(r.Class), r.Waiting, at(r.OldestUs)}
	}), t.fail("count messages", err)
}

// SweepOutbox deletes messages that ended before a moment.
func (t *Tx) SweepOutbox(ctx context.Context, before time.Time, limit int) (int, error) {
	if t.bufs == nil {
		return 0, errReadOnly
	}
	if err := t.direct(ctx, t.bufs.outbox); err != nil {
		return 0, err
	}
	n, err := t.q.SweepOutbox(ctx, dbq.SweepOutboxParams{BeforeUs: nullUS(before), MaxRows: int32(limit)})
	return int(n), t.fail("sweep messages", err)
}

// ForgetWaiting is for a database that was put back from a copy: forms that
// wait for a code and messages that wait to be sent belong to a time that the
// outside world has left behind.
func (t *Tx) ForgetWaiting(ctx context.Context, cause string, now time.Time) error {
	if t.bufs == nil {
		return errReadOnly
	}
	if err := t.direct(ctx, t.bufs.request, t.bufs.outbox); err != nil {
		return err
	}
	if err := t.q.ForgetWaiting(ctx); err != nil {
		return t.fail("forget requests", err)
	}
	return t.fail("end messages", t.q.EndWaiting(ctx, dbq.EndWaitingParams{Empty: []byte{}, Cause: cause, NowUs: nullUS(now)}))
}
