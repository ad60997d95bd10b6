package statuslist

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"time"
)

// Rules is one signed table of what each class may do, by local date and
// hour. A gate holds several at once and goes by the newest whose time has
// come, so a deadline at midnight or a ban that starts on Friday is sent days
// before and costs no card a change.
type Rules struct {
	// EffectiveFrom is when this table takes over from the one before it.
	EffectiveFrom time.Time
	// Zone is the city's clock. The device's own zone data is not asked: old
	// devices still put Türkiye an hour back in winter.
	Zone []Transition
	// Rows are tried in order; the first that fits decides.
	Rows []Rule
	// Default is the outcome of a class no row speaks of.
	Default [Classes]Outcome
	// Stopped is the outcome of a card whose stop holds, whatever its class.
	Stopped Outcome
	// Stale replaces the rows, by class, once the list is past its not-after
	// time; StaleStopped does the same for cards whose stop still holds.
	Stale        [Classes]Outcome
	StaleStopped Outcome
	// Amber and Alarm are the ages of a list at which a device shows amber and
	// raises an alarm. Zero is never. Whole seconds.
	Amber, Alarm time.Duration
}

// Transition says that from At on the city's clock is Offset ahead of UTC.
// The first holds for all time before it too. Whole seconds.
type Transition struct {
	At     time.Time
	Offset time.Duration
}

// Rule is one row. Every condition left at zero holds always.
type Rule struct {
	// Classes is a set, bit c for class c.
	Classes uint32
	// From and To are the first and last local day.
	From, To Day
	// Start and End are minutes after local midnight, Start included and End
	// not; if End is not after Start the window runs over midnight, and the
	// date and weekday are those of the tap, not of the window's start.
	Start, End uint16
	// Weekdays is a set, bit 0 for Monday.
	Weekdays uint8
	// Mode is the line or kind of vehicle the device says it is on.
	Mode uint8
	// Outcome is what the row gives.
	Outcome Outcome
}

const (
	minutesPerDay  = 24 * 60
	maxRows        = 1024
	maxTransitions = 1024
	maxRulesFile   = 64 << 10
)

// ClassSet gives the set of the named classes.
func ClassSet(classes ...Class) (set uint32) {
	for _, c := range classes {
		set |= 1 << (c % Classes)
	}
	return set
}

// ZoneTable lists a location's changes of clock between two times, from the
// zone data of the machine that signs.
func ZoneTable(loc *time.Location, from, to time.Time) []Transition {
	var out []Transition
	for t := from; ; {
		_, offset := t.In(loc).Zone()
		out = append(out, Transition{At: t.UTC().Truncate(time.Second), Offset: time.Duration(offset) * time.Second})
		_, end := t.In(loc).ZoneBounds()
		if end.IsZero() || end.After(to) || len(out) == maxTransitions {
			return out
		}
		t = end
	}
}

// Local gives the city's calendar day, weekday (0 = Monday) and minute of the
// day at a time.
func (r *Rules) Local(at time.Time) (today Day, weekday, minute int) {
	return localTime(r.zone(at.Unix()), at.Unix())
}

func (r *Rules) zone(unix int64) (offset int64) {
	for i := len(r.Zone) - 1; i >= 0; i-- {
		if unix >= r.Zone[i].At.Unix() || i == 0 {
			return int64(r.Zone[i].Offset / time.Second)
		}
	}
	return 0
}

func localTime(offset, unix int64) (today Day, weekday, minute int) {
	local := unix + offset
	day := local / secondsPerDay
	second := local % secondsPerDay
	if second < 0 {
		second += secondsPerDay
		day--
	}
	weekday = int((day + 3) % 7) // 1 January 1970 was a Thursday
	if weekday < 0 {
		weekday += 7
	}
	return Day(day), weekday, int(second / 60)
}

// Outcome is what a card of this status gets at a time on a line or vehicle,
// by a list that is still fresh.
func (r *Rules) Outcome(s Status, at time.Time, mode uint8) Outcome {
	today, weekday, minute := r.Local(at)
	if s.Stopped(today) {
		return r.Stopped
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.covers(s.Class) && row.fits(today, weekday, minute, mode) {
			return row.Outcome
		}
	}
	return r.Default[s.Class%Classes]
}

// OutcomeStale is what the card gets by a list past its not-after time.
func (r *Rules) OutcomeStale(s Status, at time.Time) Outcome {
	if today, _, _ := r.Local(at); s.Stopped(today) {
		return r.StaleStopped
	}
	return r.Stale[s.Class%Classes]
}

func (row *Rule) covers(c Class) bool { return row.Classes == 0 || row.Classes>>(c%Classes)&1 == 1 }

func (row *Rule) fits(today Day, weekday, minute int, mode uint8) bool {
	if row.Mode != 0 && row.Mode != mode {
		return false
	}
	if today < row.From || row.To != 0 && today > row.To {
		return false
	}
	if row.Weekdays != 0 && row.Weekdays>>weekday&1 == 0 {
		return false
	}
	start, end := int(row.Start), int(row.End)
	switch {
	case start == 0 && end == 0:
		return true
	case start < end:
		return start <= minute && minute < end
	default:
		return start <= minute || minute < end
	}
}

