package report

import (
	"time"

	"turnike/internal/card"
	"turnike/internal/pairing"
	"turnike/internal/tap"
)

// Why says why an attempt is not reported; Yes is the empty reason. The words
// are kept in the audit and counted, so they do not change.
type Why string

// The reasons, in the order they are looked at.
const (
	Yes           Why = ""
	Off           Why = "off"            // the city reports nothing
	UnsureClock   Why = "clock"          // the device's clocks contradict each other
	UnsureDevice  Why = "device"         // the device was put out, or its batches contradict each other: its key may be copied
	TooLate       Why = "too_late"       // it came in longer ago than MaxAge
	NotIsolated   Why = "not_isolated"   // no stop for isolation stands on the card: lost, past its deadline, ended
	OtherReason   Why = "other_reason"   // something else stops the card too: it may not be in its holder's hands
	Exempt        Why = "exempt"         // of a class that the rule does not hold for
	NotTheHolder  Why = "not_the_holder" // the card has nobody, or somebody else, now
	Unproven      Why = "unproven"       // the city asks for a better proof that the card is theirs
	Unnamed       Why = "unnamed"        // the city's form asks no identity number, or the person is erased
	Disputed      Why = "disputed"       // an appeal is not decided
	Unconfirmed   Why = "unconfirmed"    // the ministry of health has not stood by it of late
	NotTold       Why = "not_told"       // no notice has left, or its time to arrive is not over
	BeforeStop    Why = "before_stop"    // it may have been before the stop took effect
	BeforeNotice  Why = "before_notice"  // it may have been before the holder knew
	OldList       Why = "old_list"       // the device went by a list older than the stop
	AfterEnd      Why = "after_end"      // it may have been after the stop's last day
	ReportedToday Why = "reported_today" // this stop was reported on this day already
)

// MaxAge is how long after it was for certain over an attempt is still told:
// what stands in the way of a sanction by then is not made better by a report.
const MaxAge = 7 * 24 * time.Hour

// Stop is what is known of a card at the moment of deciding.
type Stop struct {
	pairing.Isolation               // zero ID: there is none
	Reasons           []card.Reason // all that stand on the card now
	Holder            string        // id of the card's live pairing, "" for none
	Proof             pairing.Proof // how well its holder proved to hold the card
	Named             bool          // the holder's identity number is known
	Trusted           bool          // the device stands as it was enrolled
	person            string
}

// Rules are a city's own part in the decision.
type Rules struct {
	On bool
	// Notice is how long after the gateway took the message its reader counts
	// as told. A gateway's yes is no delivery, and a text may be slow.
	Notice time.Duration
	Proof  pairing.Proof // the least that is enough
	// Fresh is how long the ministry's word stands without being asked again.
	Fresh time.Duration
	Zone  *time.Location
}

// Told is when the holder counts as told, zero where nobody does.
func (r Rules) Told(s Stop) time.Time {
	if s.NoticeID == "" || s.Isolation.Told.IsZero() {
		return time.Time{}
	}
	return s.Isolation.Told.Add(r.Notice)
}

// Decide tells whether an attempt is reported, and if not why. It compares the
// earliest moment the tap can have been with what must have come before, and
// the latest with what must come after: a device's own word on the time counts
// for nothing.
func Decide(a tap.Attempt, s Stop, r Rules, now time.Time) Why {
	told := r.Told(s)
	switch {
	case !r.On:
		return Off
	case !a.Certain || a.Latest.After(now) || a.Latest.Before(a.Earliest):
		return UnsureClock
	case now.Sub(a.Latest) > MaxAge:
		return TooLate
	case !s.Trusted:
		return UnsureDevice
	case s.ID == "" || !s.Ended.IsZero() || !has(s.Reasons, card.Isolation):
		return NotIsolated
	case len(s.Reasons) > 1:
		return OtherReason
	case a.Class == card.Exempt || a.Class == card.Dead || a.Class == card.Unpaired:
		return Exempt
	case s.Holder == "" || s.Holder != s.PairingID:
		return NotTheHolder
	case s.Proof < r.Proof:
		return Unproven
	case !s.Named:
		return Unnamed
	case s.Appeal:
		return Disputed
	case now.Sub(s.Confirmed) > r.Fresh:
		return Unconfirmed
	case told.IsZero() || !now.After(told):
		return NotTold
	case !a.Earliest.After(s.Since):
		return BeforeStop
	case !a.Earliest.After(told):
		return BeforeNotice
	case !a.Reportable(s.Since, told):
		return OldList
	case card.DayOf(a.Latest, r.Zone) > s.UntilDay:
		return AfterEnd
	}
	return Yes
}

func has(rs []card.Reason, k card.ReasonKind) bool {
	for _, r := range rs {
		if r.Kind == k {
			return true
		}
	}
	return false
}

// Recalls tells whether a report made at a moment falls with the end of its
// stop. The ministry of health gives no end date and is asked only so often:
// between its last yes and its first no nobody knows since when the person was
// free, so what was told in between is called back. A stop that should never
// have been takes all its reports with it.
func Recalls(s pairing.Isolation, made time.Time) bool {
	switch s.End {
	case pairing.Corrected:
		return true
	case pairing.Lifted:
		return made.After(s.Confirmed)
	}
	return false
}
