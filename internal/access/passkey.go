package booking

import (
	"context"
	"errors"
	"fmt"
	"time"

	"turnike/internal/audit"
	"turnike/internal/person"
)

// Choose is Hold for somebody who looks about: a browser holds one place at a
// time, so another hour moves what it holds, and a second tab or a second press
// leads to the same place. What was booked by the same press already is given
// back as it is.
func (s *Service) Choose(ctx context.Context, r Request) (Visit, error) {
	if r.Matters == 0 {
		r.Matters = 1
	}
	if r.Key != "" {
		switch v, err := s.byKey(ctx, r.Key); {
		case err == nil && v.State == Booked && v.Place.Centre == r.Centre && v.Place.Day == r.Day && v.Place.Unit == r.Unit:
			return v, nil
		case err == nil && (v.State != Held || v.Place.Centre != r.Centre || v.Place.Day != r.Day || v.Place.Unit != r.Unit):
			r.Key = "" // they went back and chose anew
		case err != nil && !errors.Is(err, ErrNoRow):
			return Visit{}, err
		}
	}
	open, err := s.OpenOf(ctx, r.Who.Holder)
	if err != nil {
		return Visit{}, err
	}
	now := s.cfg.Now()
	for _, v := range open {
		if s.held(v, now) != nil {
			continue
		}
		if v.Service == r.Service && v.Matters == r.Matters {
			return s.Move(ctx, v.ID, r.Centre, r.Day, r.Unit, r.Channel, r.Actor)
		}
		if _, err := s.Cancel(ctx, v.ID, r.Actor); err != nil {
			return Visit{}, err
		}
	}
	v, err := s.Hold(ctx, r)
	if errors.Is(err, ErrKeyReused) {
		r.Key = ""
		v, err = s.Hold(ctx, r)
	}
	return v, err
}

// OpenOf are the open visits of a holder: of a person, or of a browser that
// holds a place.
func (s *Service) OpenOf(ctx context.Context, holder person.Tag) (vs []Visit, err error) {
	if holder.IsZero() {
		return nil, nil
	}
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		vs, err = tx.OpenVisits(ctx, s.net.ID, holder)
		return err
	})
	return vs, err
}

// held is the fault of a place that is not kept any more.
func (s *Service) held(v Visit, now time.Time) error {
	switch {
	case v.State == Expired, v.State == Held && !v.HoldUntil.After(now), v.State == Cancelled && v.Phone.IsZero():
		return ErrLapsed
	case v.State != Held:
		return ErrEnded
	}
	return nil
}

// keep holds a place for some time more, as when a code is on its way, but not
// for ever.
func (s *Service) keep(ctx context.Context, id string, d time.Duration) error {
	return s.run(ctx, &task{city: s.net.ID, ids: []string{id}, do: func(ctx context.Context, w *work) error {
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		if err := s.held(v, w.now); err != nil {
			return err
		}
		until := w.now.Add(d)
		if last := v.CreatedAt.Add(3 * time.Duration(s.net.Rules.HoldMinutes) * time.Minute); until.After(last) {
			until = last
		}
		if !until.After(v.HoldUntil) {
			return nil
		}
		v.HoldUntil, v.ChangedAt = until, w.now
		return w.update(ctx, v)
	}})
}

// Accept takes a place that was offered from the waiting list: as a visit, or
// in place of the later one its holder has, which is given back in the same
// moment.
func (s *Service) Accept(ctx context.Context, id string, a audit.Actor) (Visit, error) {
	offer, err := s.Visit(ctx, id)
	if err != nil {
		return Visit{}, err
	}
	if offer.Wait == "" {
		return Visit{}, ErrNoVisit
	}
	var x Wait
	var open []Visit
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		if x, err = tx.Wait(ctx, s.net.ID, offer.Wait); err != nil {
			return err
		}
		open, err = tx.OpenVisits(ctx, s.net.ID, x.Holder)
		return err
	})
	if err != nil {
		return Visit{}, fmt.Errorf("accept offer: %w", err)
	}
	for _, v := range open {
		if v.ID != id && v.Place.Centre == x.Centre && v.Service == x.Service {
			return s.upgrade(ctx, id, v.ID, a)
		}
	}
	return s.Confirm(ctx, id, Who{Holder: x.Holder, Phone: x.Phone, Sealed: x.Sealed, Lang: x.Lang}, a)
}

// upgrade gives a visit the place that is held by an offer.
func (s *Service) upgrade(ctx context.Context, offerID, id string, a audit.Actor) (Visit, error) {
	var out Visit
	err := s.run(ctx, &task{city: s.net.ID, ids: []string{offerID, id}, do: func(ctx context.Context, w *work) error {
		offer, err := w.visit(ctx, s.net.ID, offerID)
		if err != nil {
			return err
		}
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		if offer.State == Cancelled && v.State == Booked && v.Place == offer.Place {
			out = v // pressed twice
			return nil
		}
		if err := s.held(offer, w.now); err != nil {
			return err
		}
		d, old := w.days[offer.day()], w.days[v.day()]
		if v.State != Booked || d == nil || old == nil {
			return ErrEnded
		}
		// The held place passes from the offer to the visit: nobody else can
		// come between, and the cells count as before.
		from, fromDay, counted := v.Place, v.day(), w.countedAs(v)
		offer.State, offer.HoldUntil, offer.DueAt, offer.ChangedAt = Cancelled, time.Time{}, time.Time{}, w.now
		if err := w.update(ctx, offer); err != nil {
			return err
		}
		v.Place, v.Channel = offer.Place, offer.Channel
		v.Sequence++
		v.ChangedAt, v.Reminded, v.Confirmed = w.now, false, false
		s.schedule(&v, w.now)
		if err := w.update(ctx, v); err != nil {
			return err
		}
		if err := w.endWait(ctx, v.City, offer.Wait); err != nil {
			return err
		}
		w.days[fromDay].cells.take(from.Pool, from.Unit, from.Units, counted, -1)
		if err := w.freed(ctx, old, from); err != nil {
			return err
		}
		out = v
		if err := w.audit(ctx, a, "visit.move", v); err != nil {
			return err
		}
		return w.tell(ctx, NoticeMoved, v)
	}})
	return out, err
}

// Open tells whether a centre has a counter to come on a day, taken or not, as
// far as is remembered.
func (b *Board) Open(centre string, day Day, service string, now time.Time) bool {
	c, ok := b.net.byID[centre]
	if !ok {
		return false
	}
	pool, ok := c.PoolFor(service)
	v := b.view(DayKey{b.net.ID, centre, day})
	if !ok || v == nil {
		return false
	}
	for u, cell := range v.cells[pool] {
		if cell != nil && cell.Plan > 0 && b.net.Start(day, u).After(now) {
			return true
		}
	}
	return false
}

// calm tells whether a wave of a day's places was let out so lately that they
// are for those who have no visit yet, and until when.
func (n *Network) calm(day Day, now time.Time) (until time.Time, calm bool) {
	for _, w := range n.Waves {
		at := (day - Day(w.DaysBefore)).At(w.minute, n.zone)
		if end := at.Add(time.Duration(n.Rules.CalmMinutes) * time.Minute); !now.Before(at) && now.Before(end) {
			return end, true
		}
	}
	return until, false
}

func minuteOf(t time.Time) int { return t.Hour()*60 + t.Minute() }
