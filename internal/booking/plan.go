package booking

import (
	"cmp"
	"slices"
	"time"

	"turnike/internal/city"
)

// Exception is a change to one day's plan, by a clerk: somebody is ill, the
// centre stays open on a holiday, the water is off.
type Exception struct {
	City   string
	ID     string // UUIDv7: later ones act on what earlier ones left
	Centre string // empty for all centres
	Pool   string // empty for all pools
	Day    Day
	From   int // minutes of the day; 0 and 1440 for all of it
	To     int
	Desks  int  // counters more, or fewer where negative; with hours of its own also where closed
	Closed bool // no counter at all
	Open   bool // work in spite of a holiday
	Why    string
	Actor  string // staff id
	At     time.Time
}

func (e Exception) covers(centre, pool string, minute int) bool {
	return (e.Centre == "" || e.Centre == centre) && (e.Pool == "" || e.Pool == pool) && minute >= e.From && minute < e.To
}

// PlanCell is how many counters a pool, or people a floor, is planned to have
// in one unit.
type PlanCell struct {
	Pool  string // empty for the floor
	Unit  int
	Desks int
	// Places are those let out: Desks, and more where it is known how many
	// people stay away.
	Places int
	// Protected for those who telephone, and for those who simply come.
	Phone, Walk int
}

// Plan is a centre's day: its bands, less holidays, with the exceptions of the
// day in the order in which they were made. The floor takes as many people as
// there are counters, and never more than the room's own limit. A manager's
// revisions stand in place of the file's bands, limit and shares.
func (n *Network) Plan(c *Centre, day Day, exceptions []Exception, revs ...Revision) []PlanCell {
	exceptions = slices.Clone(exceptions)
	exceptions = slices.DeleteFunc(exceptions, func(e Exception) bool { return e.Day != day })
	slices.SortStableFunc(exceptions, func(a, b Exception) int { return cmp.Compare(a.ID, b.ID) })
	off, half := holiday(day)
	wd := day.Weekday()
	room := n.FloorOn(c, day, revs)
	floor, places := map[int]int{}, map[int]int{}
	show := 1000
	var out []PlanCell
	for i := range c.pools {
		p := &c.pools[i]
		week := holds(revs, Staffing, c.ID, p.ID, day)
		open, walk := 1000, n.Rules.WalkShare
		if r := holds(revs, Opening, c.ID, p.ID, day); r != nil {
			open, walk = r.Show, min(r.Walk, 100-n.Rules.PhoneShare)
		}
		show = min(show, open)
		var phones, walks share
		for u := range 24 * 60 / n.Unit {
			minute := u * n.Unit
			desks := p.bandDesks(wd, day, minute)
			if week != nil {
				desks = min(week.Week.At(wd, minute), p.Desks)
			}
			planned := desks
			if off && minute >= half {
				desks = 0
			}
			for _, e := range exceptions {
				if !e.covers(c.ID, p.ID, minute) {
					continue
				}
				switch {
				case e.Closed:
					desks = 0
				case e.Open:
					desks = planned
				}
				if planned == 0 && e.From == 0 && e.To == 24*60 {
					continue // more counters all day are no night shift
				}
				desks = min(max(desks+e.Desks, 0), p.Desks)
			}
			if desks == 0 {
				continue
			}
			// The room may be smaller than the counters, and is never filled
			// above what it takes in 95 of a hundred cases.
			more := Over(min(desks, room), open) - min(desks, room)
			calls := phones.of(desks, n.Rules.PhoneShare, desks)
			out = append(out, PlanCell{Pool: p.ID, Unit: u, Desks: desks, Places: desks + more,
				Phone: calls, Walk: walks.of(desks, walk, desks-calls)})
			floor[u] += desks
			places[u] += desks + more
		}
	}
	for u, desks := range floor {
		desks = min(desks, room)
		out = append(out, PlanCell{Pool: floorPool, Unit: u, Desks: desks, Places: min(places[u], Over(desks, show))})
	}
	slices.SortFunc(out, func(a, b PlanCell) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Unit, b.Unit))
	})
	return out
}

// share gives a part in a hundred of a pool's counters to a channel, unit by
// unit. What a unit is too small for is carried to the next: a quarter of two
// counters is one of them every other time, and not never.
type share struct{ carried int }

func (s *share) of(desks, percent, most int) int {
	s.carried += desks * percent
	n := min(s.carried/100, most)
	s.carried -= 100 * n
	return n
}

// holiday tells whether a day is a public holiday, and from which minute on.
func holiday(day Day) (off bool, from int) {
	h, ok := city.HolidayOn(day.Midnight(time.UTC))
	if !ok {
		return false, 0
	}
	if h.Half {
		return true, 13 * 60
	}
	return true, 0
}
