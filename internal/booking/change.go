package booking

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"turnike/internal/audit"
)

// changes are what stands over the file for some days.
type changes struct {
	ex   []Exception
	revs []Revision
}

func readChanges(ctx context.Context, tx Tx, city string, from, to Day) (ch changes, err error) {
	if ch.ex, err = tx.Exceptions(ctx, city, from, to); err != nil {
		return ch, err
	}
	ch.revs, err = tx.PlanRevisions(ctx, city, from, to)
	return ch, err
}

// Change is what a manager means to do to the days to come.
type Change struct {
	Exceptions []Exception
	Revisions  []Revision
	Undo       []string // ids of exceptions and revisions to take back
}

// Effect is what a change comes to on the days that are open for booking. Days
// further ahead have nobody booked on them.
type Effect struct {
	// More and Fewer are places that come and go, a place being one counter
	// for one unit.
	More, Fewer int
	Over        []Overfull // cells with more people booked than they will take, by day and unit
	// Seen tells two effects apart by whom they hit and what they come on top
	// of: what a manager was shown is what is done, and done once.
	Seen string
}

// Hit are the people booked in overfull cells, by their hour.
func (e *Effect) Hit() []Visit {
	seen := map[string]bool{}
	var vs []Visit
	for _, o := range e.Over {
		for _, v := range o.Visits {
			if v.State == Booked && !seen[v.ID] {
				seen[v.ID] = true
				vs = append(vs, v)
			}
		}
	}
	slices.SortFunc(vs, func(a, b Visit) int {
		return cmp.Or(cmp.Compare(a.Place.Day, b.Place.Day), cmp.Compare(a.Place.Unit, b.Place.Unit), cmp.Compare(a.ID, b.ID))
	})
	return vs
}

// ToMove are the fewest of those hit who would have to move, and among them
// those who booked last: who came first keeps the hour.
func (e *Effect) ToMove() []Visit {
	moved := map[string]bool{}
	var out []Visit
	for _, o := range e.Over {
		left := o.Cell.Used - o.Cell.Plan
		var can []Visit
		for _, v := range o.Visits {
			if moved[v.ID] {
				left--
			} else if v.State == Booked {
				can = append(can, v)
			}
		}
		slices.SortFunc(can, func(a, b Visit) int { return cmp.Compare(b.ID, a.ID) })
		for _, v := range can[:min(max(left, 0), len(can))] {
			moved[v.ID] = true
			out = append(out, v)
		}
	}
	return out
}

// Changed are the exceptions and revisions of a centre, or of all for an empty
// id, from a day on.
func (s *Service) Changed(ctx context.Context, centre string, from Day) (ex []Exception, revs []Revision, err error) {
	var ch changes
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		ch, err = readChanges(ctx, tx, s.net.ID, from, NoEnd)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read changes: %w", err)
	}
	ex = slices.DeleteFunc(ch.ex, func(e Exception) bool { return centre != "" && e.Centre != "" && e.Centre != centre })
	revs = slices.DeleteFunc(ch.revs, func(r Revision) bool { return centre != "" && r.Centre != centre })
	return ex, revs, nil
}

// PlanOn is a centre's day as it stands, with all changes.
func (s *Service) PlanOn(ctx context.Context, centre string, day Day) ([]PlanCell, error) {
	c, ok := s.net.byID[centre]
	if !ok {
		return nil, ErrNoCentre
	}
	var ch changes
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		ch, err = readChanges(ctx, tx, s.net.ID, day, day)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	return s.net.Plan(c, day, ch.ex, ch.revs...), nil
}

// touches tells whether a change may alter a centre's day.
func (c *Change) touches(centre string, day Day) bool {
	return slices.ContainsFunc(c.Exceptions, func(e Exception) bool { return e.Day == day && (e.Centre == "" || e.Centre == centre) }) ||
		slices.ContainsFunc(c.Revisions, func(r Revision) bool { return r.Centre == centre && r.Since <= day && day <= r.Until })
}

