package booking

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// Walking is the channel under which figures count who came without an
// appointment.
const Walking Channel = "walk"

// Outcome is what became of somebody's visit, as figures tell it.
type Outcome uint8

// The outcomes.
const (
	Coming    Outcome = iota // the day is not over
	Came                     // served, or at least there
	Stayed                   // had an appointment and did not come
	GaveUp                   // cancelled, or left without being called
	Elsewhere                // a state that counts nowhere
)

// Deed is one appointment, or one number given to somebody without, as figures
// see it. There is no word in it of who that was.
type Deed struct {
	Centre  string
	Day     Day
	Minute  int // of the day: the appointment's hour, or the arrival
	Service string
	Matters int
	Channel Channel // Walking for who had no appointment
	Outcome Outcome
	Lead    int           // days between booking and the day
	Wait    time.Duration // from the hour, or the arrival where that was later, to the call; -1 for never called
	OnTime  bool          // had an appointment and was there by its hour
	InTime  bool          // and was called within five minutes of it
	Shown   time.Duration // the wait that was shown, 0 for none
}

// PastVisit is a row of an appointment as Deeds need it.
type PastVisit struct {
	ID      string
	Day     Day
	Unit    int
	Service string
	Matters int
	Channel Channel
	State   State
	Created time.Time
}

// Past is what figures are read from, centre by centre.
type Past interface {
	PastVisits(ctx context.Context, city, centre string, from, to Day) ([]PastVisit, error)
	PastTickets(ctx context.Context, city, centre string, from, to Day) ([]Ticket, error)
}

// Deeds are what happened at a centre, or at all for an empty id, on a span of
// days.
func (s *Service) Deeds(ctx context.Context, centre string, from Day, days int) ([]Deed, error) {
	var out []Deed
	err := s.cfg.Store.View(ctx, func(tx Tx) error {
		out = nil
		for i := range s.net.Centres {
			id := s.net.Centres[i].ID
			if centre != "" && centre != id {
				continue
			}
			vs, err := tx.PastVisits(ctx, s.net.ID, id, from, from+Day(days)-1)
			if err != nil {
				return err
			}
			ts, err := tx.PastTickets(ctx, s.net.ID, id, from, from+Day(days)-1)
			if err != nil {
				return err
			}
			out = append(out, s.net.Deeds(id, vs, ts)...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read figures: %w", err)
	}
	return out, nil
}

// Deeds puts a centre's appointments and numbers together, in the order of
// days and hours.
func (n *Network) Deeds(centre string, vs []PastVisit, ts []Ticket) []Deed {
	byVisit := map[string]Ticket{}
	var out []Deed
	for _, t := range ts {
		if t.Visit != "" {
			byVisit[t.Visit] = t
			continue
		}
		arrived := t.Arrived.In(n.zone)
		d := Deed{Centre: centre, Day: t.Day, Minute: arrived.Hour()*60 + arrived.Minute(), Service: t.Service,
			Matters: t.Matters, Channel: Walking, Wait: -1, Shown: t.Shown}
		switch {
		case t.State == Left:
			d.Outcome = GaveUp
		case t.State == Missed:
			d.Outcome = Stayed
		case t.State == Served || t.State == Serving || t.State == Called:
			d.Outcome = Came
		}
		if !t.Called.IsZero() {
			d.Wait = max(0, t.Called.Sub(t.Arrived))
		}
		out = append(out, d)
	}
	for _, v := range vs {
		d := Deed{Centre: centre, Day: v.Day, Minute: v.Unit * n.Unit, Service: v.Service, Matters: v.Matters,
			Channel: v.Channel, Wait: -1, Lead: max(0, int(v.Day-DayOf(v.Created, n.zone)))}
		switch v.State {
		case Done, Arrived:
			d.Outcome = Came
		case NoShow:
			d.Outcome = Stayed
		case Cancelled:
			d.Outcome = GaveUp
		case Booked:
			d.Outcome = Coming
		default:
			d.Outcome = Elsewhere
		}
		if t, ok := byVisit[v.ID]; ok {
			d.OnTime = !t.Arrived.After(t.Slot)
			if !t.Called.IsZero() {
				from := later(t.Slot, t.Arrived)
				d.Wait = max(0, t.Called.Sub(from))
				d.InTime = d.OnTime && !t.Called.After(t.Slot.Add(inTime))
			}
		}
		out = append(out, d)
	}
	slices.SortStableFunc(out, func(a, b Deed) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Minute, b.Minute))
	})
	return out
}

// Tally adds deeds up.
type Tally struct {
	Key       string
	Booked    int // appointments that were not cancelled
	Came      int // of those
	Missed    int
	Coming    int
	Cancelled int
	Walkins   int // numbers given to people without an appointment
	GaveUp    int // of those, left before they were called
	Served    int // appointments and others together
	OnTime    int // were there by their hour
	InTime    int // of those, called within five minutes
	Shown     int // waits shown
	Kept      int // of those, not exceeded
	Waits     []time.Duration
}

// Add takes a deed in; Done sorts what was taken in.
func (t *Tally) Add(d Deed) {
	if d.Outcome == Elsewhere {
		return
	}
	if d.Wait >= 0 {
		t.Waits = append(t.Waits, d.Wait)
	}
	if d.Shown > 0 && d.Wait >= 0 {
		t.Shown++
		if d.Wait <= d.Shown {
			t.Kept++
		}
	}
	if d.Outcome == Came {
		t.Served++
	}
	if d.Channel == Walking {
		t.Walkins++
		if d.Outcome == GaveUp {
			t.GaveUp++
		}
		return
	}
	if d.Outcome == GaveUp {
		t.Cancelled++
		return
	}
	t.Booked++
	switch d.Outcome {
	case Came:
		t.Came++
	case Stayed:
		t.Missed++
	default:
		t.Coming++
	}
	if d.OnTime {
		t.OnTime++
		if d.InTime {
			t.InTime++
		}
	}
}

// Wait is the wait that a share of people did not exceed, 0 where nobody was
// called. Waits are sorted by Tallied.
func (t *Tally) Wait(share float64) time.Duration {
	if len(t.Waits) == 0 {
		return 0
	}
	return t.Waits[min(len(t.Waits)-1, int(share*float64(len(t.Waits))))]
}

// Share is a part of a whole, 0 of nothing.
func Share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// NoShows is the share of appointments whose holders did not come, of those
// whose day is over.
func (t *Tally) NoShows() float64 { return Share(t.Missed, t.Came+t.Missed) }

// Tallied adds deeds up by a key, in the order of keys.
func Tallied(deeds []Deed, key func(Deed) string) []Tally {
	at := map[string]*Tally{}
	for _, d := range deeds {
		k := key(d)
		if at[k] == nil {
			at[k] = &Tally{Key: k}
		}
		at[k].Add(d)
	}
	out := make([]Tally, 0, len(at))
	for _, t := range at {
		slices.Sort(t.Waits)
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Tally) int { return cmp.Compare(a.Key, b.Key) })
	return out
}

// Total adds all deeds up.
func Total(deeds []Deed) Tally {
	if all := Tallied(deeds, func(Deed) string { return "" }); len(all) > 0 {
		return all[0]
	}
	return Tally{}
}
