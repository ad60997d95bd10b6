package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"turnike/internal/audit"
)

// Short tells whether a visit fits into one unit of time: what a quick counter
// takes.
func (n *Network) Short(service string, matters int) bool {
	units, err := n.Units(service, matters)
	return err == nil && units == 1
}

// CallShort is CallNext for a quick counter: it passes over whoever takes
// longer than one unit, who keep their turn at the other counters.
func (s *Service) CallShort(ctx context.Context, centre, pool, desk string, a audit.Actor) (Ticket, error) {
	return s.callNext(ctx, centre, pool, desk, a, func(t Ticket) bool { return s.net.Short(t.Service, t.Matters) })
}

// only leaves those in a line whom a counter serves.
func (l *line) only(d *dayState, serves func(Ticket) bool) {
	l.waiting = slices.DeleteFunc(l.waiting, func(w waiter) bool {
		t, err := d.ticket(w.number)
		return err != nil || !serves(t)
	})
}

// AnotherMatter counts one more matter for who is at a counter: they brought a
// second bill. It can be undone like any other deed.
func (s *Service) AnotherMatter(ctx context.Context, centre string, number int, desk string, a audit.Actor) (Ticket, error) {
	var out Ticket
	err := s.queueTask(ctx, centre, func(ctx context.Context, w *work, d *dayState) error {
		t, err := d.ticket(number)
		if err != nil {
			return err
		}
		if t.State != Serving || t.Desk != desk {
			return ErrState.With("state", t.State.String())
		}
		if t.Matters >= s.net.Rules.MaxMatters {
			return ErrMatters
		}
		was := t
		t.Matters++
		out = t
		if err := w.change(ctx, d, t); err != nil {
			return err
		}
		return w.event(ctx, d, &was, t, a)
	})
	return out, err
}

// Unarrive takes back that somebody arrived, where the wrong line was pressed:
// the appointment is expected again and keeps its number, which it gets when it
// is pressed once more. A number that was given without an appointment, or that
// was called, is not taken back so.
func (s *Service) Unarrive(ctx context.Context, id string, a audit.Actor) (Visit, error) {
	var out Visit
	err := s.run(ctx, &task{city: s.net.ID, ids: []string{id}, do: func(ctx context.Context, w *work) error {
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		d := w.days[v.day()]
		if v.State != Arrived || d == nil || v.Place.Day != DayOf(w.now, s.net.zone) {
			return ErrNoUndo
		}
		if err := w.readTickets(ctx, d); err != nil {
			return err
		}
		i := slices.IndexFunc(d.tickets, func(t Ticket) bool { return t.Visit == id })
		if i < 0 || d.tickets[i].State != InQueue || !d.tickets[i].Called.IsZero() || w.now.Sub(d.tickets[i].Arrived) > undoWithin {
			return ErrNoUndo
		}
		was, t := d.tickets[i], d.tickets[i]
		t.State, t.Ended = Left, w.now
		d.tickets[i] = t
		if err := w.note(w.tx.UpdateTicket(ctx, t)); err != nil {
			return err
		}
		if err := w.event(ctx, d, &was, t, a); err != nil {
			return err
		}
		v.State, v.ChangedAt = Booked, w.now
		s.schedule(&v, w.now)
		out = v
		return w.update(ctx, v)
	}})
	return out, err
}

// revive gives who arrives after all the number they had.
func (w *work) revive(ctx context.Context, d *dayState, t Ticket, a audit.Actor) (Ticket, error) {
	was := t
	t.State, t.Arrived, t.Ended = InQueue, w.now, time.Time{}
	for i := range d.tickets {
		if d.tickets[i].Number == t.Number {
			d.tickets[i] = t
		}
	}
	if err := w.note(w.tx.UpdateTicket(ctx, t)); err != nil {
		return t, err
	}
	return t, w.event(ctx, d, &was, t, a)
}

// Last is what Undo would take back for a counter: the number as it is and as
// it would be again. ErrNoUndo where there is nothing.
func (s *Service) Last(ctx context.Context, centre, desk string) (is, again Ticket, err error) {
	now := s.cfg.Now()
	k := s.today(centre, now)
	err = s.cfg.Store.View(ctx, func(tx Tx) error {
		e, err := tx.LastEvent(ctx, k, desk)
		if errors.Is(err, ErrNoRow) || err == nil && (e.Was == "" || now.Sub(e.At) > undoWithin) {
			return ErrNoUndo
		}
		if err != nil {
			return err
		}
		ts, err := tx.Tickets(ctx, k)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(ts, func(t Ticket) bool { return t.Number == e.Ticket })
		if i < 0 || ts[i].State != e.State {
			return ErrNoUndo
		}
		is = ts[i]
		return json.Unmarshal([]byte(e.Was), &again)
	})
	return is, again, err
}

// Order is who is called when, were nobody to come any more: the numbers that
// wait in a pool, the next first.
func (n *Network) Order(tickets []Ticket, pool string, now time.Time) []int {
	l := lineOf(tickets, pool)
	slot := map[int]time.Time{}
	for _, w := range l.waiting {
		slot[w.number] = w.slot
	}
	var out []int
	for i := n.pick(l, now); i >= 0; i = n.pick(l, now) {
		number := l.waiting[i].number
		out = append(out, number)
		l.waiting = slices.Delete(l.waiting, i, i+1)
		l.called(slot[number], now)
	}
	return out
}

// Counter is one of a centre's, as its number over the window says.
type Counter struct {
	Name string // 1, 2, ... through all pools
	Pool string
}

// Counters are a centre's, pool by pool.
func (c *Centre) Counters() []Counter {
	var out []Counter
	for _, p := range c.pools {
		for range p.Desks {
			out = append(out, Counter{strconv.Itoa(len(out) + 1), p.ID})
		}
	}
	return out
}

// Room is how many people a centre's floor takes today.
func (s *Service) Room(ctx context.Context, centre string) (int, error) {
	c, ok := s.net.byID[centre]
	if !ok {
		return 0, ErrNoCentre
	}
	day := DayOf(s.cfg.Now(), s.net.zone)
	var revs []Revision
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		revs, err = tx.PlanRevisions(ctx, s.net.ID, day, day)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("room of a centre: %w", err)
	}
	return s.net.FloorOn(c, day, revs), nil
}
