package pairing

import (
	"context"
	"time"

	"turnike/internal/person"
)

// The limits on codes (reliability.md rows 22 and 23, after NIST SP 800-63B and
// what SMS pumping looks like). They are per number and per person, never per
// network address: a mobile operator puts thousands behind one.
const (
	// CodeLife is how long a code is good: long enough for a slow message,
	// short enough that a phone left on a table tells little.
	CodeLife = 5 * time.Minute
	// MaxTries is how many wrong codes end a request; a new code does not
	// give new tries.
	MaxTries = 5
	// MaxFails is how many wrong codes in a row, over all requests, send a
	// number to a desk.
	MaxFails = 100

	perMinute  = 1
	perQuarter = 3
	perDay     = 5
	// perPerson is codes a day for one identity number, over all phones:
	// a family at one table needs a few, a squatter many.
	perPerson = 10
	// A block of a thousand neighbouring numbers is stopped for the day when
	// of at least blockMin codes sent under half were ever typed in.
	blockMin = 50
	// requestLife is how long a request stays open for its code.
	requestLife = 30 * time.Minute
)

// allowSend tells whether another code may go to a number, and notes it. The
// counters commit with the message.
func (s *Service) allowSend(ctx context.Context, tx Tx, r Request, phone person.Phone, now time.Time) error {
	g, err := tx.Guard(ctx, r.City, GuardPhone, r.PhoneTag)
	if err != nil {
		return err
	}
	if g.Fails >= MaxFails {
		return ErrPhoneDesk
	}
	for _, lim := range []struct {
		n    int
		span time.Duration
	}{{perMinute, time.Minute}, {perQuarter, 15 * time.Minute}, {perDay, 24 * time.Hour}} {
		if len(g.Sent) < lim.n {
			continue
		}
		if free := g.Sent[len(g.Sent)-lim.n].Add(lim.span); free.After(now) {
			if lim.n == perMinute {
				return ErrCodeSoon.After(free.Sub(now))
			}
			return ErrCodeMany.After(free.Sub(now))
		}
	}
	g = s.fresh(g, r.City, GuardPhone, r.PhoneTag, now)
	g.Sent = append(g.Sent, now)
	if len(g.Sent) > perDay {
		g.Sent = g.Sent[len(g.Sent)-perDay:]
	}
	g.Count++

	block, err := s.allowBlock(ctx, tx, r.City, phone, now)
	if err != nil {
		return err
	}
	if !r.PersonTag.IsZero() {
		p, err := tx.Guard(ctx, r.City, GuardPerson, r.PersonTag)
		if err != nil {
			return err
		}
		p = s.fresh(p, r.City, GuardPerson, r.PersonTag, now)
		if p.Count >= perPerson {
			return ErrCodeMany.After(p.Since.Add(24 * time.Hour).Sub(now))
		}
		p.Count++
		if err := tx.PutGuard(ctx, p); err != nil {
			return err
		}
	}
	day := s.cfg.Keys.Tag(r.City, person.TagPhone, "city")
	c, err := tx.Guard(ctx, r.City, GuardCity, day)
	if err != nil {
		return err
	}
	c = s.fresh(c, r.City, GuardCity, day, now)
	if s.cfg.DailyTexts > 0 && c.Count >= s.cfg.DailyTexts {
		return ErrSMSAway.After(c.Since.Add(24 * time.Hour).Sub(now))
	}
	if s.cfg.DailyTexts > 0 {
		c.Count++
		if err := tx.PutGuard(ctx, c); err != nil {
			return err
		}
	}
	block.Count++
	if err := tx.PutGuard(ctx, block); err != nil {
		return err
	}
	return tx.PutGuard(ctx, g)
}

func (s *Service) allowBlock(ctx context.Context, tx Tx, city string, phone person.Phone, now time.Time) (Guard, error) {
	tag := s.cfg.Keys.Tag(city, person.TagPhone, "block:"+phone.Block())
	b, err := tx.Guard(ctx, city, GuardBlock, tag)
	if err != nil {
		return b, err
	}
	b = s.fresh(b, city, GuardBlock, tag, now)
	if b.Count >= blockMin && b.Good*2 < b.Count {
		return b, ErrCodeMany.After(b.Since.Add(24 * time.Hour).Sub(now))
	}
	return b, nil
}

// fresh starts a counter's day anew when it is over.
func (s *Service) fresh(g Guard, city string, k GuardKind, tag person.Tag, now time.Time) Guard {
	g.City, g.Kind, g.Tag = city, k, tag
	if g.Since.IsZero() || now.Sub(g.Since) >= 24*time.Hour {
		g.Since, g.Count, g.Good = now, 0, 0
	}
	return g
}

// noteWrong counts a wrong code against the number; noteRight forgives them.
func (s *Service) noteWrong(ctx context.Context, tx Tx, r Request, now time.Time) error {
	g, err := tx.Guard(ctx, r.City, GuardPhone, r.PhoneTag)
	if err != nil {
		return err
	}
	g = s.fresh(g, r.City, GuardPhone, r.PhoneTag, now)
	g.Fails++
	return tx.PutGuard(ctx, g)
}

func (s *Service) noteRight(ctx context.Context, tx Tx, r Request, phone person.Phone, now time.Time) error {
	g, err := tx.Guard(ctx, r.City, GuardPhone, r.PhoneTag)
	if err != nil {
		return err
	}
	if g.Fails > 0 {
		g.Fails = 0
		if err := tx.PutGuard(ctx, g); err != nil {
			return err
		}
	}
	tag := s.cfg.Keys.Tag(r.City, person.TagPhone, "block:"+phone.Block())
	b, err := tx.Guard(ctx, r.City, GuardBlock, tag)
	if err != nil {
		return err
	}
	b = s.fresh(b, r.City, GuardBlock, tag, now)
	b.Good++
	return tx.PutGuard(ctx, b)
}
