package booking

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"turnike/internal/audit"
)

// waiter is somebody in the line of a pool.
type waiter struct {
	number  int
	slot    time.Time // zero for a walk-in
	arrived time.Time
}

// line is a pool's queue with what the order of calling remembers.
type line struct {
	waiting []waiter
	since   int       // appointments called after the last walk-in
	walked  time.Time // when the last walk-in was called
}

// lineOf is the line of a pool as the day's numbers have it.
func lineOf(tickets []Ticket, pool string) *line {
	l := &line{}
	var called []Ticket
	for _, t := range tickets {
		if t.Pool != pool {
			continue
		}
		if t.State == InQueue {
			l.waiting = append(l.waiting, waiter{t.Number, t.Slot, t.Arrived})
		} else if !t.Called.IsZero() {
			called = append(called, t)
		}
	}
	slices.SortFunc(called, func(a, b Ticket) int { return a.Called.Compare(b.Called) })
	for _, t := range called {
		l.called(t.Slot, t.Called)
	}
	return l
}

func (l *line) called(slot, at time.Time) {
	if slot.IsZero() {
		l.since, l.walked = 0, at
	} else {
		l.since++
	}
}

// rank is where somebody stands at a moment: 0 has an appointment that is due
// and came in time; 1 has none, or came too late for it; 2 has one that is not
// due yet.
func (n *Network) rank(w waiter, now time.Time) int {
	switch {
	case w.slot.IsZero() || w.arrived.After(w.slot.Add(time.Duration(n.Rules.LateMinutes)*time.Minute)):
		return 1
	case now.Before(w.slot.Add(-time.Duration(n.Rules.EarlyMinutes) * time.Minute)):
		return 2
	}
	return 0
}

// pick is the index in the line of who is called next: appointments in their
// window by their hour, but after so many of them, or once somebody without
// has waited so long, one without; then those without by arrival; then those
// who came long before their hour. It is -1 for an empty line.
func (n *Network) pick(l *line, now time.Time) int {
	best := [3]int{-1, -1, -1}
	for i, w := range l.waiting {
		k := n.rank(w, now)
		j := best[k]
		if j < 0 {
			best[k] = i
			continue
		}
		o := l.waiting[j]
		before := w.arrived.Compare(o.arrived)
		if k != 1 {
			before = cmp.Or(w.slot.Compare(o.slot), before)
		}
		if cmp.Or(before, cmp.Compare(w.number, o.number)) < 0 {
			best[k] = i
		}
	}
	if best[0] >= 0 && best[1] >= 0 {
		since := l.waiting[best[1]].arrived
		if l.walked.After(since) {
			since = l.walked
		}
		if l.since >= n.Rules.WalkAfter || !now.Before(since.Add(time.Duration(n.Rules.WalkAfterMinutes)*time.Minute)) {
			return best[1]
		}
	}
	for _, i := range best {
		if i >= 0 {
			return i
		}
	}
	return -1
}

// Today is the day a service's queues are on.
func (s *Service) today(centre string, now time.Time) DayKey {
	return DayKey{s.net.ID, centre, DayOf(now, s.net.zone)}
}

// queueTask is a task about today's numbers of a centre.
func (s *Service) queueTask(ctx context.Context, centre string, do func(ctx context.Context, w *work, d *dayState) error) error {
	k := s.today(centre, s.cfg.Now())
	return s.run(ctx, &task{city: s.net.ID, days: []DayKey{k}, do: func(ctx context.Context, w *work) error {
		d := w.days[k]
		if d == nil {
			return ErrClosed
		}
		if err := w.readTickets(ctx, d); err != nil {
			return err
		}
		return do(ctx, w, d)
	}})
}

func (w *work) readTickets(ctx context.Context, d *dayState) error {
	if d.read {
		return nil
	}
	var err error
	if d.tickets, err = w.tx.Tickets(ctx, d.row.DayKey); w.note(err) != nil {
		return err
	}
	revs, err := w.tx.PlanRevisions(ctx, d.row.City, d.row.Day, d.row.Day)
	d.floor = w.s.net.FloorOn(d.centre, d.row.Day, revs)
	d.read = true
	return w.note(err)
}

// issue gives out the next number.
func (w *work) issue(ctx context.Context, d *dayState, t Ticket, a audit.Actor) (Ticket, error) {
	t.DayKey, t.Number, t.State, t.Arrived = d.row.DayKey, d.row.Tickets+1, InQueue, w.now
	if err := w.note(w.tx.InsertTicket(ctx, t)); err != nil {
		return t, err
	}
	d.row.Tickets++
	d.tickets = append(d.tickets, t)
	return t, w.event(ctx, d, nil, t, a)
}

