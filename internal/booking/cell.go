package booking

import "time"

// Channel is how somebody came to a place.
type Channel string

// The channels.
const (
	Web   Channel = "web"
	API   Channel = "api"
	Call  Channel = "call" // the call centre
	Desk  Channel = "desk" // a clerk or greeter at the centre
	Kiosk Channel = "kiosk"
)

// class is the quota a channel draws on.
type class uint8

const (
	openClass  class = iota // everybody's
	phoneClass              // people who telephone, most of whom have no internet
	walkClass               // people who simply come
)

func (c Channel) class() class {
	switch c {
	case Call:
		return phoneClass
	case Desk, Kiosk:
		return walkClass
	}
	return openClass
}

// floorPool names a centre's floor among its pools; it sorts before them.
const floorPool = ""

// Cell counts the places of a pool, or of the floor, in one unit of a day.
// Used is at most Cap, which the database holds to; Plan may have sunk below
// Used since (somebody is ill): then the cell is on the manager's list and
// takes nobody more.
type Cell struct {
	Pool string // empty for the floor
	Unit int    // of the day, from midnight
	Plan int    // places let out: the counters planned, or a few more
	Cap  int    // the greater of Plan and what was taken when it was planned
	Used int
	// Of Plan, Phone and Walk are protected for their channels until they are
	// released; the used ones are counted so that what is left stays known.
	Phone, PhoneUsed int
	Walk, WalkUsed   int

	dirty bool
}

// Release says what a moment lets a channel have of a cell.
type Release struct {
	Phone bool // the places of those who telephone are still protected
	Walk  bool // those of people who simply come are
	Open  int  // of a hundred places, how many are announced so far
}

// Free is how many places a channel may still take.
func (c *Cell) Free(ch Channel, r Release) int {
	if c.Pool == floorPool {
		return c.room()
	}
	return c.free(ch.class(), r)
}

// room is what is left of a cell without regard to quotas, as of a floor.
func (c *Cell) room() int { return min(c.Plan, c.Cap) - c.Used }

func (c *Cell) free(k class, r Release) int {
	free := c.room()
	if r.Phone && k != phoneClass {
		free -= max(0, c.Phone-c.PhoneUsed)
	}
	if r.Walk && k != walkClass {
		free -= max(0, c.Walk-c.WalkUsed)
	}
	if k != walkClass && r.Open < 100 {
		free = min(free, (c.Plan*r.Open+99)/100-c.Used)
	}
	return free
}

func (c *Cell) take(ch Channel, n int) {
	c.Used += n
	switch ch.class() {
	case phoneClass:
		c.PhoneUsed += n
	case walkClass:
		c.WalkUsed += n
	}
	c.dirty = true
}

// replan gives a cell a new plan without taking anybody's place.
func (c *Cell) replan(p PlanCell) {
	was := *c
	c.Plan, c.Phone, c.Walk = p.Places, p.Phone, p.Walk
	c.Cap = max(c.Plan, c.Used)
	c.dirty = c.dirty || *c != was
}

// column is a pool's cells, or the floor's, by unit; nil where there is none.
type column []*Cell

func (c column) at(unit int) *Cell {
	if unit < 0 || unit >= len(c) {
		return nil
	}
	return c[unit]
}

// cells are one centre's day: a column for each pool.
type cells map[string]column

// cellsOf points into list, so that what is read together lies together.
func cellsOf(list []Cell) cells {
	cs := cells{}
	for i := range list {
		cs.add(&list[i])
	}
	return cs
}

// add puts in a cell that is not there yet.
func (cs cells) add(c *Cell) {
	col := cs[c.Pool]
	for len(col) <= c.Unit {
		col = append(col, nil)
	}
	col[c.Unit] = c
	cs[c.Pool] = col
}

// each calls fn for every cell, pools in no order.
func (cs cells) each(fn func(*Cell)) {
	for _, col := range cs {
		for _, c := range col {
			if c != nil {
				fn(c)
			}
		}
	}
}

// fit tells whether a visit of so many units finds a free counter all along,
// and room on the floor.
func (cs cells) fit(pool string, unit, units int, ch Channel, r Release) error {
	_, err := fit(cs[pool], cs[floorPool], unit, units, ch, r)
	return err
}

// fit is how many visits of so many units find a free counter all along and
// room on the floor. A count per unit is exact only while the counters are the
// same ones, so a visit never spans a change of shift.
func fit(pool, floor column, unit, units int, ch Channel, r Release) (free int, err error) {
	plan, k := -1, ch.class()
	for u := unit; u < unit+units; u++ {
		c, f := pool.at(u), floor.at(u)
		if c == nil || f == nil || c.Plan == 0 || plan >= 0 && c.Plan != plan {
			return 0, ErrClosed
		}
		n := min(c.free(k, r), f.room())
		if n < 1 {
			return 0, ErrFull
		}
		if plan < 0 || n < free {
			free = n
		}
		plan = c.Plan
	}
	return free, nil
}

// take counts a visit in (n 1) or out (n -1).
func (cs cells) take(pool string, unit, units int, ch Channel, n int) {
	for _, col := range [2]column{cs[floorPool], cs[pool]} {
		for u := unit; u < unit+units; u++ {
			if c := col.at(u); c != nil {
				c.take(ch, n)
			}
		}
	}
}

// Release is what the network's rules let out of a unit's places at a moment.
func (n *Network) Release(day Day, unit int, now time.Time) Release {
	start := n.Start(day, unit)
	return Release{
		Phone: now.Before(start.Add(-time.Duration(n.Rules.PhoneReleaseHours) * time.Hour)),
		Walk:  now.Before(start.Add(-time.Duration(n.Rules.WalkReleaseMinutes) * time.Minute)),
		Open:  n.announced(day, now),
	}
}

// announced is how many of a hundred places of a day the waves so far let out.
func (n *Network) announced(day Day, now time.Time) int {
	if len(n.Waves) == 0 {
		if day > DayOf(now, n.zone)+Day(n.Rules.HorizonDays) {
			return 0
		}
		return 100
	}
	open := 0
	for _, w := range n.Waves {
		if !now.Before((day - Day(w.DaysBefore)).At(w.minute, n.zone)) {
			open = max(open, w.Share)
		}
	}
	return open
}

// NextRelease is when more of a day's places are let out after a moment, zero
// if never: what a page says when the day is full.
func (n *Network) NextRelease(day Day, now time.Time) time.Time {
	var next time.Time
	consider := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	open := n.announced(day, now)
	for _, w := range n.Waves {
		if w.Share > open {
			consider((day - Day(w.DaysBefore)).At(w.minute, n.zone))
		}
	}
	if len(n.Waves) == 0 && open == 0 {
		consider((day - Day(n.Rules.HorizonDays)).Midnight(n.zone))
	}
	return next
}
