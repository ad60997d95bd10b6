package report

import (
	"context"
	"time"

	"turnike/gate"
	"turnike/internal/audit"
	"turnike/internal/card"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/tap"
)

// State is how far a report has come. The numbers are stored.
type State int64

// The states.
const (
	Waiting     State = 1 // to be sent
	Filed       State = 2 // lies in a file that nobody has acknowledged yet
	Received    State = 3 // its receiver has it: there is a receipt
	Withdrawing State = 4 // to be called back
	Withdrawn   State = 5
	Cancelled   State = 6 // called back before anybody could have read it: never sent
	Refused     State = 7 // the receiver will not have it
	Held        State = 8 // more than the city's most in a day: two people must look first
)

func (s State) String() string {
	switch s {
	case Waiting:
		return "waiting"
	case Filed:
		return "filed"
	case Received:
		return "received"
	case Withdrawing:
		return "withdrawing"
	case Withdrawn:
		return "withdrawn"
	case Cancelled:
		return "cancelled"
	case Refused:
		return "refused"
	case Held:
		return "held"
	}
	return "unknown"
}

// Report is a report's row. What it says is sealed and not in here.
type Report struct {
	City     string
	ID       string // UUIDv7; its receiver knows it by this too
	StopID   string
	Day      int32 // of the attempt, days since 1970 in the city's calendar
	State    State
	Sealed   []byte    // while Waiting, Filed or Held; only where claimed
	Due      time.Time // of the next try; zero where nothing is due
	Attempts int
	Receipt  string
	Why      string // it was called back: lifted, corrected, staff, appeal
	Error    string // of the last try, without personal data
	Made     time.Time
	Changed  time.Time
}

// Store is what reports ask of a database, in the manner of the other modules:
// Update's fn may run again, so it touches nothing outside itself.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. Reads that find nothing return pairing.ErrNoRow.
type Tx interface {
	audit.Log
	Attempts
	Stops
	Reports
}

// Attempts are the taps refused because a stop held.
type Attempts interface {
	// LeaseAttempts gives the oldest that nobody has considered; they come
	// again after lease.
	LeaseAttempts(ctx context.Context, now, lease time.Time, limit int) ([]tap.Attempt, error)
	// ConsiderAttempt marks one as considered; false where somebody else did.
	// It is kept until goes.
	ConsiderAttempt(ctx context.Context, a tap.Attempt, goes time.Time) (bool, error)
}

// Stops are what stands on a card and who holds it.
type Stops interface {
	IsolationAt(ctx context.Context, city string, place int64) (pairing.Isolation, error)
	OpenIsolation(ctx context.Context, city string, tag person.Tag) (pairing.Isolation, error)
	Isolation(ctx context.Context, city, id string) (pairing.Isolation, error)
	UpdateIsolation(ctx context.Context, i pairing.Isolation) error
	// NoticesDone are stops since a moment whose message has left (Told set) or
	// never will.
	NoticesDone(ctx context.Context, since time.Time, limit int) ([]Notice, error)
	// IsolationsToRecall have ended, and their reports were not looked at.
	IsolationsToRecall(ctx context.Context, limit int) ([]pairing.Isolation, error)
	// SweepIsolations deletes those whose last day was before a day.
	SweepIsolations(ctx context.Context, beforeDay int32, limit int) (int, error)
	Reasons(ctx context.Context, city string, tag person.Tag) ([]card.Reason, error)
	LiveByCard(ctx context.Context, city string, tag person.Tag) (pairing.Pairing, error)
	Person(ctx context.Context, city, id string) (pairing.Person, error)
	TapDevice(ctx context.Context, city string, id gate.Device) (s tap.State, ok bool, err error)
}

// Notice is what became of the message that told somebody of their stop.
type Notice struct {
	City, ID string    // of the stop
	Told     time.Time // zero: it never left
}

// Reports are the reports' rows.
type Reports interface {
	// InsertReport writes a report; false where its stop was reported on its
	// day already.
	InsertReport(ctx context.Context, r Report) (bool, error)
	// ReportsReach tells whether so many were made since a moment.
	ReportsReach(ctx context.Context, city string, since time.Time, most int) (bool, error)
	Report(ctx context.Context, city, id string) (Report, error)
	// ReportsPage are a city's, newest first, behind the given id.
	ReportsPage(ctx context.Context, city, before string, limit int) ([]Report, error)
	ReportsOfStop(ctx context.Context, city, stop string, limit int) ([]Report, error)
	// ClaimReports takes what is due in a state; it is due again at lease.
	ClaimReports(ctx context.Context, city string, state State, now, lease time.Time, limit int) ([]Report, error)
	// MoveReport writes state, due, attempts, receipt, why and error of r,
	// where the stored state and attempts are still those of was. A report
	// that is done is deleted once it was so for Keep.
	MoveReport(ctx context.Context, was, r Report, now time.Time) (bool, error)
	ReportStates(ctx context.Context, city string) ([]Count, error)
	SweepReports(ctx context.Context, before time.Time, limit int) (int, error)
}

// Count is how many reports of a city stand in a state, and since when the
// first of them has been due.
type Count struct {
	State   State
	Reports int64
	Oldest  time.Time
}

// Keep is how long a report's row outlives its receipt.
const Keep = 30 * 24 * time.Hour