// event writes down what happened to a number, with what it was.
func (w *work) event(ctx context.Context, d *dayState, was *Ticket, t Ticket, a audit.Actor) error {
	e := Event{DayKey: t.DayKey, Seq: d.row.Events + 1, Ticket: t.Number, State: t.State, Desk: t.Desk, Actor: a.Ref, At: w.now}
	if e.Actor == "" {
		e.Actor = a.Kind
	}
	if was != nil {
		b, err := json.Marshal(was)
		if err != nil {
			return err // a ticket always encodes
		}
		e.Was = string(b)
		if e.Desk == "" {
			e.Desk = was.Desk
		}
	}
	d.row.Events++
	return w.note(w.tx.InsertEvent(ctx, e))
}

// change writes a number's new state, and its visit's where that ends or
// begins again.
func (w *work) change(ctx context.Context, d *dayState, t Ticket) error {
	if err := w.note(w.tx.UpdateTicket(ctx, t)); err != nil {
		return err
	}
	for i := range d.tickets {
		if d.tickets[i].Number == t.Number {
			w.called(d.tickets[i], t)
			d.tickets[i] = t
		}
	}
	if t.Visit == "" {
		return nil
	}
	v, err := w.read(ctx, t.City, t.Visit)
	if err != nil {
		return err
	}
	want := Arrived
	switch t.State {
	case Served:
		want = Done
	case Missed, Left:
		want = NoShow
	}
	if v.State == want {
		return nil
	}
	v.State, v.DueAt, v.ChangedAt = want, time.Time{}, w.now
	return w.update(ctx, v)
}

// CheckIn gives the number of who has an appointment today and has come. Who
// checks in twice keeps the number.
func (s *Service) CheckIn(ctx context.Context, id string, a audit.Actor) (Ticket, error) {
	var out Ticket
	err := s.run(ctx, &task{city: s.net.ID, ids: []string{id}, do: func(ctx context.Context, w *work) error {
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		if v.Place.Day != DayOf(w.now, s.net.zone) {
			return ErrEarly.With("day", v.Place.Day.String())
		}
		d := w.days[v.day()]
		if d == nil {
			return ErrClosed
		}
		if err := w.readTickets(ctx, d); err != nil {
			return err
		}
		had := slices.IndexFunc(d.tickets, func(t Ticket) bool { return t.Visit == v.ID })
		if v.State == Arrived && had >= 0 {
			out = d.tickets[had]
			return nil
		}
		if v.State != Booked {
			return ErrEnded
		}
		slot, _ := s.net.StartOf(v.Place)
		v.State, v.DueAt, v.ChangedAt = Arrived, time.Time{}, w.now
		if err := w.update(ctx, v); err != nil {
			return err
		}
		if had >= 0 { // arrived before, by mistake
			out, err = w.revive(ctx, d, d.tickets[had], a)
			return err
		}
		out, err = w.issue(ctx, d, Ticket{Visit: v.ID, Pool: v.Place.Pool, Service: v.Service, Matters: v.Matters, Slot: slot}, a)
		return err
	}})
	return out, err
}

// WalkIn gives the next number to who has no appointment, with the wait they
// are told; its upper end is kept to be compared with what happens.
func (s *Service) WalkIn(ctx context.Context, centre, service string, matters int, a audit.Actor) (Ticket, Range, error) {
	c, ok := s.net.byID[centre]
	if !ok {
		return Ticket{}, Range{}, ErrNoCentre
	}
	pool, ok := c.PoolFor(service)
	if !ok {
		return Ticket{}, Range{}, ErrNoCentre
	}
	if _, err := s.net.Units(service, matters); err != nil {
		return Ticket{}, Range{}, err
	}
	wait, err := s.Expect(ctx, centre, service, 0)
	if err != nil {
		return Ticket{}, Range{}, err
	}
	wait.Most = roundUp(wait.Most)
	var out Ticket
	err = s.queueTask(ctx, centre, func(ctx context.Context, w *work, d *dayState) error {
		_, unit := s.net.UnitAt(w.now)
		open := false
		for _, cell := range d.cells[pool] {
			open = open || cell != nil && cell.Unit >= unit && cell.Plan > 0
		}
		if !open {
			return ErrClosed
		}
		var err error
		out, err = w.issue(ctx, d, Ticket{Pool: pool, Service: service, Matters: matters, Shown: wait.Most}, a)
		return err
	})
	return out, wait, err
}

