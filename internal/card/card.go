// Package card is the transit card: its printed number, its keyed tag, the
// reasons it may not be ridden with, and the class that a gate sees. Status and
// class follow from reasons; nothing sets them by hand.
package card

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"turnike/internal/fault"
)

// Faults of card numbers.
var (
	ErrMissing  = fault.New(fault.Invalid, "card.missing")
	ErrDigits   = fault.New(fault.Invalid, "card.digits")   // something that is not a digit
	ErrLength   = fault.New(fault.Invalid, "card.length")   // Args: want
	ErrChecksum = fault.New(fault.Invalid, "card.checksum") // mistyped, where the city's scheme has a check digit
	ErrPrefix   = fault.New(fault.Invalid, "card.prefix")   // another city's card
)

// Number is a printed card number, checked against a scheme of its city. It
// prints as its last four digits.
type Number struct {
	Scheme uint8 // the scheme's place in the city file, from 1
	digits string
}

// NewNumber is for the city package, which checks numbers against its schemes.
func NewNumber(scheme uint8, digits string) Number { return Number{scheme, digits} }

// IsZero tells whether there is no number.
func (n Number) IsZero() bool { return n.digits == "" }

// Reveal gives the printed digits up.
func (n Number) Reveal() string { return n.digits }

// Value is the number as an integer, for the range table; numbers of more than
// 19 digits have none.
func (n Number) Value() (v uint64, ok bool) {
	if n.digits == "" || len(n.digits) > 19 {
		return 0, false
	}
	for _, c := range n.digits {
		v = v*10 + uint64(c-'0')
	}
	return v, true
}

// Last4 is what people are shown to tell their cards apart.
func (n Number) Last4() string {
	if len(n.digits) < 4 {
		return n.digits
	}
	return n.digits[len(n.digits)-4:]
}

func (n Number) String() string {
	if n.digits == "" {
		return ""
	}
	return "**** " + n.Last4()
}

// LogValue keeps the number out of structured logs.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalJSON keeps the number out of anything encoded by mistake.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(`"` + n.String() + `"`), nil }

// Format masks by every verb: %d would show the field as it is.
func (n Number) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, n.String()) }

// Class is what the signed list says of a card; the rule table gives each
// class its outcome. The numbers are part of the list's contract and never
// change their meaning.
type Class uint8

// The classes. A stop is not a class: it is an end day beside it, so that the
// card falls back to its class by itself.
const (
	Unpaired Class = 0 // issued, nobody's
	Paired   Class = 1 // adult
	Paired65 Class = 2 // 65 and over
	Paired20 Class = 3 // under 20
	Exempt   Class = 4 // disability report of 40 % or more, and what the city adds
	Dead     Class = 5 // invalid for good: replaced, destroyed
	ClassEnd Class = 6 // how many there are
)

var classNames = [...]string{"unpaired", "paired", "paired_65", "paired_under_20", "exempt", "dead"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return "reserved"
}

// ClassOf reads a class by the word used in city files.
func ClassOf(s string) (Class, bool) {
	for c, n := range classNames {
		if n == s {
			return Class(c), true
		}
	}
	return 0, false
}

// ReasonKind says why a card is not to be ridden with.
type ReasonKind uint8

// The kinds of reason; from outside they all look alike.
const (
	Isolation ReasonKind = iota + 1 // by a signed message of the health authority, always with an end day
	Lost                            // reported by its owner
	Lapsed                          // an entitlement ended
	Blocked                         // two named staff
	Replaced                        // moved to another card: for good
)

// Reason is one cause with where it came from.
type Reason struct {
	Kind       ReasonKind
	Since      time.Time
	UntilDay   int32  // days since 1970-01-01 in the city's calendar, the last day it holds; 0 = until lifted
	Provenance string // signed message id, or "staff:a+b"; never empty
}

// NoEnd is the stop day of a card that is stopped until somebody lifts it.
const NoEnd int32 = 1<<31 - 1

// Status is what follows from a card's class and reasons.
type Status struct {
	Class     Class
	StopUntil int32 // 0 = not stopped
}

// StatusOf merges reasons: the latest end wins, and a replaced card is dead.
func StatusOf(c Class, reasons []Reason) Status {
	s := Status{Class: c}
	for _, r := range reasons {
		if r.Kind == Replaced {
			return Status{Class: Dead}
		}
		until := r.UntilDay
		if until == 0 {
			until = NoEnd
		}
		s.StopUntil = max(s.StopUntil, until)
	}
	return s
}

// DayOf is the day number of a moment in a city's zone.
func DayOf(t time.Time, zone *time.Location) int32 {
	y, m, d := t.In(zone).Date()
	return int32(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}
