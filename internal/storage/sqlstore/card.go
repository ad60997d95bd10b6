package sqlstore

import (
	"context"
	"time"

	"turnike/internal/card"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/dbq"
)

// PutCard writes a card's row, over one that may be there.
func (t *Tx) PutCard(ctx context.Context, c pairing.Card) error {
	return t.put(ctx, func(b *buffers) *buffer { return b.card },
		c.City, c.Tag[:], int64(c.Scheme), c.Index, c.Last4, int64(c.Class), int64(c.StopUntil), us(c.ChangedAt))
}

// Card reads a card's row.
func (t *Tx) Card(ctx context.Context, city string, tag person.Tag) (pairing.Card, error) {
	if t.bufs != nil {
		if r := t.bufs.card.newest(city, tag[:]); r != nil {
			return cardOf(dbq.Card{City: city, Tag: tag[:], Scheme: r[2].(int64), Idx: r[3].(int64), Last4: r[4].(string),
				Class: r[5].(int64), StopUntil: r[6].(int64), ChangedUs: r[7].(int64)}), nil
		}
	}
	c, err := t.q.Card(ctx, dbq.CardParams{City: city, Tag: tag[:]})
	return cardOf(c), t.fail("read card", err)
}

// NextIndex counts a city's cards without a place in an issued range.
func (t *Tx) NextIndex(ctx context.Context, city string) (int64, error) {
	return t.NextCounter(ctx, city, "card.index", 0)
}

// NextCounter gives first, then one more each time. The row stays locked until
// the transaction ends, so it is not for what everybody does at once.
func (t *Tx) NextCounter(ctx context.Context, city, name string, first int64) (int64, error) {
	if err := t.direct(ctx); err != nil {
		return 0, err
	}
	n, err := t.q.NextCounter(ctx, dbq.NextCounterParams{City: city, Name: name, First: first})
	return n, t.fail("count on", err)
}

// PutReason writes why a card may not be ridden with.
func (t *Tx) PutReason(ctx context.Context, city string, tag person.Tag, r card.Reason) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.fail("write card reason", t.q.PutReason(ctx, dbq.PutReasonParams{City: city, Tag: tag[:], Kind: int64(r.Kind),
		SinceUs: us(r.Since), UntilDay: int64(r.UntilDay), Provenance: r.Provenance}))
}

// DropReason takes a reason away; one that is not there is no error.
func (t *Tx) DropReason(ctx context.Context, city string, tag person.Tag, kind card.ReasonKind) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	_, err := t.q.DropReason(ctx, dbq.DropReasonParams{City: city, Tag: tag[:], Kind: int64(kind)})
	return t.fail("drop card reason", err)
}

// Reasons are all that speak against riding with a card, by kind.
func (t *Tx) Reasons(ctx context.Context, city string, tag person.Tag) ([]card.Reason, error) {
	rows, err := t.q.Reasons(ctx, dbq.ReasonsParams{City: city, Tag: tag[:]})
	return each(rows, func(r dbq.ReasonsRow) card.Reason {
		return card.Reason{Kind: card.ReasonKind(r.Kind), Since: at(r.SinceUs), UntilDay: int32(r.UntilDay), Provenance: r.Provenance}
	}), t.fail("read card reasons", err)
}

// CardsChanged pages through the cards changed at or after a moment.
func (t *Tx) CardsChanged(ctx context.Context, city string, since time.Time, after person.Tag, limit int) ([]pairing.Card, error) {
	if t.bufs != nil {
		if err := t.settle(ctx, t.bufs.card); err != nil {
			return nil, err
		}
	}
	var from int64
	if !since.IsZero() {
		from = us(since)
	}
	behind := []byte{} // before every tag
	if !after.IsZero() {
		behind = after[:]
	}
	rows, err := t.q.CardsChanged(ctx, dbq.CardsChangedParams{City: city, SinceUs: from, After: behind, MaxRows: int32(limit)})
	return each(rows, cardOf), t.fail("read changed cards", err)
}

func cardOf(c dbq.Card) pairing.Card {
	return pairing.Card{City: c.City, Tag: tagOf(c.Tag), Scheme: uint8(c.Scheme), Index: c.Idx, Last4: c.Last4,
		Class: card.Class(c.Class), StopUntil: int32(c.StopUntil), ChangedAt: at(c.ChangedUs)}
}