// onFloor counts who is at a counter or on the way to one.
func onFloor(tickets []Ticket) (n int) {
	for _, t := range tickets {
		if t.State == Called || t.State == Serving {
			n++
		}
	}
	return n
}

// admit tells whether a counter may call somebody: it is free, and there are
// fewer people on the floor than it takes.
func (d *dayState) admit(desk string) error {
	for _, t := range d.tickets {
		if t.Desk == desk && (t.State == Called || t.State == Serving) {
			return ErrDeskBusy.With("number", t.Number)
		}
	}
	if onFloor(d.tickets) >= d.floor {
		return ErrFloor
	}
	return nil
}

// CallNext calls whoever is next to a counter.
func (s *Service) CallNext(ctx context.Context, centre, pool, desk string, a audit.Actor) (Ticket, error) {
	return s.callNext(ctx, centre, pool, desk, a, func(Ticket) bool { return true })
}

func (s *Service) callNext(ctx context.Context, centre, pool, desk string, a audit.Actor, serves func(Ticket) bool) (Ticket, error) {
	var out Ticket
	err := s.queueTask(ctx, centre, func(ctx context.Context, w *work, d *dayState) error {
		if err := d.admit(desk); err != nil {
			return err
		}
		l := lineOf(d.tickets, pool)
		l.only(d, serves)
		i := s.net.pick(l, w.now)
		if i < 0 {
			return ErrNobody
		}
		t, err := d.ticket(l.waiting[i].number)
		if err != nil {
			return err
		}
		was := t
		t.State, t.Desk, t.Called = Called, desk, w.now
		out = t
		if err := w.change(ctx, d, t); err != nil {
			return err
		}
		return w.event(ctx, d, &was, t, a)
	})
	return out, err
}

func (d *dayState) ticket(number int) (Ticket, error) {
	for _, t := range d.tickets {
		if t.Number == number {
			return t, nil
		}
	}
	return Ticket{}, ErrNoTicket
}

// Action is what a clerk does with a number.
type Action string

// The actions.
const (
	Recall   Action = "recall"   // call the same number once more
	Begin    Action = "begin"    // they are at the counter
	Finish   Action = "finish"   // served
	Park     Action = "park"     // not there, or fetching a paper; keeps the number
	CallThis Action = "call"     // a parked or waiting number, out of turn
	Miss     Action = "miss"     // called and never came
	Leave    Action = "leave"    // gave up
	Transfer Action = "transfer" // to who does another service; keeps the place by arrival
)

var allowed = map[Action][]TicketState{
	Recall: {Called}, Begin: {Called}, Finish: {Called, Serving}, Park: {Called, Serving},
	CallThis: {Parked, InQueue}, Miss: {Called, Parked}, Leave: {InQueue, Parked}, Transfer: {Called, Serving},
}

// Act does something with a number of today. service is where a transfer goes.
func (s *Service) Act(ctx context.Context, centre string, number int, action Action, desk, service string, a audit.Actor) (Ticket, error) {
	var out Ticket
	err := s.queueTask(ctx, centre, func(ctx context.Context, w *work, d *dayState) error {
		t, err := d.ticket(number)
		if err != nil {
			return err
		}
		if !slices.Contains(allowed[action], t.State) {
			return ErrState.With("state", t.State.String())
		}
		was := t
		switch action {
		case Recall:
			t.Recalls++
		case Begin:
			t.State, t.Started = Serving, w.now
		case Finish:
			t.State, t.Ended = Served, w.now
			if t.Started.IsZero() {
				t.Started = t.Called
			}
		case Park:
			t.State, t.Desk = Parked, ""
		case CallThis:
			if err := d.admit(desk); err != nil {
				return err
			}
			t.State, t.Desk, t.Called = Called, desk, w.now
		case Miss:
			t.State, t.Ended = Missed, w.now
		case Leave:
			t.State, t.Ended = Left, w.now
		case Transfer:
			pool, ok := d.centre.PoolFor(service)
			if !ok {
				return ErrNoCentre
			}
			t.State, t.Desk, t.Pool, t.Service, t.Called, t.Started = InQueue, "", pool, service, time.Time{}, time.Time{}
		}
		out = t
		if err := w.change(ctx, d, t); err != nil {
			return err
		}
		t.Desk = cmp.Or(t.Desk, was.Desk, desk) // who did it can take it back
		return w.event(ctx, d, &was, t, a)
	})
	if err == nil && out.State == Served {
		s.learn(out)
	}
	return out, err
}

