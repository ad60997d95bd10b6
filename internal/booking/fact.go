package booking

import (
	"context"
	"time"
)

// FactKind is a sort of thing that happened to a visit, a number or a day.
type FactKind string

// The kinds, as other systems are told of them.
const (
	FactBooked    FactKind = "visit.booked"
	FactMoved     FactKind = "visit.moved"
	FactCancelled FactKind = "visit.cancelled"
	FactArrived   FactKind = "visit.arrived" // also where the end of a visit was taken back
	FactDone      FactKind = "visit.done"
	FactNoShow    FactKind = "visit.no_show"
	FactCalled    FactKind = "ticket.called"
	FactFull      FactKind = "day.full" // the last place of a centre's day was taken
)

// FactKinds are all of them.
func FactKinds() []FactKind {
	return []FactKind{FactBooked, FactMoved, FactCancelled, FactArrived, FactDone, FactNoShow, FactCalled, FactFull}
}

// Fact is one thing that happened. Which of its parts are set goes by its kind.
type Fact struct {
	Kind FactKind
	DayKey
	At     time.Time
	Visit  Visit  // of visit.*
	From   Place  // where it was, of visit.moved
	Ticket Ticket // of ticket.called
}

// Note is called with everything a transaction has done, in that order, before
// it commits, and writes through the same transaction: what it writes stands
// exactly where the deed does. It may be called more than once for one deed.
type Note func(ctx context.Context, tx Tx, facts []Fact) error

// changed notes what becomes of a visit by a write; was is the visit before,
// without an id where nobody read it.
func (w *work) changed(was, v Visit) {
	if w.s.cfg.Note == nil {
		return
	}
	f := Fact{DayKey: v.day(), At: w.now, Visit: v}
	switch {
	case was.State == v.State && v.State == Booked && was.Place != v.Place:
		f.Kind, f.From = FactMoved, was.Place
	case was.State == v.State:
		return
	case v.State == Booked && was.State == Arrived:
		return // an arrival pressed by mistake: they are expected, as before
	case v.State == Booked:
		f.Kind = FactBooked
	case v.State == Cancelled && was.State == Booked:
		f.Kind = FactCancelled
	case v.State == Arrived:
		f.Kind = FactArrived
	case v.State == Done:
		f.Kind = FactDone
	case v.State == NoShow:
		f.Kind = FactNoShow
	default:
		return // of places that were only held nobody is told
	}
	w.facts = append(w.facts, f)
}

// called notes that somebody was called to a counter.
func (w *work) called(was, t Ticket) {
	if w.s.cfg.Note != nil && t.State == Called && (was.State == InQueue || was.State == Parked) {
		w.facts = append(w.facts, Fact{Kind: FactCalled, DayKey: t.DayKey, At: w.now, Ticket: t})
	}
}

// filled notes that a day has become full.
func (w *work) filled(d *dayState) {
	if w.s.cfg.Note != nil && d.room && !w.s.room(d, w.now) {
		w.facts = append(w.facts, Fact{Kind: FactFull, DayKey: d.row.DayKey, At: w.now})
	}
}

// room tells whether a day has a place left to come, for any channel.
func (s *Service) room(d *dayState, now time.Time) bool {
	floor := d.cells[floorPool]
	for pool, col := range d.cells {
		if pool == floorPool {
			continue
		}
		for u, c := range col {
			f := floor.at(u)
			if c != nil && f != nil && c.room() > 0 && f.room() > 0 && s.net.Start(d.row.Day, u).After(now) {
				return true
			}
		}
	}
	return false
}
