package pairing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"turnike/internal/audit"
	"turnike/internal/city"
	"turnike/internal/notify"
	"turnike/internal/person"
)

// answerStatus answers "is my card paired, and when does it stop" by SMS to
// the paired phone. To any other phone nothing is sent, and the page says the
// same words either way.
func (s *Service) answerStatus(ctx context.Context, p *city.Profile, f Form, r Request, key string, body person.Tag, now time.Time) (View, error) {
	r.State, r.Result = Done, "asked"
	q, err := s.closed(r, f, "asked")
	if err != nil {
		return View{}, err
	}
	var known *Once
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		k, err := tx.RememberOnce(ctx, Once{City: p.ID, Key: key, Body: body, Ref: r.ID, At: now})
		if known = k; err != nil || k != nil {
			return err
		}
		if err := s.allowSend(ctx, tx, r, f.Person.Phone, now); err != nil {
			return err
		}
		if err := tx.InsertRequest(ctx, q); err != nil {
			return err
		}
		if err := s.sendStatus(ctx, tx, p, f, r, now); err != nil {
			return err
		}
		return s.audit(ctx, tx, audit.Citizen(r.Channel), "status.ask", r.CardTag, p.ID, r.ID, "ok", now)
	})
	if err != nil {
		return View{}, fmt.Errorf("ask status: %w", err)
	}
	s.cfg.Wake(notify.Info)
	id := r.ID
	if known != nil {
		if known.Body != body {
			return View{}, ErrKeyReused
		}
		id = known.Ref
	}
	return s.Look(ctx, p.ID, s.tokenOf(p.ID, id))
}

func (s *Service) sendStatus(ctx context.Context, tx Tx, p *city.Profile, f Form, r Request, now time.Time) error {
	live, err := tx.LiveByCard(ctx, p.ID, r.CardTag)
	if errors.Is(err, ErrNoRow) || err == nil && live.PhoneTag != r.PhoneTag {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := tx.Card(ctx, p.ID, r.CardTag)
	if err != nil {
		return err
	}
	m, err := s.message(p.ID, f.Person.Phone, s.statusText(p, r.Lang, f, c, now), notify.Info, now, time.Hour)
	if err != nil {
		return err
	}
	return tx.Enqueue(ctx, m)
}
