package pairing

import (
	"context"
	"errors"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/card"
	"turnike/internal/person"
)

// Isolation is one stop for isolation with what was said of it: whom it was
// told to and when, and when the health ministry last stood by it. The card's
// reasons say that a card is stopped; this says what may be held against its
// holder, and goes when their days are over.
type Isolation struct {
	City      string
	ID        string // UUIDv7
	CardTag   person.Tag
	Place     int64 // in the city's list; NoPlace where the card's scheme has no ranges
	PairingID string
	Since     time.Time
	UntilDay  int32  // the last day it holds, days since 1970 in the city's calendar
	NoticeID  string // the message that told them; empty where there is none, or it never left
	// Told is when the gateway took the message; zero until then.
	Told time.Time
	// Confirmed is when the ministry last said that it still holds.
	Confirmed time.Time
	Appeal    bool   // the holder disputes it, and nobody has decided yet
	Source    string // message of the authority that it rests on
	Ended     time.Time
	End       IsolationEnd // where Ended
	Recalled  bool         // its reports were looked at after its end
}

// NoPlace is the list place of a card that has none.
const NoPlace int64 = -1

// IsolationEnd is how a stop ended.
type IsolationEnd string

// The ends.
const (
	Lifted    IsolationEnd = "lifted"    // the ministry no longer says so; since when is not known
	Renewed   IsolationEnd = "renewed"   // put on anew, with a notice of its own
	HandedOn  IsolationEnd = "handed_on" // the card has another holder
	Corrected IsolationEnd = "corrected" // it should never have been
)

// Isolations are the rows of stops for isolation.
type Isolations interface {
	InsertIsolation(ctx context.Context, i Isolation) error
	UpdateIsolation(ctx context.Context, i Isolation) error
	// OpenIsolation is the one that stands on a card.
	OpenIsolation(ctx context.Context, city string, tag person.Tag) (Isolation, error)
}

// isolate puts a stop on a card: its reason, and the row that says what its
// holder was told. An older one on the same card is over.
func isolate(ctx context.Context, tx Tx, i Isolation, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	if err := endIsolation(ctx, tx, i.City, i.CardTag, i.PairingID, Renewed, now); err != nil {
		return err
	}
	i.ID, i.Since, i.Confirmed = id.String(), now, now
	if err := tx.InsertIsolation(ctx, i); err != nil {
		return err
	}
	return tx.PutReason(ctx, i.City, i.CardTag, card.Reason{Kind: card.Isolation, Since: now, UntilDay: i.UntilDay, Provenance: i.Source})
}

// release takes a stop off a card.
func release(ctx context.Context, tx Tx, city string, tag person.Tag, pairing string, now time.Time) error {
	if err := endIsolation(ctx, tx, city, tag, pairing, Lifted, now); err != nil {
		return err
	}
	return tx.DropReason(ctx, city, tag, card.Isolation)
}

// endIsolation ends the row of a stop. One that was its last holder's says
// nothing about this one.
func endIsolation(ctx context.Context, tx Tx, city string, tag person.Tag, pairing string, end IsolationEnd, now time.Time) error {
	old, err := tx.OpenIsolation(ctx, city, tag)
	if errors.Is(err, ErrNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	if old.PairingID != pairing {
		end = HandedOn
	}
	if end == Renewed {
		old.Confirmed = now
	}
	old.Ended, old.End = now, end
	return tx.UpdateIsolation(ctx, old)
}

// standBy notes that the ministry was asked again and still says so.
func standBy(ctx context.Context, tx Tx, city string, tag person.Tag, now time.Time) error {
	i, err := tx.OpenIsolation(ctx, city, tag)
	if errors.Is(err, ErrNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	i.Confirmed = now
	return tx.UpdateIsolation(ctx, i)
}

// moveIsolation lets a stop follow its holder to another card.
func moveIsolation(ctx context.Context, tx Tx, city string, from, to person.Tag, place int64, pairing string, now time.Time) error {
	i, err := tx.OpenIsolation(ctx, city, from)
	if errors.Is(err, ErrNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	// What the other card had of an earlier holder is nobody's any more.
	if err := endIsolation(ctx, tx, city, to, pairing, HandedOn, now); err != nil {
		return err
	}
	i.CardTag, i.Place, i.PairingID = to, place, pairing
	return tx.UpdateIsolation(ctx, i)
}
