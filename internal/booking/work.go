package booking

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/audit"
	"turnike/internal/person"
)

// dayState is a centre's day while a transaction holds it.
type dayState struct {
	row     DayRow
	was     DayRow
	centre  *Centre
	cells   cells
	fresh   bool // not in the database yet
	tickets []Ticket
	read    bool // tickets are, and floor
	floor   int  // people it takes at once
	room    bool // there was a place left when the day was locked
}

// work is one transaction of a lane: the days it holds, and what has been
// read. A task decides first and changes after, so that one that fails leaves
// nothing behind.
type work struct {
	tx   Tx
	s    *Service
	now  time.Time
	days map[DayKey]*dayState
	// visits are those read and locked already, as they stand by now.
	visits map[string]Visit
	// nobody is the largest place of a pool's day that nobody waits for.
	nobody map[poolDay]int
	facts  []Fact // what was done so far
	// bad is the first error that was the database's, after which nothing of
	// the transaction is of use.
	bad error
}

type poolDay struct {
	DayKey
	pool string
}

// note keeps an error of the database in mind.
func (w *work) note(err error) error {
	if err != nil && w.bad == nil && !errors.Is(err, ErrNoRow) {
		w.bad = err
	}
	return err
}

// lock takes days in the order of their keys and takes back what has lapsed on
// them. Days that were never planned are left out.
func (w *work) lock(ctx context.Context, keys []DayKey) error {
	slices.SortFunc(keys, DayKey.compare)
	keys = slices.Compact(keys)
	for _, k := range keys {
		c, ok := w.s.net.byID[k.Centre]
		if !ok || w.days[k] != nil {
			continue
		}
		row, err := w.tx.LockDay(ctx, k)
		if errors.Is(err, ErrNoRow) {
			continue
		}
		if w.note(err) != nil {
			return err
		}
		list, err := w.tx.Cells(ctx, k)
		if w.note(err) != nil {
			return err
		}
		d := &dayState{row: row, was: row, centre: c, cells: cellsOf(list)}
		d.room = w.s.cfg.Note != nil && w.s.room(d, w.now)
		w.days[k] = d
	}
	for _, k := range keys {
		if d := w.days[k]; d != nil {
			if err := w.reclaim(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// reclaim ends the held places of a day whose time is over, and offers them to
// those who wait.
func (w *work) reclaim(ctx context.Context, d *dayState) error {
	first, err := w.tx.NextLapse(ctx, d.row.DayKey)
	if errors.Is(err, ErrNoRow) {
		return nil
	}
	if w.note(err) != nil {
		return err
	}
	if first.After(w.now) {
		return nil
	}
	lapsed, err := w.tx.LapsedVisits(ctx, d.row.DayKey, w.now)
	if w.note(err) != nil {
		return err
	}
	if err := w.note(w.tx.ExpireVisits(ctx, d.row.DayKey, w.now)); err != nil {
		return err
	}
	for _, v := range lapsed {
		d.cells.take(v.Place.Pool, v.Place.Unit, v.Place.Units, w.countedAs(v), -1)
		delete(w.visits, v.ID)
		if v.Wait != "" {
			if err := w.passOver(ctx, v); err != nil {
				return err
			}
		}
		if _, err := w.offer(ctx, d, v.Place, v.Wait); err != nil {
			return err
		}
	}
	return nil
}

// countedAs is the channel whose quota a visit draws on: a place that rests
// draws on none.
func (w *work) countedAs(v Visit) Channel {
	if v.Holder.IsZero() && v.State == Resting {
		return Web
	}
	return v.Channel
}

// put inserts a visit and counts it in; the error says which rule stood in the
// way. Nothing is counted unless the row stands.
func (w *work) put(ctx context.Context, d *dayState, v *Visit) error {
	if _, calm := w.s.net.calm(v.Place.Day, w.now); calm && v.Channel.class() == openClass && !v.Holder.IsZero() {
		var err error
		if v.Slot, err = w.slot(ctx, *v); err != nil {
			return err
		}
	}
	for range 4 {
		v.Code = Code(w.s.cfg.Rand(codes))
		ok, err := w.tx.InsertVisit(ctx, *v)
		if w.note(err) != nil {
			return err
		}
		if ok {
			d.cells.take(v.Place.Pool, v.Place.Unit, v.Place.Units, w.countedAs(*v), 1)
			w.changed(Visit{}, *v)
			return nil
		}
		if v.Key != "" {
			if _, err := w.tx.VisitByKey(ctx, v.City, v.Key); err == nil {
				return ErrKeyReused
			} else if !errors.Is(err, ErrNoRow) {
				return w.note(err)
			}
		}
		if v.Slot, err = w.slot(ctx, *v); err != nil {
			return err
		}
		// Otherwise the code is somebody's; another is drawn.
	}
	return ErrFull
}

// slot is the lowest free of a holder's slots, for a visit that is not theirs
// yet.
func (w *work) slot(ctx context.Context, v Visit) (int, error) {
	if v.Holder.IsZero() {
		return 0, nil
	}
	open, err := w.tx.OpenVisits(ctx, v.City, v.Holder)
	if w.note(err) != nil {
		return 0, err
	}
	taken := map[int]bool{}
	for _, o := range open {
		if o.ID == v.ID {
			continue
		}
		if o.Place.Centre == v.Place.Centre && o.Service == v.Service {
			return 0, ErrTwice
		}
		taken[o.Slot] = true
	}
	if until, calm := w.s.net.calm(v.Place.Day, w.now); calm && len(taken) > 0 && v.Channel.class() == openClass {
		return 0, ErrCalm.With("at", Clock(minuteOf(until.In(w.s.net.zone)))).After(until.Sub(w.now))
	}
	for s := 1; s <= w.s.net.Rules.MaxOpen; s++ {
		if !taken[s] {
			return s, nil
		}
	}
	return 0, ErrMany.With("most", w.s.net.Rules.MaxOpen)
}

// freed gives a place back: to the next on the waiting list, or after a rest
// to everybody.
func (w *work) freed(ctx context.Context, d *dayState, p Place) error {
	start, _ := w.s.net.StartOf(p)
	if !start.After(w.now) {
		return nil
	}
	offered, err := w.offer(ctx, d, p, "")
	if err != nil {
		return err
	}
	p.Unit, p.Units = p.Unit+offered, p.Units-offered
	// The nearer the hour, the shorter the rest: a place must not rest unused.
	most := min(time.Duration(w.s.net.Rules.RestMinutes)*time.Minute, start.Sub(w.now)/8)
	if p.Units == 0 || most < time.Minute || d.cells.fit(p.Pool, p.Unit, p.Units, Desk, Release{Open: 100}) != nil {
		return nil
	}
	rest := most/8 + time.Duration(w.s.cfg.Rand(uint64(most*7/8)))
	v := Visit{City: d.row.City, ID: newID(w.now), Place: p, State: Resting, HoldUntil: w.now.Add(rest), Channel: Web,
		CreatedAt: w.now, ChangedAt: w.now}
	return w.put(ctx, d, &v)
}

// audit writes who did what to a visit.
func (w *work) audit(ctx context.Context, a audit.Actor, action string, v Visit) error {
	return w.note(w.tx.Audit(ctx, audit.Entry{ID: newID(w.now), City: v.City, At: w.now, Actor: a, Action: action,
		Subject: v.Holder, Object: v.ID, Result: "ok"}))
}

// tell puts the message of an event into the outbox.
func (w *work) tell(ctx context.Context, n Notice, v Visit) error {
	if w.s.cfg.Tell == nil {
		return nil
	}
	ms, err := w.s.cfg.Tell(n, v, w.now)
	if w.note(err) != nil {
		return err
	}
	for _, m := range ms {
		if err := w.note(w.tx.Enqueue(ctx, m)); err != nil {
			return err
		}
	}
	return nil
}

// flush writes the counters that changed.
func (w *work) flush(ctx context.Context) error {
	keys := make([]DayKey, 0, len(w.days))
	for k := range w.days {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, DayKey.compare)
	for _, k := range keys {
		d := w.days[k]
		changed := d.fresh
		var err error
		d.cells.each(func(c *Cell) {
			if c.dirty && err == nil {
				err = w.tx.PutCell(ctx, k, *c)
				changed = true
			}
		})
		if err != nil {
			return err
		}
		if changed {
			d.row.Version++
			w.filled(d)
		}
		if d.row != d.was || d.fresh {
			if err := w.tx.PutDay(ctx, d.row); err != nil {
				return err
			}
		}
	}
	return nil
}

// read reads a visit, and locks it, once.
func (w *work) read(ctx context.Context, city, id string) (Visit, error) {
	if v, ok := w.visits[id]; ok {
		return v, nil
	}
	v, err := w.tx.Visit(ctx, city, id)
	if w.note(err) == nil {
		w.visits[id] = v
	}
	return v, err
}

// update writes a visit that was read.
func (w *work) update(ctx context.Context, v Visit) error {
	was := w.visits[v.ID]
	w.visits[v.ID] = v
	if err := w.note(w.tx.UpdateVisit(ctx, v)); err != nil {
		return err
	}
	w.changed(was, v)
	return nil
}

// visit reads a visit that may be changed; it is somebody's or it is nobody's
// business.
func (w *work) visit(ctx context.Context, city, id string) (Visit, error) {
	v, err := w.read(ctx, city, id)
	if errors.Is(err, ErrNoRow) || err == nil && v.State == Resting {
		return Visit{}, ErrNoVisit
	}
	return v, err
}

// newID makes an id that sorts by the moment it is made.
func newID(at time.Time) string {
	u, err := uuid.NewV7AtTime(at)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return u.String()
}

// same tells whether two requests under one key ask for the same.
func same(v Visit, p Place, service string, matters int, holder person.Tag) bool {
	return v.Place.Centre == p.Centre && v.Place.Day == p.Day && v.Place.Unit == p.Unit && v.Service == service &&
		v.Matters == matters && v.Holder == holder
}