// check refuses what has no sense, and gives back the days and centres the
// change touches among those that are open for booking.
func (s *Service) check(c *Change, today Day) ([]DayKey, error) {
	for i := range c.Exceptions {
		e := &c.Exceptions[i]
		if _, ok := s.net.byID[e.Centre]; !ok && e.Centre != "" {
			return nil, ErrNoCentre
		}
		if e.Day < today || e.From >= e.To || e.From < 0 || e.To > 24*60 {
			return nil, ErrSpan
		}
		e.City = s.net.ID
	}
	for i := range c.Revisions {
		r := &c.Revisions[i]
		at, ok := s.net.byID[r.Centre]
		if !ok || r.Kind != Flooring && at.DesksOf(r.Pool) == 0 {
			return nil, ErrNoCentre
		}
		if r.Until < r.Since || r.Until < today {
			return nil, ErrSpan
		}
		if r.Kind == Flooring && !r.Base && (r.Floor < 1 || r.Floor > 10*at.Desks) {
			return nil, ErrFloorRange.With("Most", 10*at.Desks)
		}
		r.City = s.net.ID
	}
	var keys []DayKey
	for d := today; d <= today+Day(s.net.Ahead()); d++ {
		for i := range s.net.Centres {
			if id := s.net.Centres[i].ID; c.touches(id, d) {
				keys = append(keys, DayKey{s.net.ID, id, d})
			}
		}
	}
	return keys, nil
}

// undone adds to a change's touch what it takes back, found among what stands.
func (c *Change) undone(ch changes) Change {
	all := *c
	for _, e := range ch.ex {
		if slices.Contains(c.Undo, e.ID) {
			all.Exceptions = append(slices.Clone(all.Exceptions), e)
		}
	}
	for _, r := range ch.revs {
		if slices.Contains(c.Undo, r.ID) {
			all.Revisions = append(slices.Clone(all.Revisions), r)
		}
	}
	return all
}

// over is what stands once the change is made; new ones act on what was there.
func (c *Change) over(ch changes) changes {
	gone := func(id string) bool { return slices.Contains(c.Undo, id) }
	return changes{
		ex:   append(slices.DeleteFunc(slices.Clone(ch.ex), func(e Exception) bool { return gone(e.ID) }), c.Exceptions...),
		revs: append(slices.DeleteFunc(slices.Clone(ch.revs), func(r Revision) bool { return gone(r.ID) }), c.Revisions...),
	}
}

// name gives what is new its id, so that it comes after what is there.
func (c *Change) name(w *work, a audit.Actor) {
	for i := range c.Exceptions {
		e := &c.Exceptions[i]
		e.ID, e.At, e.Actor = newID(w.now), w.now, a.Ref
	}
	for i := range c.Revisions {
		r := &c.Revisions[i]
		r.ID, r.At, r.Actor = newID(w.now), w.now, a.Ref
	}
}

// keysOf are the days a change touches, those of what it takes back too.
func (s *Service) keysOf(ctx context.Context, tx Tx, c *Change) ([]DayKey, changes, error) {
	today := DayOf(s.cfg.Now(), s.net.zone)
	ch, err := readChanges(ctx, tx, s.net.ID, today, NoEnd)
	if err != nil {
		return nil, ch, err
	}
	if _, err := s.check(c, today); err != nil {
		return nil, ch, err
	}
	all := c.undone(ch)
	keys, err := s.check(&all, today)
	return keys, ch, err
}

// effect is what a change comes to on days that are held or only looked at.
func (w *work) effect(ctx context.Context, c *Change, keys []DayKey, was, will changes) (Effect, error) {
	var e Effect
	for _, k := range keys {
		c := w.s.net.byID[k.Centre]
		old := map[PlanCell]int{}
		for _, p := range w.s.net.Plan(c, k.Day, was.ex, was.revs...) {
			old[PlanCell{Pool: p.Pool, Unit: p.Unit}] = p.Places
		}
		for _, p := range w.s.net.Plan(c, k.Day, will.ex, will.revs...) {
			at := PlanCell{Pool: p.Pool, Unit: p.Unit}
			if p.Pool != floorPool {
				e.More += max(0, p.Places-old[at])
				e.Fewer += max(0, old[at]-p.Places)
			}
			delete(old, at)
		}
		for at, n := range old {
			if at.Pool != floorPool {
				e.Fewer += n
			}
		}
		over, err := w.overfull(ctx, k, will)
		if err != nil {
			return e, err
		}
		e.Over = append(e.Over, over...)
	}
	slices.SortStableFunc(e.Over, func(a, b Overfull) int {
		return cmp.Or(a.DayKey.compare(b.DayKey), cmp.Compare(a.Cell.Unit, b.Cell.Unit), cmp.Compare(a.Cell.Pool, b.Cell.Pool))
	})
	h := sha256.New()
	c.stands(h, was)
	for _, v := range e.Hit() {
		fmt.Fprintln(h, v.ID)
	}
	e.Seen = hex.EncodeToString(h.Sum(nil)[:8])
	return e, nil
}

