package pairing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/health"
	"turnike/internal/person"
)

// keepRequest is how long an ended or abandoned request is kept for its
// receipt page, and with it the form's phone and card.
const keepRequest = 24 * time.Hour

// settleAtOnce is how many put-off requests are led on side by side.
const settleAtOnce = 16

// renewEvery is how often a holder is reminded that their code has run out.
const renewEvery = 7 * 24 * time.Hour

// Work does what is due: requests whose checks were put off, ties whose
// authority is to be asked again, old requests to sweep. It reports how much
// it did, so that a caller knows whether to come back at once.
func (s *Service) Work(ctx context.Context) (int, error) {
	now := s.cfg.Now()
	var due []Request
	var recheck []Pairing
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		if due, err = tx.DueRequests(ctx, now, 200); err != nil {
			return err
		}
		recheck, err = tx.PairingsToCheck(ctx, now, 500)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("look for work: %w", err)
	}
	// A ministry that hangs costs each its whole wait: several wait at once.
	failed := make([]error, len(due))
	var g errgroup.Group
	g.SetLimit(settleAtOnce)
	for i, r := range due {
		g.Go(func() error { failed[i] = s.Settle(ctx, r.City, r.ID); return nil })
	}
	_ = g.Wait()
	errs := failed
	if err := s.recheck(ctx, recheck, now); err != nil {
		errs = append(errs, err)
	}
	swept := 0
	err = s.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		swept, err = tx.SweepRequests(ctx, now.Add(-keepRequest), 1000)
		return err
	})
	return len(due) + len(recheck) + swept, errors.Join(append(errs, err)...)
}

// recheck asks the authority again about standing ties: it gives no end date,
// so a stop is lifted, kept or put on by asking (domain.md section 1A).
func (s *Service) recheck(ctx context.Context, ps []Pairing, now time.Time) error {
	type asked struct {
		p    Pairing
		who  Person
		rec  person.Record
		code health.Code
	}
	var list []asked
	var codes []health.Code
	for _, p := range ps {
		a := asked{p: p}
		err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
			a.who, err = tx.Person(ctx, p.City, p.PersonID)
			return err
		})
		if err != nil {
			return fmt.Errorf("recheck: %w", err)
		}
		b, err := s.cfg.Keys.Open(ctx, a.who.Key, "person/"+a.who.ID, a.who.Sealed)
		if errors.Is(err, person.ErrErased) {
			if err := s.skip(ctx, p, now); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("recheck: %w", err)
		}
		if a.rec, err = person.RestoreRecord(b); err != nil {
			return err
		}
		if len(p.SealedHES) > 0 {
			b, err := s.cfg.Keys.Open(ctx, a.who.Key, "hes/"+a.who.ID, p.SealedHES)
			if err != nil {
				return fmt.Errorf("recheck: %w", err)
			}
			a.code = health.RestoreCode(string(b))
			codes = append(codes, a.code)
		}
		list = append(list, a)
	}
	// A code without a verdict was not answered for.
	verdicts := map[health.Code]*health.Verdict{}
	if len(codes) > 0 && s.cfg.Authority != nil {
		answers, err := s.cfg.Authority.CheckMany(ctx, codes)
		if err != nil {
			s.cfg.Log.WarnContext(ctx, "authority did not answer the recheck", "codes", len(codes), "err", err)
		}
		for c, v := range answers {
			verdicts[c] = &v
		}
	}
	for _, a := range list {
		p, err := s.profile(a.p.City)
		if err != nil {
			// The city was taken out of service.
			if err := s.skip(ctx, a.p, now); err != nil {
				return err
			}
			continue
		}
		if err := s.apply(ctx, p, a.p, a.rec, verdicts[a.code], now); err != nil {
			return err
		}
	}
	return nil
}

