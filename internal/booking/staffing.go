package booking

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"turnike/internal/fault"
)

// Faults of a manager's form.
var (
	ErrShift      = fault.New(fault.Invalid, "booking.shift")       // not written as 08:30-12:30 3; Args: Part
	ErrShiftUnit  = fault.New(fault.Invalid, "booking.shift_unit")  // not on whole units; Args: Part, Minutes
	ErrShiftDesks = fault.New(fault.Invalid, "booking.shift_desks") // more counters than there are; Args: Part, Most
	ErrShiftOver  = fault.New(fault.Invalid, "booking.shift_over")  // two shifts at one time; Args: Part
	ErrMeanwhile  = fault.New(fault.Conflict, "booking.meanwhile")  // other people are hit than were shown
	ErrNoMove     = fault.New(fault.NotFound, "booking.no_move")    // nobody was asked, or it is answered
	ErrSpan       = fault.New(fault.Invalid, "booking.span")        // ends before it begins, or is over already
	ErrFloorRange = fault.New(fault.Invalid, "booking.floor_range") // fewer people than one, or a number of no sense
)

// NoEnd is the last day of what has no end.
const NoEnd = Day(math.MaxInt32)

// Shift is a stretch of a day with so many counters, in minutes of the day.
type Shift struct {
	From  int `json:"from"`
	To    int `json:"to"`
	Desks int `json:"desks"`
}

// Week is a pool's shifts by weekday, Sunday first as in time.Weekday. Shifts
// of a day stand in order and do not overlap.
type Week [7][]Shift

// At is how many counters the week has on a weekday at a minute.
func (w *Week) At(d time.Weekday, minute int) int {
	for _, s := range w[d] {
		if minute >= s.From && minute < s.To {
			return s.Desks
		}
	}
	return 0
}

// RevisionKind is what a revision is about.
type RevisionKind string

// The kinds.
const (
	Staffing RevisionKind = "staffing" // a pool's week
	Flooring RevisionKind = "floor"    // how many people on the floor
	Opening  RevisionKind = "opening"  // how many places to let out
)

// Revision is a dated change over what the file says of a centre. The file
// stays the base: a revision with Base set leads back to it.
type Revision struct {
	City   string
	ID     string // UUIDv7
	Centre string
	Pool   string // empty for a floor
	Kind   RevisionKind
	Since  Day // the first and last day; NoEnd for no last
	Until  Day
	Base   bool
	Week   Week // Staffing
	Floor  int  // Flooring
	// Show is how many of a thousand people with an appointment are taken to
	// come, at most, and Walk the share of a hundred places kept for those
	// without one (Opening).
	Show  int
	Walk  int
	Why   string
	Actor string // staff id
	At    time.Time
}

// holds is the revision of a kind that a day goes by: the one with the
// shortest span, since a single day's plan is meant to stand out of the week's;
// of those without an end the one that begins last; of equals the newest.
func holds(revs []Revision, k RevisionKind, centre, pool string, day Day) *Revision {
	var best *Revision
	for i := range revs {
		r := &revs[i]
		if r.Kind != k || r.Centre != centre || r.Pool != pool || day < r.Since || day > r.Until {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(r.span(), best.span()), cmp.Compare(best.Since, r.Since), cmp.Compare(best.ID, r.ID)) < 0 {
			best = r
		}
	}
	if best != nil && best.Base {
		return nil
	}
	return best
}

func (r *Revision) span() int64 {
	if r.Until == NoEnd {
		return math.MaxInt64
	}
	return int64(r.Until) - int64(r.Since)
}

// FloorOn is how many people a centre's floor takes on a day: the room's limit,
// not the counters'.
func (n *Network) FloorOn(c *Centre, day Day, revs []Revision) int {
	if r := holds(revs, Flooring, c.ID, floorPool, day); r != nil {
		return r.Floor
	}
	return c.Floor
}

// WeekOf is a pool's week as it holds on the days of the week from a day on,
// holidays and exceptions aside: what a manager's grid begins with.
func (n *Network) WeekOf(c *Centre, pool string, from Day, revs []Revision) (w Week) {
	for i := range c.pools {
		p := &c.pools[i]
		if p.ID != pool {
			continue
		}
		for d := from; d < from+7; d++ {
			r := holds(revs, Staffing, c.ID, pool, d)
			wd := d.Weekday()
			for u := range 24 * 60 / n.Unit {
				minute := u * n.Unit
				desks := p.bandDesks(wd, d, minute)
				if r != nil {
					desks = min(r.Week.At(wd, minute), p.Desks)
				}
				w.paint(wd, minute, minute+n.Unit, desks)
			}
		}
	}
	return w
}

