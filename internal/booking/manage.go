package booking

import (
	"context"
	"errors"
	"fmt"

	"turnike/internal/audit"
	"turnike/internal/person"
)

// Plan opens a span of days for booking, or brings them in line with the file
// and its exceptions, and fills the board. Nobody loses a place by it.
func (s *Service) Plan(ctx context.Context, from Day, days int) error {
	var ch changes
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		ch, err = readChanges(ctx, tx, s.net.ID, from, from+Day(days)-1)
		return err
	})
	if err != nil {
		return fmt.Errorf("read changes: %w", err)
	}
	for d := from; d < from+Day(days); d++ {
		var keys []DayKey
		for i := range s.net.Centres {
			keys = append(keys, DayKey{s.net.ID, s.net.Centres[i].ID, d})
		}
		err := s.run(ctx, &task{city: s.net.ID, days: keys, do: func(ctx context.Context, w *work) error {
			for _, k := range keys {
				if err := w.replan(ctx, k, ch); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			return fmt.Errorf("plan %s: %w", d, err)
		}
	}
	return s.board.Refresh(ctx, s.cfg.Store, from, from+Day(days)-1)
}

// replan brings one centre's day in line with its plan.
func (w *work) replan(ctx context.Context, k DayKey, ch changes) error {
	c := w.s.net.byID[k.Centre]
	if c == nil {
		return nil
	}
	plan := w.s.net.Plan(c, k.Day, ch.ex, ch.revs...)
	d := w.days[k]
	if d == nil {
		if len(plan) == 0 {
			return nil // a day on which nothing is open has no rows
		}
		row := DayRow{DayKey: k}
		ok, err := w.tx.InsertDay(ctx, row)
		if w.note(err) != nil {
			return err
		}
		if ok {
			d = &dayState{row: row, was: row, centre: c, cells: cells{}, fresh: true}
			w.days[k] = d
		} else {
			if err := w.lock(ctx, []DayKey{k}); err != nil {
				return err
			}
			if d = w.days[k]; d == nil {
				return fmt.Errorf("plan day: it is there and is not")
			}
		}
	}
	planned := map[PlanCell]bool{}
	for _, p := range plan {
		planned[PlanCell{Pool: p.Pool, Unit: p.Unit}] = true
		if cell := d.cells[p.Pool].at(p.Unit); cell != nil {
			cell.replan(p)
			continue
		}
		d.cells.add(&Cell{Pool: p.Pool, Unit: p.Unit, Plan: p.Places, Cap: p.Places, Phone: p.Phone, Walk: p.Walk, dirty: true})
	}
	d.cells.each(func(cell *Cell) {
		if !planned[PlanCell{Pool: cell.Pool, Unit: cell.Unit}] {
			cell.replan(PlanCell{})
		}
	})
	return nil
}

// Overfull is a cell with more people booked than it has counters: the
// manager's list of whom to move, with their consent.
type Overfull struct {
	DayKey
	Cell   Cell
	Visits []Visit
}

// Except changes a day's plan. Where people are booked whom the new plan has
// no counter for, it does nothing and answers with them and ErrOverfull,
// unless anyway is set; even then nobody's booking is cancelled.
func (s *Service) Except(ctx context.Context, e Exception, anyway bool, a audit.Actor) ([]Overfull, error) {
	var over []Overfull
	var keys []DayKey
	for i := range s.net.Centres {
		if id := s.net.Centres[i].ID; e.Centre == "" || e.Centre == id {
			keys = append(keys, DayKey{s.net.ID, id, e.Day})
		}
	}
	if len(keys) == 0 {
		return nil, ErrNoCentre
	}
	err := s.run(ctx, &task{city: s.net.ID, days: keys, do: func(ctx context.Context, w *work) error {
		over = nil
		e.City, e.ID, e.At = s.net.ID, newID(w.now), w.now
		ch, err := readChanges(ctx, w.tx, e.City, e.Day, e.Day)
		if w.note(err) != nil {
			return err
		}
		ch.ex = append(ch.ex, e)
		for _, k := range keys {
			found, err := w.overfull(ctx, k, ch)
			if err != nil {
				return err
			}
			over = append(over, found...)
		}
		if len(over) > 0 && !anyway {
			return ErrOverfull
		}
		if err := w.note(w.tx.PutException(ctx, e)); err != nil {
			return err
		}
		for _, k := range keys {
			if err := w.replan(ctx, k, ch); err != nil {
				return err
			}
		}
		return w.note(w.tx.Audit(ctx, audit.Entry{ID: newID(w.now), City: e.City, At: w.now, Actor: a,
			Action: "plan.except", Object: e.ID, Result: "ok"}))
	}})
	return over, err
}

// overfull finds what a plan would have no counter for.
func (w *work) overfull(ctx context.Context, k DayKey, ch changes) ([]Overfull, error) {
	d := w.days[k]
	if d == nil {
		return nil, nil
	}
	places := map[PlanCell]int{}
	for _, p := range w.s.net.Plan(d.centre, k.Day, ch.ex, ch.revs...) {
		places[PlanCell{Pool: p.Pool, Unit: p.Unit}] = p.Places
	}
	var visits []Visit
	var out []Overfull
	var err error
	d.cells.each(func(c *Cell) {
		left := places[PlanCell{Pool: c.Pool, Unit: c.Unit}]
		if c.Used <= left || left >= c.Plan || err != nil {
			return
		}
		if visits == nil {
			if visits, err = w.tx.DayVisits(ctx, k); w.note(err) != nil {
				return
			}
		}
		o := Overfull{DayKey: k, Cell: *c}
		o.Cell.Plan = left
		for _, v := range visits {
			if v.State.Open() && (c.Pool == floorPool || v.Place.Pool == c.Pool) && v.Place.Unit <= c.Unit && c.Unit < v.Place.Unit+v.Place.Units {
				o.Visits = append(o.Visits, v)
			}
		}
		out = append(out, o)
	})
	return out, err
}

// Visit reads one.
func (s *Service) Visit(ctx context.Context, id string) (v Visit, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		v, err = tx.Visit(ctx, s.net.ID, id)
		return err
	})
	if errors.Is(err, ErrNoRow) || err == nil && v.State == Resting {
		return Visit{}, ErrNoVisit
	}
	return v, err
}