// skip puts a tie nobody can be asked about off for a day, so that it does not
// stand before those who can.
func (s *Service) skip(ctx context.Context, p Pairing, now time.Time) error {
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		live, err := tx.LiveByCard(ctx, p.City, p.CardTag)
		if errors.Is(err, ErrNoRow) || err == nil && live.ID != p.ID {
			return nil
		}
		if err != nil {
			return err
		}
		live.NextCheck = now.Add(24 * time.Hour)
		return tx.UpdatePairing(ctx, live)
	})
}

// apply writes what a recheck found. Only what changed is written to the card.
func (s *Service) apply(ctx context.Context, p *city.Profile, seen Pairing, rec person.Record, v *health.Verdict, now time.Time) error {
	class, turns := p.ClassOf(rec.Birth, now)
	d := &deed{s: s, p: p, now: now}
	answered := v != nil && v.Err == nil
	expired := v != nil && (errors.Is(v.Err, health.ErrCodeExpired) || errors.Is(v.Err, health.ErrCodeUnknown))
	today := card.DayOf(now, p.Location())
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		live, err := tx.LiveByCard(ctx, p.ID, seen.CardTag)
		if errors.Is(err, ErrNoRow) || err == nil && (live.ID != seen.ID || !live.NextCheck.Equal(seen.NextCheck)) {
			return nil // ended, or done by another worker
		}
		if err != nil {
			return err
		}
		live.NextCheck = d.nextCheck(turns)
		if expired && live.NextCheck.Before(now.Add(renewEvery)) {
			live.NextCheck = now.Add(renewEvery)
			if turns.After(now) && turns.Before(live.NextCheck) {
				live.NextCheck = turns
			}
		}
		if len(live.SealedHES) > 0 && !answered && !expired {
			live.NextCheck = now.Add(10 * time.Minute)
		}
		if err := tx.UpdatePairing(ctx, live); err != nil {
			return err
		}
		d.tx = tx
		if expired {
			if err := d.say(ctx, rec.Phone, s.renewText(p, live)); err != nil {
				return err
			}
		}
		c, err := tx.Card(ctx, p.ID, live.CardTag)
		if err != nil {
			return err
		}
		before, err := tx.Reasons(ctx, p.ID, live.CardTag)
		if err != nil {
			return err
		}
		stopped, ends := false, int32(0)
		for _, r := range before {
			if r.Kind == card.Isolation {
				stopped, ends = true, r.UntilDay
			}
		}
		result := "unchanged"
		switch {
		case answered && v.Answer.Risky:
			// While a stop lasts its first end day holds; on that day it is
			// put on anew for who is still at risk.
			if until := today + int32(p.Rules.IsolationDays); !stopped || ends <= today {
				result = "stopped"
				notice, err := d.tell(ctx, rec.Phone, s.stoppedText(p, live.Lang, live.Last4, until))
				if err != nil {
					return err
				}
				stop := Isolation{City: p.ID, CardTag: live.CardTag, Place: d.listed(c.Scheme, c.Index), PairingID: live.ID, UntilDay: until,
					NoticeID: notice, Source: "authority:recheck:" + live.ID}
				if err := isolate(ctx, tx, stop, now); err != nil {
					return err
				}
			} else if err := standBy(ctx, tx, p.ID, live.CardTag, now); err != nil {
				return err
			}
		case answered && stopped:
			result = "lifted"
			if err := release(ctx, tx, p.ID, live.CardTag, live.ID, now); err != nil {
				return err
			}
		}
		reasons, err := tx.Reasons(ctx, p.ID, live.CardTag)
		if err != nil {
			return err
		}
		st := card.StatusOf(class, reasons)
		if st.Class == c.Class && st.StopUntil == c.StopUntil {
			return nil
		}
		c.Class, c.StopUntil, c.ChangedAt = st.Class, st.StopUntil, now
		if err := tx.PutCard(ctx, c); err != nil {
			return err
		}
		return s.audit(ctx, tx, audit.System("recheck"), "card.recheck", live.CardTag, p.ID, live.ID, result, now)
	})
}