// Validate says what keeps a table from being signed.
func (r *Rules) Validate() error {
	if len(r.Zone) == 0 || len(r.Zone) > maxTransitions {
		return fmt.Errorf("rules: %d clock changes, want 1 to %d", len(r.Zone), maxTransitions)
	}
	if !sort.SliceIsSorted(r.Zone, func(i, j int) bool { return r.Zone[i].At.Before(r.Zone[j].At) }) {
		return fmt.Errorf("rules: clock changes out of order")
	}
	for _, z := range r.Zone {
		if z.Offset < -24*time.Hour || z.Offset > 24*time.Hour || z.Offset%time.Second != 0 {
			return fmt.Errorf("rules: clock offset %v", z.Offset)
		}
	}
	if len(r.Rows) > maxRows {
		return fmt.Errorf("rules: %d rows, at most %d", len(r.Rows), maxRows)
	}
	for i, row := range r.Rows {
		if row.Start >= minutesPerDay || row.End > minutesPerDay || row.Weekdays >= 1<<7 ||
			row.From < 0 || row.To < 0 || row.Outcome >= outcomes {
			return fmt.Errorf("rules: row %d is out of bounds", i+1)
		}
	}
	for _, o := range append(append([]Outcome{r.Stopped, r.StaleStopped}, r.Default[:]...), r.Stale[:]...) {
		if o >= outcomes {
			return fmt.Errorf("rules: unknown outcome %d", o)
		}
	}
	if r.Amber < 0 || r.Alarm < 0 || r.Amber > math.MaxInt32*time.Second || r.Alarm > math.MaxInt32*time.Second {
		return fmt.Errorf("rules: ages out of bounds")
	}
	return nil
}

// Marshal gives the table's file.
func (r *Rules) Marshal() []byte {
	b := appendMagic(nil, magicRules)
	b = binary.AppendVarint(b, r.EffectiveFrom.Unix())
	b = binary.AppendUvarint(b, uint64(r.Amber/time.Second))
	b = binary.AppendUvarint(b, uint64(r.Alarm/time.Second))
	b = append(b, byte(r.Stopped), byte(r.StaleStopped))
	for _, o := range r.Default {
		b = append(b, byte(o))
	}
	for _, o := range r.Stale {
		b = append(b, byte(o))
	}
	b = binary.AppendUvarint(b, uint64(len(r.Zone)))
	for _, z := range r.Zone {
		b = binary.AppendVarint(b, z.At.Unix())
		b = binary.AppendVarint(b, int64(z.Offset/time.Second))
	}
	b = binary.AppendUvarint(b, uint64(len(r.Rows)))
	for _, row := range r.Rows {
		b = binary.AppendUvarint(b, uint64(row.Classes))
		b = binary.AppendUvarint(b, uint64(row.From))
		b = binary.AppendUvarint(b, uint64(row.To))
		b = binary.AppendUvarint(b, uint64(row.Start))
		b = binary.AppendUvarint(b, uint64(row.End))
		b = append(b, row.Weekdays, row.Mode, byte(row.Outcome))
	}
	return b
}

// ParseRules reads a table's file.
func ParseRules(file []byte) (*Rules, error) {
	r := newReader(file, magicRules)
	out := &Rules{EffectiveFrom: r.time()}
	out.Amber = time.Duration(r.uvarint(math.MaxInt32)) * time.Second
	out.Alarm = time.Duration(r.uvarint(math.MaxInt32)) * time.Second
	out.Stopped, out.StaleStopped = Outcome(r.byte()), Outcome(r.byte())
	for i := range out.Default {
		out.Default[i] = Outcome(r.byte())
	}
	for i := range out.Stale {
		out.Stale[i] = Outcome(r.byte())
	}
	for n := r.uvarint(maxTransitions); n > 0 && r.err == nil; n-- {
		out.Zone = append(out.Zone, Transition{At: r.time(), Offset: time.Duration(r.varint(2*secondsPerDay)) * time.Second})
	}
	for n := r.uvarint(maxRows); n > 0 && r.err == nil; n-- {
		out.Rows = append(out.Rows, Rule{
			Classes: uint32(r.uvarint(math.MaxUint32)),
			From:    Day(r.uvarint(math.MaxInt32)), To: Day(r.uvarint(math.MaxInt32)),
			Start: uint16(r.uvarint(minutesPerDay)), End: uint16(r.uvarint(minutesPerDay)),
			Weekdays: r.byte(), Mode: r.byte(), Outcome: Outcome(r.byte()),
		})
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	if err := out.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return out, nil
}

// maxUnix bounds every time in a file, either side of 1970, so that adding an
// offset can never overflow and a year has four digits.
const maxUnix = 253402300799

func (r *reader) varint(bound int64) int64 {
	u := r.uvarint(math.MaxUint64)
	v := int64(u>>1) ^ -int64(u&1)
	if v < -bound || v > bound {
		r.fail("number out of bounds")
		return 0
	}
	return v
}

func (r *reader) time() time.Time { return time.Unix(r.varint(maxUnix), 0).UTC() }

// InForce picks from several tables the newest whose time has come, or the
// earliest if none has. It is nil only if there is none.
func InForce(tables []*Rules, at time.Time) *Rules {
	var best, first *Rules
	for _, r := range tables {
		if first == nil || r.EffectiveFrom.Before(first.EffectiveFrom) {
			first = r
		}
		if !r.EffectiveFrom.After(at) && (best == nil || !r.EffectiveFrom.Before(best.EffectiveFrom)) {
			best = r
		}
	}
	if best == nil {
		return first
	}
	return best
}
