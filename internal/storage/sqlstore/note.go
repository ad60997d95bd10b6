package sqlstore

import (
	"context"

	"turnike/internal/booking"
	"turnike/internal/storage/dbq"
)

// InsertRemark writes a note on a visit.
func (t *Tx) InsertRemark(ctx context.Context, r booking.SealedRemark) error {
	visit, err := mustID("visit", r.Visit)
	if err != nil {
		return err
	}
	id, err := mustID("remark", r.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failBooking("insert remark", t.q.InsertRemark(ctx, dbq.InsertRemarkParams{City: r.City, Visit: visit, ID: id,
		AtUs: us(r.At), Author: r.Author, Sealed: filled(r.Sealed)}))
}

// Remarks are a visit's notes, oldest first.
func (t *Tx) Remarks(ctx context.Context, city, visit string) ([]booking.SealedRemark, error) {
	key, ok := binID(visit)
	if !ok {
		return nil, nil
	}
	rows, err := t.q.Remarks(ctx, dbq.RemarksParams{City: city, Visit: key})
	out := make([]booking.SealedRemark, len(rows))
	for i, r := range rows {
		out[i] = booking.SealedRemark{City: r.City, Visit: textID(r.Visit), ID: textID(r.ID), At: at(r.AtUs), Author: r.Author, Sealed: r.Sealed}
	}
	return out, t.failBooking("read remarks", err)
}
