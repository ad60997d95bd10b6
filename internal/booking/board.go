package booking

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// lapse is when the first held place of a day lapses, zero for none.
type lapse struct{ at time.Time }

// view is one centre's day as it was committed; it is never changed.
type view struct {
	key     DayKey
	centre  *Centre
	version int64
	cells   cells
	lapse   time.Time
	// unknown: nobody can say whether the newest change was committed, so the
	// view says neither yes nor no.
	unknown bool
}

// Board remembers how full every day is. It is replaced day by day after each
// commit, so reading it takes no lock and no database. It may say "no": a
// place that is taken, with no held one about to lapse, is not asked for. It
// never says "yes": that is the database's to say.
//
// Where several servers share a database, Refresh fetches what the others
// changed; until it has run, a place freed elsewhere is not seen here.
type Board struct {
	net  *Network
	days sync.Map // DayKey to *atomic.Pointer[view]
}

func newBoard(n *Network) *Board { return &Board{net: n} }

func (b *Board) put(d *dayState, lapse time.Time) {
	var list []Cell
	for _, col := range d.cells {
		for _, c := range col {
			if c != nil {
				k := *c
				k.dirty = false
				list = append(list, k)
			}
		}
	}
	cs := cellsOf(list)
	b.swap(&view{key: d.row.DayKey, centre: d.centre, version: d.row.Version, cells: cs, lapse: lapse})
}

// doubt marks a day whose change may or may not have been committed; what is
// committed next is believed again.
func (b *Board) doubt(k DayKey) {
	if v := b.view(k); v != nil {
		d := *v
		d.version++
		d.unknown = true
		b.swap(&d)
	}
}

// swap puts a view in the place of an older one.
func (b *Board) swap(v *view) {
	p, _ := b.days.LoadOrStore(v.key, &atomic.Pointer[view]{})
	at := p.(*atomic.Pointer[view])
	for {
		old := at.Load()
		if old != nil && old.version > v.version || at.CompareAndSwap(old, v) {
			return
		}
	}
}

func (b *Board) view(k DayKey) *view {
	p, ok := b.days.Load(k)
	if !ok {
		return nil
	}
	return p.(*atomic.Pointer[view]).Load()
}

// Refresh fetches the days of a span that changed since they were last seen.
func (b *Board) Refresh(ctx context.Context, store Store, from, to Day) error {
	return store.View(ctx, func(tx Tx) error {
		rows, err := tx.DayRows(ctx, b.net.ID, from, to)
		if err != nil {
			return fmt.Errorf("refresh board: %w", err)
		}
		for _, r := range rows {
			c := b.net.byID[r.Centre]
			if v := b.view(r.DayKey); c == nil || v != nil && (v.version > r.Version || v.version == r.Version && !v.unknown) {
				continue
			}
			list, err := tx.Cells(ctx, r.DayKey)
			if err != nil {
				return fmt.Errorf("refresh board: %w", err)
			}
			at, err := tx.NextLapse(ctx, r.DayKey)
			if err != nil && !errors.Is(err, ErrNoRow) {
				return fmt.Errorf("refresh board: %w", err)
			}
			b.swap(&view{key: r.DayKey, centre: c, version: r.Version, cells: cellsOf(list), lapse: at})
		}
		return nil
	})
}

// refuse is the board's "no": the fault of a place that cannot be had at a
// moment, or nil where the database must be asked.
func (b *Board) refuse(k DayKey, p Place, ch Channel, now time.Time) error {
	v := b.view(k)
	if v == nil || v.unknown || !v.lapse.IsZero() && !v.lapse.After(now) {
		return nil
	}
	err := v.cells.fit(p.Pool, p.Unit, p.Units, ch, b.net.Release(p.Day, p.Unit, now))
	if errors.Is(err, ErrFull) {
		return err
	}
	return nil
}

// Slot is a start time with how many places it has.
type Slot struct {
	Place Place
	Start time.Time
	Free  int
}

