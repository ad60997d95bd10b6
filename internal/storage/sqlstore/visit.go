package sqlstore

import (
	"context"
	"time"

	"turnike/internal/booking"
	"turnike/internal/storage/dbq"
)

// PutVisitClaim writes a claim to a held place, over an older one.
func (t *Tx) PutVisitClaim(ctx context.Context, c booking.Claim) error {
	id, err := mustID("claim", c.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failBooking("write claim", t.q.PutVisitClaim(ctx, dbq.PutVisitClaimParams{City: c.City, ID: id, Kind: int64(c.Kind),
		State: int64(c.State), Centre: c.Centre, Service: c.Service, Matters: int64(c.Matters), FromDay: int64(c.From),
		ToDay: int64(c.To), PhoneTag: c.Phone[:], Sealed: filled(c.Sealed), Lang: c.Lang, CodeTag: tagOrNull(c.Code),
		CodeExpiresUs: nullUS(c.CodeExpires), Tries: int64(c.Tries), Sends: int64(c.Sends), LastSendUs: nullUS(c.LastSend),
		CreatedUs: us(c.CreatedAt)}))
}

// VisitClaim reads one, locked in a writing transaction.
func (t *Tx) VisitClaim(ctx context.Context, city, id string) (booking.Claim, error) {
	key, ok := binID(id)
	if !ok {
		return booking.Claim{}, booking.ErrNoRow
	}
	r, err := t.q.VisitClaim(ctx, dbq.VisitClaimParams{City: city, ID: key})
	if err := t.failBooking("read claim", err); err != nil {
		return booking.Claim{}, err
	}
	return booking.Claim{City: r.City, ID: textID(r.ID), Kind: booking.ClaimKind(r.Kind), State: booking.ClaimState(r.State),
		Centre: r.Centre, Service: r.Service, Matters: int(r.Matters), From: booking.Day(r.FromDay), To: booking.Day(r.ToDay),
		Phone: tagOf(r.PhoneTag), Sealed: r.Sealed, Lang: r.Lang, Code: tagOf(r.CodeTag), CodeExpires: maybeAt(r.CodeExpiresUs),
		Tries: int(r.Tries), Sends: int(r.Sends), LastSend: maybeAt(r.LastSendUs), CreatedAt: at(r.CreatedUs)}, nil
}

// SweepVisitClaims forgets claims made before a moment.
func (t *Tx) SweepVisitClaims(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := t.direct(ctx); err != nil {
		return 0, err
	}
	n, err := t.q.SweepVisitClaims(ctx, dbq.SweepVisitClaimsParams{BeforeUs: us(before), MaxRows: int32(limit)})
	return int(n), t.failBooking("sweep claims", err)
}