// paint adds a stretch behind those of a day, joined to the last where it goes
// on with as many counters.
func (w *Week) paint(d time.Weekday, from, to, desks int) {
	if desks == 0 {
		return
	}
	if k := len(w[d]); k > 0 && w[d][k-1].To == from && w[d][k-1].Desks == desks {
		w[d][k-1].To = to
		return
	}
	w[d] = append(w[d], Shift{from, to, desks})
}

// bandDesks is how many counters the file gives a pool at a minute.
func (p *Pool) bandDesks(wd time.Weekday, day Day, minute int) int {
	desks := 0
	for _, b := range p.Bands {
		if b.days[wd] && day >= b.since && day <= b.until && minute >= b.from && minute < b.to {
			if b.Desks == 0 {
				desks += p.Desks
			} else {
				desks += b.Desks
			}
		}
	}
	return min(desks, p.Desks)
}

// WriteShifts is a day's shifts as a manager reads and writes them:
// "08:30-12:30 3, 13:30-17:00 2".
func WriteShifts(shifts []Shift) string {
	parts := make([]string, len(shifts))
	for i, s := range shifts {
		parts[i] = Clock(s.From) + "-" + Clock(s.To) + " " + strconv.Itoa(s.Desks)
	}
	return strings.Join(parts, ", ")
}

// ReadShifts reads what WriteShifts writes, and what people write instead:
// 8.30 for 08:30, a long dash, a sign of times before the counters. Its fault
// names the part that is wrong.
func ReadShifts(text string, unit, most int) ([]Shift, error) {
	var out []Shift
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' || r == '+' || r == '\n' || r == '،' }) {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		s, ok := readShift(part)
		switch {
		case !ok:
			return nil, ErrShift.With("Part", part)
		case s.From%unit != 0 || s.To%unit != 0:
			return nil, ErrShiftUnit.With("Part", part).With("Minutes", unit)
		case s.Desks > most:
			return nil, ErrShiftDesks.With("Part", part).With("Most", most)
		}
		if s.Desks > 0 {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Shift) int { return cmp.Compare(a.From, b.From) })
	for i := 1; i < len(out); i++ {
		if out[i].From < out[i-1].To {
			return nil, ErrShiftOver.With("Part", WriteShifts(out[i:i+1]))
		}
	}
	return out, nil
}

func readShift(part string) (Shift, bool) {
	var nums []int
	digits := ""
	flush := func() {
		if n, err := strconv.Atoi(digits); err == nil {
			nums = append(nums, n)
		}
		digits = ""
	}
	for _, r := range part {
		switch {
		case r >= '0' && r <= '9' && len(digits) < 4:
			digits += string(r)
		case strings.ContainsRune(" :.-–—x×*\u00a0\t", r):
			flush()
		default:
			return Shift{}, false
		}
	}
	flush()
	if len(nums) != 5 || nums[0] > 24 || nums[2] > 24 || nums[1] > 59 || nums[3] > 59 {
		return Shift{}, false
	}
	s := Shift{nums[0]*60 + nums[1], nums[2]*60 + nums[3], nums[4]}
	return s, s.From < s.To && s.To <= 24*60
}

// Plans are what a manager says over the file.
type Plans interface {
	PutPlanRevision(ctx context.Context, r Revision) error
	DropPlanRevision(ctx context.Context, city, id string) error
	// PlanRevisions are those that reach into a span of days.
	PlanRevisions(ctx context.Context, city string, from, to Day) ([]Revision, error)
}

// Over is how many places may be let out for room people at once, where at
// most show of a thousand come: so many that in 95 of a hundred cases no more
// come than there is room.
func Over(room, show int) int {
	if show <= 0 || show >= 1000 || room < 1 {
		return room
	}
	q := float64(show) / 1000
	n := room
	for n < 2*room && tail(n+1, room, q) <= 0.05 {
		n++
	}
	return n
}

// tail is the chance that of n people, each coming with chance q, more than
// room come.
func tail(n, room int, q float64) float64 {
	sum, p := 0.0, math.Pow(1-q, float64(n)) // of k = 0
	for k := 0; k <= n; k++ {
		if k > room {
			sum += p
		}
		p *= float64(n-k) / float64(k+1) * q / (1 - q)
	}
	return sum
}

// OpeningOn is the revision by which a pool's places are let out on a day; ok
// is false where they are as many as the counters.
func (n *Network) OpeningOn(c *Centre, pool string, day Day, revs []Revision) (Revision, bool) {
	if r := holds(revs, Opening, c.ID, pool, day); r != nil {
		return *r, true
	}
	return Revision{}, false
}