// stands writes down which changes there are already beside this one: a form
// that is sent twice finds another state the second time.
func (c *Change) stands(to io.Writer, was changes) {
	about := func(centre string, day Day) bool {
		return slices.ContainsFunc(c.Exceptions, func(e Exception) bool {
			return e.Day == day && (e.Centre == centre || e.Centre == "" || centre == "")
		})
	}
	for _, e := range was.ex {
		if about(e.Centre, e.Day) || slices.Contains(c.Undo, e.ID) {
			fmt.Fprintln(to, e.ID)
		}
	}
	for _, r := range was.revs {
		if slices.Contains(c.Undo, r.ID) || slices.ContainsFunc(c.Revisions, func(n Revision) bool { return n.Centre == r.Centre && n.Kind == r.Kind }) {
			fmt.Fprintln(to, r.ID)
		}
	}
}

// Preview tells what a change would do, and does nothing.
func (s *Service) Preview(ctx context.Context, c Change) (Effect, error) {
	var e Effect
	err := s.cfg.Store.View(ctx, func(tx Tx) error {
		w := &work{tx: tx, s: s, now: s.cfg.Now(), days: map[DayKey]*dayState{}}
		keys, ch, err := s.keysOf(ctx, tx, &c)
		if err != nil {
			return err
		}
		rows, err := tx.DayRows(ctx, s.net.ID, DayOf(w.now, s.net.zone), DayOf(w.now, s.net.zone)+Day(s.net.Ahead()))
		if err != nil {
			return err
		}
		for _, r := range rows {
			if !slices.Contains(keys, r.DayKey) {
				continue
			}
			list, err := tx.Cells(ctx, r.DayKey)
			if err != nil {
				return err
			}
			w.days[r.DayKey] = &dayState{row: r, was: r, centre: s.net.byID[r.Centre], cells: cellsOf(list)}
		}
		c.name(w, audit.System("preview"))
		e, err = w.effect(ctx, &c, keys, ch, c.over(ch))
		return err
	})
	if err != nil {
		return Effect{}, fmt.Errorf("preview change: %w", err)
	}
	return e, nil
}

// Apply makes a change whose effect somebody has seen. Where it would by now
// hit other people than it did, nothing is done and the new effect comes back
// with ErrMeanwhile. Nobody's booking is cancelled by it: AskMoves asks those
// it hits.
func (s *Service) Apply(ctx context.Context, c Change, seen string, a audit.Actor) (Effect, error) {
	var e Effect
	var keys []DayKey
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		keys, _, err = s.keysOf(ctx, tx, &c)
		return err
	})
	if err != nil {
		return Effect{}, fmt.Errorf("apply change: %w", err)
	}
	err = s.run(ctx, &task{city: s.net.ID, days: keys, do: func(ctx context.Context, w *work) error {
		_, ch, err := s.keysOf(ctx, w.tx, &c)
		if err != nil {
			return w.note(err)
		}
		c.name(w, a)
		will := c.over(ch)
		if e, err = w.effect(ctx, &c, keys, ch, will); err != nil {
			return err
		}
		if e.Seen != seen {
			return ErrMeanwhile
		}
		if err := w.record(ctx, c, ch, a); err != nil {
			return err
		}
		for _, k := range keys {
			if err := w.replan(ctx, k, will); err != nil {
				return err
			}
		}
		return nil
	}})
	return e, err
}

// record writes a change down, with who made it and why.
func (w *work) record(ctx context.Context, c Change, was changes, a audit.Actor) error {
	city := w.s.net.ID
	say := func(action, object, why string) error {
		return w.note(w.tx.Audit(ctx, audit.Entry{ID: newID(w.now), City: city, At: w.now, Actor: a, Action: action,
			Object: object, Purpose: why, Result: "ok"}))
	}
	for _, x := range c.Exceptions {
		if err := w.note(w.tx.PutException(ctx, x)); err != nil {
			return err
		}
		if err := say("plan.except", x.ID, x.Why); err != nil {
			return err
		}
	}
	for _, r := range c.Revisions {
		if err := w.note(w.tx.PutPlanRevision(ctx, r)); err != nil {
			return err
		}
		if err := say("plan.revise", r.ID, r.Why); err != nil {
			return err
		}
	}
	for _, id := range c.Undo {
		drop := w.tx.DropPlanRevision
		switch {
		case slices.ContainsFunc(was.ex, func(e Exception) bool { return e.ID == id }):
			drop = w.tx.DropException
		case !slices.ContainsFunc(was.revs, func(r Revision) bool { return r.ID == id }):
			continue // taken back already
		}
		if err := w.note(drop(ctx, city, id)); err != nil {
			return err
		}
		if err := say("plan.undo", id, ""); err != nil {
			return err
		}
	}
	return nil
}