func (s *Service) byKey(ctx context.Context, key string) (v Visit, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		v, err = tx.VisitByKey(ctx, s.net.ID, key)
		return err
	})
	return v, err
}

// ByCode finds an open visit by the digits read aloud.
func (s *Service) ByCode(ctx context.Context, c Code) (v Visit, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		v, err = tx.VisitByCode(ctx, s.net.ID, c)
		return err
	})
	if errors.Is(err, ErrNoRow) || err == nil && v.State == Resting {
		return Visit{}, ErrNoVisit
	}
	return v, err
}

// ByPhone are the newest visits of a phone number, for an agent on the line
// with it.
func (s *Service) ByPhone(ctx context.Context, phone person.Tag) (vs []Visit, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		vs, err = tx.VisitsByPhone(ctx, s.net.ID, phone)
		return err
	})
	return vs, err
}

// OnDay is a centre's list for a day.
func (s *Service) OnDay(ctx context.Context, centre string, day Day) (vs []Visit, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		vs, err = tx.DayVisits(ctx, DayKey{s.net.ID, centre, day})
		return err
	})
	return vs, err
}

// Wrong is a cell whose count is not what its visits add up to.
type Wrong struct {
	DayKey
	Cell Cell
	Want int
}

// Audit adds up the visits of a span of days and compares them with the
// counters: the nightly check that no place was lost or sold twice.
func (s *Service) Audit(ctx context.Context, from Day, days int) ([]Wrong, error) {
	var wrong []Wrong
	err := s.cfg.Store.View(ctx, func(tx Tx) error {
		rows, err := tx.DayRows(ctx, s.net.ID, from, from+Day(days)-1)
		if err != nil {
			return err
		}
		for _, r := range rows {
			cells, err := tx.Cells(ctx, r.DayKey)
			if err != nil {
				return err
			}
			places, err := tx.CountedVisits(ctx, r.DayKey)
			if err != nil {
				return err
			}
			want := map[PlanCell]int{}
			for _, p := range places {
				for u := p.Unit; u < p.Unit+p.Units; u++ {
					want[PlanCell{Pool: p.Pool, Unit: u}]++
					want[PlanCell{Pool: floorPool, Unit: u}]++
				}
			}
			for _, c := range cells {
				if n := want[PlanCell{Pool: c.Pool, Unit: c.Unit}]; n != c.Used || c.Used > c.Cap {
					wrong = append(wrong, Wrong{r.DayKey, c, n})
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("audit places: %w", err)
	}
	return wrong, nil
}
