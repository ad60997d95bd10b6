package statuslist

import (
	"errors"
	"strconv"
	"time"
)

// Classes is how many classes a list can tell apart.
const Classes = 32

// Class is what kind of rider a card belongs to, 0 to 31. The list carries
// the number only; what it means is the city's affair and never says why.
type Class uint8

// Day counts days since 1 January 1970 in the city's own calendar, whatever
// the zone. Zero means no day.
type Day int32

// Forever is the stop day of a card that will not open a gate again: lost,
// dead. It is told apart from a dated stop by nothing a rider can see.
const Forever Day = 1<<31 - 1

// DayOf gives the calendar day t falls on in t's own location.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
}

const secondsPerDay = 86400

func (d Day) String() string {
	switch d {
	case 0:
		return "-"
	case Forever:
		return "forever"
	}
	return time.Unix(int64(d)*secondsPerDay, 0).UTC().Format(time.DateOnly)
}

// Status is what the list says of a card. A card is stopped up to and
// including StopUntil; from the day after it counts as its class again, so a
// gate nobody could reach still lets a recovered rider through.
type Status struct {
	Class     Class
	StopUntil Day
}

// Stopped says whether the stop still holds on the given day.
func (s Status) Stopped(today Day) bool { return s.StopUntil != 0 && today <= s.StopUntil }

// Number is a card's number as the ranges know it: the payload of a decimal
// number (check digits taken off) or the keyed tag of one that has no range.
// Scheme.Parse makes it from what is printed.
type Number struct {
	Scheme uint8
	Value  uint64
}

// Outcome is what a rule gives a class.
type Outcome uint8

const (
	// Undecided leaves it to the device: the word at the gate is "stale".
	Undecided Outcome = iota
	// Ride opens at the fare of the card.
	Ride
	// FullFare opens, and charges as if the card had no reductions.
	FullFare
	// Refuse does not open.
	Refuse

	outcomes = 4
)

var outcomeNames = [outcomes]string{"undecided", "ride", "full-fare", "refuse"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "outcome(" + strconv.Itoa(int(o)) + ")"
}

// Errors of reading. What is wrong in detail is wrapped around them.
var (
	// ErrMalformed: the bytes are no file of this format.
	ErrMalformed = errors.New("statuslist: malformed")
	// ErrVersion: a later format than this reader knows.
	ErrVersion = errors.New("statuslist: unknown format version")
	// ErrSignature: signed by nobody who may, or not at all.
	ErrSignature = errors.New("statuslist: signature not accepted")
	// ErrDigest: the parts do not make the whole the head speaks of.
	ErrDigest = errors.New("statuslist: digest does not match")
	// ErrStates: more than 256 distinct pairs of class and stop day are alive.
	ErrStates = errors.New("statuslist: no state left")
)
