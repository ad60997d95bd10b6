package booking

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"turnike/internal/audit"
	"turnike/internal/person"
)

// MaxRemark is the most letters a note on a visit may have.
const MaxRemark = 500

// Remarks are the notes staff leave on a visit: "comes with a wheelchair",
// "brings the deed". They are sealed under the visit's own key, so that who
// erases the person erases what was written about them.
type Remarks interface {
	InsertRemark(ctx context.Context, r SealedRemark) error
	// Remarks are a visit's notes, oldest first.
	Remarks(ctx context.Context, city, visit string) ([]SealedRemark, error)
}

// SealedRemark is a note as it is kept.
type SealedRemark struct {
	City   string
	Visit  string
	ID     string // UUIDv7
	At     time.Time
	Author string // account of staff
	Sealed []byte
}

// Remark is a note as it is read.
type Remark struct {
	At     time.Time
	Author string
	Text   string
}

// remarkAt binds a note to its row.
func remarkAt(visit, id string) string { return "remark/" + visit + "/" + id }

// Remark leaves a note on a visit. Text of blanks only is no note.
func (s *Service) Remark(ctx context.Context, c Contacts, visit, text string, a audit.Actor) error {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	if utf8.RuneCountInString(text) > MaxRemark {
		return ErrRemark
	}
	v, err := s.Visit(ctx, visit)
	if err != nil {
		return err
	}
	k, err := KeyOf(v.Sealed)
	if err != nil {
		return ErrNoVisit // nobody's yet, or erased: there is nobody to write about
	}
	now := s.cfg.Now()
	r := SealedRemark{City: s.net.ID, Visit: v.ID, ID: newID(now), At: now, Author: a.Ref}
	if r.Sealed, err = c.Keys.Seal(ctx, k, remarkAt(v.ID, r.ID), []byte(text)); errors.Is(err, person.ErrErased) {
		return ErrNoVisit
	} else if err != nil {
		return fmt.Errorf("seal note: %w", err)
	}
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		if err := tx.InsertRemark(ctx, r); err != nil {
			return err
		}
		return tx.Audit(ctx, audit.Entry{ID: newID(now), City: s.net.ID, At: now, Actor: a, Action: "visit.note",
			Subject: v.Holder, Object: v.ID, Result: "ok"})
	})
}

// remarks opens the notes on a visit.
func (s *Service) remarks(ctx context.Context, c Contacts, v Visit) ([]Remark, error) {
	k, err := KeyOf(v.Sealed)
	if err != nil {
		return nil, nil // sealed for nobody: none can have been written
	}
	var list []SealedRemark
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		list, err = tx.Remarks(ctx, s.net.ID, v.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	var out []Remark
	for _, r := range list {
		b, err := c.Keys.Open(ctx, k, remarkAt(v.ID, r.ID), r.Sealed)
		if errors.Is(err, person.ErrErased) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("open note: %w", err)
		}
		out = append(out, Remark{r.At, r.Author, string(b)})
	}
	return out, nil
}
