package booking

import (
	"log/slog"
	"time"

	"turnike/internal/person"
)

// State is how far a visit has come. The numbers stand in the database, and in
// its partial indexes: below Done a visit is open and counts against its
// holder.
type State uint8

// The states.
const (
	Held    State = 1 // kept while somebody types, or offered to one who waits
	Booked  State = 2
	Arrived State = 3 // checked in: a ticket stands for it
	// Resting is nobody's: a freed place that comes back after a while that
	// cannot be foreseen, so that lying in wait for it gains nothing.
	Resting   State = 4
	Done      State = 10
	NoShow    State = 11
	Cancelled State = 12
	Expired   State = 13 // not confirmed in time, or rested
)

// Open tells whether the visit still takes up a place to come.
func (s State) Open() bool { return s < Done }

// String is the state's name in logs and exports.
func (s State) String() string {
	switch s {
	case Held:
		return "held"
	case Booked:
		return "booked"
	case Arrived:
		return "arrived"
	case Resting:
		return "resting"
	case Done:
		return "done"
	case NoShow:
		return "no-show"
	case Cancelled:
		return "cancelled"
	case Expired:
		return "expired"
	}
	return "none"
}

// DayKey is one day of one centre: what a booking locks.
type DayKey struct {
	City   string
	Centre string
	Day    Day
}

func (k DayKey) compare(o DayKey) int {
	for _, c := range [...]int{compare(k.City, o.City), compare(k.Centre, o.Centre), compare(k.Day, o.Day)} {
		if c != 0 {
			return c
		}
	}
	return 0
}

func compare[T string | Day | int](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Place is where and when: Units units of time from Unit on at one of a pool's
// counters.
type Place struct {
	Centre string
	Pool   string
	Day    Day
	Unit   int
	Units  int
}

// Visit is an appointment, or a place kept for one.
type Visit struct {
	City    string
	ID      string // UUIDv7
	Code    Code
	Place   Place
	Service string
	Matters int // how many of the same in one visit
	State   State
	// HoldUntil is when a held or resting place lapses.
	HoldUntil time.Time
	Channel   Channel
	// Holder is who may have only so many open visits: a tag of the identity
	// number, or of the phone; while a page is being filled in, of the session.
	Holder person.Tag
	Slot   int // 1, 2, ...: of the holder's open visits, unique in the database
	Phone  person.Tag
	Key    string // idempotency key, empty for none
	Sealed []byte // who comes and how to reach them, as the caller sealed it
	Lang   string
	Wait   string // the waiting-list entry it was offered from
	// Sequence rises with every change a calendar must learn of (RFC 5545).
	Sequence int
	// DueAt is when something happens by itself: a reminder, or the end of the
	// time to confirm; zero for nothing more.
	DueAt time.Time
	// Confirmed is set where the centre asks people to confirm the day before
	// and they have, or booked too late to be asked.
	Confirmed bool
	Reminded  bool
	CreatedAt time.Time
	ChangedAt time.Time
}

// Key of the day the visit is on.
func (v *Visit) day() DayKey { return DayKey{v.City, v.Place.Centre, v.Place.Day} }

// LogValue keeps who comes out of logs.
func (v Visit) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", v.ID), slog.String("centre", v.Place.Centre),
		slog.String("day", v.Place.Day.String()), slog.Int("unit", v.Place.Unit), slog.String("state", v.State.String()))
}

// Code is the eight digits a person reads aloud to find a visit again. It
// opens nothing by itself: a page asks for a signed link, a kiosk for the end
// of the phone number too.
type Code uint32

// codes is how many codes there are.
const codes = 100_000_000

// String is the code in two groups of four.
func (c Code) String() string {
	var b [9]byte
	n := uint32(c)
	for i := 8; i >= 0; i-- {
		if i == 4 {
			b[i] = ' '
			continue
		}
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return string(b[:])
}

// ParseCode reads a code however its digits are grouped.
func ParseCode(s string) (Code, bool) {
	d := person.Digits(s)
	if len(d) != 8 {
		return 0, false
	}
	var n uint32
	for _, r := range []byte(d) {
		if r < '0' || r > '9' {
			return 0, false
		}
		n = n*10 + uint32(r-'0')
	}
	return Code(n), true
}