// Slots are the start times of a centre's day that a matter fits, as far as is
// remembered; version tags the answer.
func (b *Board) Slots(centre string, day Day, service string, matters int, ch Channel, now time.Time) (slots []Slot, version int64, err error) {
	c, ok := b.net.byID[centre]
	if !ok {
		return nil, 0, ErrNoCentre
	}
	pool, ok := c.PoolFor(service)
	if !ok {
		return nil, 0, ErrNoCentre
	}
	units, err := b.net.Units(service, matters)
	if err != nil {
		return nil, 0, err
	}
	v := b.view(DayKey{b.net.ID, centre, day})
	if v == nil {
		return nil, 0, nil
	}
	col, floor := v.cells[pool], v.cells[floorPool]
	for u := range col {
		start := b.net.Start(day, u)
		if col[u] == nil || !start.After(now) {
			continue
		}
		if free, err := fit(col, floor, u, units, ch, b.net.Release(day, u, now)); err == nil {
			slots = append(slots, Slot{Place{centre, pool, day, u, units}, start, free})
		}
	}
	return slots, v.version, nil
}

// Summary is a centre's day in one line of the grid.
type Summary struct {
	Centre string
	Day    Day
	Free   int       // starts still to be had, by units
	First  time.Time // the earliest, zero for none
}

// Grid is every centre's days from one on: how many places a matter still has
// and when the first is.
func (b *Board) Grid(service string, matters int, from Day, days int, ch Channel, now time.Time) ([]Summary, error) {
	units, err := b.net.Units(service, matters)
	if err != nil {
		return nil, err
	}
	out := make([]Summary, 0, len(b.net.Centres)*days)
	for i := range b.net.Centres {
		c := &b.net.Centres[i]
		pool, ok := c.PoolFor(service)
		if !ok {
			continue
		}
		for d := from; d < from+Day(days); d++ {
			s := Summary{Centre: c.ID, Day: d}
			if v := b.view(DayKey{b.net.ID, c.ID, d}); v != nil {
				s.Free, s.First = b.count(v, pool, units, ch, now)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

func (b *Board) count(v *view, pool string, units int, ch Channel, now time.Time) (n int, first time.Time) {
	col, floor := v.cells[pool], v.cells[floorPool]
	// From noon, since no office is open while clocks are changed, and in
	// durations, since a thousand days are counted for one page.
	noon := v.key.Day.At(12*60, b.net.zone)
	ago := now.Sub(noon)
	phone := time.Duration(b.net.Rules.PhoneReleaseHours) * time.Hour
	walk := time.Duration(b.net.Rules.WalkReleaseMinutes) * time.Minute
	rel := Release{Open: b.net.announced(v.key.Day, now)}
	for u := range col {
		start := time.Duration(u*b.net.Unit-12*60) * time.Minute
		if col[u] == nil || start <= ago {
			continue
		}
		rel.Phone, rel.Walk = ago < start-phone, ago < start-walk
		if free, err := fit(col, floor, u, units, ch, rel); err == nil {
			n += free
			if first.IsZero() {
				first = noon.Add(start)
			}
		}
	}
	return n, first
}

// Soonest is the first place a matter can have after a moment, over all
// centres or one; ok is false where none is known within the days.
func (b *Board) Soonest(service string, matters int, centre string, from Day, days int, ch Channel, now time.Time) (Slot, bool) {
	var best Slot
	for i := range b.net.Centres {
		c := &b.net.Centres[i]
		if centre != "" && c.ID != centre {
			continue
		}
		for d := from; d < from+Day(days); d++ {
			if !best.Start.IsZero() && best.Place.Day < d {
				break
			}
			slots, _, err := b.Slots(c.ID, d, service, matters, ch, now)
			if err != nil || len(slots) == 0 {
				continue
			}
			if best.Start.IsZero() || slots[0].Start.Before(best.Start) {
				best = slots[0]
			}
			break
		}
	}
	return best, !best.Start.IsZero()
}
