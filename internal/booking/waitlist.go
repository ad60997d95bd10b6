package booking

import (
	"context"
	"errors"
	"time"

	"turnike/internal/audit"
	"turnike/internal/person"
)

// offersMost is how often somebody is offered a place before they are off the
// list; offerAhead is the least time before the hour that an offer leaves.
const (
	offersMost = 3
	offerAhead = 45 * time.Minute
)

// JoinWait puts somebody on a centre's waiting list for a matter, from one day
// to another.
func (s *Service) JoinWait(ctx context.Context, r Request, to Day) (Wait, error) {
	p, err := s.place(&r)
	if err != nil {
		return Wait{}, err
	}
	if to < r.Day || r.Who.Holder.IsZero() {
		return Wait{}, ErrDay
	}
	var out Wait
	err = s.run(ctx, &task{city: s.net.ID, do: func(ctx context.Context, w *work) error {
		x := Wait{City: s.net.ID, ID: newID(w.now), Centre: r.Centre, Service: r.Service, Pool: p.Pool, Units: p.Units,
			Matters: r.Matters, From: r.Day, To: to, Holder: r.Who.Holder, Phone: r.Who.Phone, Sealed: r.Who.Sealed,
			Lang: r.Who.Lang, State: WaitOpen, CreatedAt: w.now}
		ok, err := w.tx.InsertWait(ctx, x)
		if w.note(err) != nil {
			return err
		}
		if !ok {
			return ErrWaiting
		}
		out = x
		clear(w.nobody)
		return w.note(w.tx.Audit(ctx, audit.Entry{ID: newID(w.now), City: x.City, At: w.now, Actor: r.Actor,
			Action: "visit.wait", Subject: x.Holder, Object: x.ID, Result: "ok"}))
	}})
	return out, err
}

// LeaveWait takes somebody off the list.
func (s *Service) LeaveWait(ctx context.Context, id string) error {
	return s.run(ctx, &task{city: s.net.ID, do: func(ctx context.Context, w *work) error {
		return w.endWait(ctx, s.net.ID, id)
	}})
}

// offer holds a freed place for the first on the waiting list whom it serves,
// behind one who has just let it pass, and tells them. It gives how many of
// the place's units that took: 0 where nobody waits.
func (w *work) offer(ctx context.Context, d *dayState, p Place, after string) (units int, err error) {
	start, _ := w.s.net.StartOf(p)
	if start.Before(w.now.Add(offerAhead)) {
		return 0, nil
	}
	who := poolDay{d.row.DayKey, p.Pool}
	if w.nobody[who] >= p.Units {
		return 0, nil
	}
	for first := after == ""; ; first = false {
		x, err := w.tx.NextWait(ctx, d.row.DayKey, p.Pool, p.Units, after)
		if errors.Is(err, ErrNoRow) {
			if first {
				w.nobody[who] = p.Units
			}
			return 0, nil
		}
		if w.note(err) != nil {
			return 0, err
		}
		after = x.ID
		if d.cells.fit(p.Pool, p.Unit, x.Units, Web, Release{Open: 100}) != nil {
			return 0, nil
		}
		until := w.now.Add(time.Duration(w.s.net.Rules.OfferMinutes) * time.Minute)
		if last := start.Add(-offerAhead / 3); until.After(last) {
			until = last
		}
		v := Visit{City: x.City, ID: newID(w.now), Place: p, Service: x.Service, Matters: x.Matters, State: Held,
			HoldUntil: until, Channel: Web, Holder: x.Holder, Slot: 1, Phone: x.Phone, Sealed: x.Sealed, Lang: x.Lang,
			Wait: x.ID, CreatedAt: w.now, ChangedAt: w.now}
		v.Place.Units = x.Units
		err = w.put(ctx, d, &v)
		if errors.Is(err, ErrTwice) {
			earlier, terr := w.earlier(ctx, x, v.Place)
			if terr != nil {
				return 0, terr
			}
			if earlier == isLater {
				continue
			}
			if earlier == isSooner {
				// Their visit stands until they accept: the offer is nobody's
				// slot, or one person could not have both for a while.
				v.Holder, v.Slot = person.Tag{}, 0
				err = w.put(ctx, d, &v)
			}
		}
		switch {
		case w.bad != nil:
			return 0, err
		case errors.Is(err, ErrTwice): // they have found a place themselves
			x.State = WaitEnded
			if err := w.note(w.tx.UpdateWait(ctx, x)); err != nil {
				return 0, err
			}
			continue
		case err != nil:
			continue
		}
		x.State, x.Visit, x.Offers = WaitOffered, v.ID, x.Offers+1
		if err := w.note(w.tx.UpdateWait(ctx, x)); err != nil {
			return 0, err
		}
		return x.Units, w.tell(ctx, NoticeOffered, v)
	}
}

// What an offer is to somebody who has a visit for the same matter there.
type than uint8

const (
	isFound  than = iota // they found it after they joined the list, and want no other
	isSooner             // they joined the list to come sooner than it, and would
	isLater              // they did, and would not
)

// earlier tells what a place would be to who waits.
func (w *work) earlier(ctx context.Context, x Wait, p Place) (than, error) {
	open, err := w.tx.OpenVisits(ctx, x.City, x.Holder)
	if w.note(err) != nil {
		return isFound, err
	}
	for _, v := range open {
		if v.Place.Centre != x.Centre || v.Service != x.Service || v.State != Booked || v.CreatedAt.After(x.CreatedAt) {
			continue
		}
		if p.Day < v.Place.Day || p.Day == v.Place.Day && p.Unit < v.Place.Unit {
			return isSooner, nil
		}
		return isLater, nil
	}
	return isFound, nil
}

// passOver puts somebody who let an offer lapse back on the list, unless that
// was the last.
func (w *work) passOver(ctx context.Context, v Visit) error {
	x, err := w.tx.Wait(ctx, v.City, v.Wait)
	if errors.Is(err, ErrNoRow) {
		return nil
	}
	if w.note(err) != nil {
		return err
	}
	if x.State != WaitOffered || x.Visit != v.ID {
		return nil
	}
	x.State, x.Visit = WaitOpen, ""
	if x.Offers >= offersMost {
		x.State = WaitEnded
	}
	clear(w.nobody)
	return w.note(w.tx.UpdateWait(ctx, x))
}

// endWait takes somebody off the list.
func (w *work) endWait(ctx context.Context, city, id string) error {
	x, err := w.tx.Wait(ctx, city, id)
	if errors.Is(err, ErrNoRow) {
		return ErrNoVisit
	}
	if w.note(err) != nil {
		return err
	}
	x.State = WaitEnded
	return w.note(w.tx.UpdateWait(ctx, x))
}