// undoWithin is how long a clerk may take something back.
const undoWithin = 5 * time.Minute

// Undo takes back the last thing a counter did, unless the number has moved on
// since.
func (s *Service) Undo(ctx context.Context, centre, desk string, a audit.Actor) (Ticket, error) {
	var out Ticket
	err := s.queueTask(ctx, centre, func(ctx context.Context, w *work, d *dayState) error {
		e, err := w.tx.LastEvent(ctx, d.row.DayKey, desk)
		if errors.Is(err, ErrNoRow) {
			return ErrNoUndo
		}
		if w.note(err) != nil {
			return err
		}
		t, err := d.ticket(e.Ticket)
		if err != nil {
			return err
		}
		if e.Was == "" || t.State != e.State || w.now.Sub(e.At) > undoWithin {
			return ErrNoUndo
		}
		var was Ticket
		if err := json.Unmarshal([]byte(e.Was), &was); err != nil {
			return w.note(err)
		}
		if was.State == Called || was.State == Serving {
			rest := slices.DeleteFunc(slices.Clone(d.tickets), func(x Ticket) bool { return x.Number == was.Number })
			if err := (&dayState{centre: d.centre, floor: d.floor, tickets: rest}).admit(was.Desk); err != nil {
				return err
			}
		}
		out = was
		if err := w.change(ctx, d, was); err != nil {
			return err
		}
		e.Undone = true
		return w.note(w.tx.UpdateEvent(ctx, e))
	})
	return out, err
}

// CloseDay marks the appointments of a day that is over and to which nobody
// came, and the numbers that were never called.
func (s *Service) CloseDay(ctx context.Context, centre string, day Day) (missed int, err error) {
	k := DayKey{s.net.ID, centre, day}
	err = s.run(ctx, &task{city: s.net.ID, days: []DayKey{k}, do: func(ctx context.Context, w *work) error {
		missed = 0
		d := w.days[k]
		if d == nil || w.now.Before((day + 1).Midnight(s.net.zone)) {
			return nil
		}
		if err := w.readTickets(ctx, d); err != nil {
			return err
		}
		for _, t := range slices.Clone(d.tickets) {
			if t.State >= Served {
				continue
			}
			was := t
			switch t.State {
			case Serving: // the clerk went home without a word
				t.State = Served
			case Called:
				t.State = Missed
			default:
				t.State = Left
			}
			t.Ended = (day + 1).Midnight(s.net.zone)
			if err := w.change(ctx, d, t); err != nil {
				return err
			}
			if err := w.event(ctx, d, &was, t, audit.System("booking")); err != nil {
				return err
			}
		}
		list, err := w.tx.DayVisits(ctx, k)
		if w.note(err) != nil {
			return err
		}
		for _, v := range list {
			if v.State != Booked {
				continue
			}
			v.State, v.DueAt, v.ChangedAt = NoShow, time.Time{}, w.now
			if err := w.update(ctx, v); err != nil {
				return err
			}
			missed++
		}
		return nil
	}})
	return missed, err
}

// openDays is how far back days are closed: a server that stood still over a
// long holiday catches up.
const openDays = 14

// Night is what is done once a day, after midnight: the days that are over are
// closed in every centre, the days ahead are planned as far as places are let out, and
// every counter is added up again. What does not add up is given back; there
// should be none.
func (s *Service) Night(ctx context.Context) ([]Wrong, error) {
	today := DayOf(s.cfg.Now(), s.net.zone)
	for i := range s.net.Centres {
		for d := today - openDays; d < today; d++ {
			if _, err := s.CloseDay(ctx, s.net.Centres[i].ID, d); err != nil {
				return nil, fmt.Errorf("close %s: %w", d, err)
			}
		}
	}
	ahead := s.net.Ahead()
	if err := s.Plan(ctx, today, ahead+1); err != nil {
		return nil, err
	}
	if s.net.Rules.OpenByForecast {
		if err := s.openByForecast(ctx, today); err != nil {
			return nil, err
		}
	}
	return s.Audit(ctx, today-1, ahead+2)
}

// Tickets are today's numbers of a centre, and the appointments that are still
// expected.
func (s *Service) Tickets(ctx context.Context, centre string) (ts []Ticket, due []Visit, err error) {
	k := s.today(centre, s.cfg.Now())
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		if ts, err = tx.Tickets(ctx, k); err != nil {
			return err
		}
		due, err = tx.DayVisits(ctx, k)
		return err
	})
	due = slices.DeleteFunc(due, func(v Visit) bool { return v.State != Booked })
	return ts, due, err
}
