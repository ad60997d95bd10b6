package booking

import (
	"context"
	"time"

	"turnike/internal/audit"
	"turnike/internal/notify"
	"turnike/internal/person"
)

// Store is what booking asks of a database. Update runs fn in a transaction
// that is on disk when Update returns nil; fn may run more than once. View
// reads one consistent state.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. Reads that find nothing return ErrNoRow.
type Tx interface {
	audit.Log
	notify.Outbox
	notify.Guards
	Claims
	Days
	Visits
	Waits
	Queue
	Remarks
	Plans
	Moves
	Past
}

// DayRow heads a centre's day. Who changes anything of the day holds its row
// first, days in the order of their keys, so nobody waits for another in a
// circle.
type DayRow struct {
	DayKey
	Version int64 // rises with every change of a cell; tags what is shown of it
	Tickets int   // the highest number given out
	Events  int   // the highest event number
}

// Days are the counters.
type Days interface {
	// LockDay reads a day's head and keeps it from others until the end.
	LockDay(ctx context.Context, k DayKey) (DayRow, error)
	// InsertDay gives false where somebody else has planned the day meanwhile.
	InsertDay(ctx context.Context, d DayRow) (bool, error)
	PutDay(ctx context.Context, d DayRow) error
	Cells(ctx context.Context, k DayKey) ([]Cell, error)
	// PutCell writes a cell, over one that may be there.
	PutCell(ctx context.Context, k DayKey, c Cell) error
	// DayRows are the heads of a city's days from one to another, both
	// included, by centre and day.
	DayRows(ctx context.Context, city string, from, to Day) ([]DayRow, error)

	PutException(ctx context.Context, e Exception) error
	DropException(ctx context.Context, city, id string) error
	// Exceptions are those of all centres from one day to another, by day and id.
	Exceptions(ctx context.Context, city string, from, to Day) ([]Exception, error)
}

// Visits are the appointments.
type Visits interface {
	// InsertVisit gives false where a unique rule stands in the way: key, code,
	// a holder's slot, a holder's matter at a centre.
	InsertVisit(ctx context.Context, v Visit) (bool, error)
	// UpdateVisit writes everything but what names the visit and when it was made.
	UpdateVisit(ctx context.Context, v Visit) error
	// Visit is locked in a writing transaction.
	Visit(ctx context.Context, city, id string) (Visit, error)
	VisitByKey(ctx context.Context, city, key string) (Visit, error)
	// VisitByCode finds an open visit.
	VisitByCode(ctx context.Context, city string, c Code) (Visit, error)
	OpenVisits(ctx context.Context, city string, holder person.Tag) ([]Visit, error)
	VisitsByPhone(ctx context.Context, city string, phone person.Tag) ([]Visit, error)
	// NextLapse is when the first held or resting place of a day lapses.
	NextLapse(ctx context.Context, k DayKey) (time.Time, error)
	LapsedVisits(ctx context.Context, k DayKey, now time.Time) ([]Visit, error)
	// ExpireVisits ends all of those at once.
	ExpireVisits(ctx context.Context, k DayKey, now time.Time) error
	// DayVisits are those of a day that are not merely resting or lapsed, by unit.
	DayVisits(ctx context.Context, k DayKey) ([]Visit, error)
	// CountedVisits are the places of a day that its cells count.
	CountedVisits(ctx context.Context, k DayKey) ([]Place, error)
	// DueVisits are those whose DueAt has come, oldest first.
	DueVisits(ctx context.Context, now time.Time, limit int) ([]Visit, error)
}

// Wait is somebody on the waiting list of a centre.
type Wait struct {
	City      string
	ID        string // UUIDv7: the order of the list
	Centre    string
	Service   string
	Pool      string // the one that serves it
	Units     int
	Matters   int
	From, To  Day // both included
	Holder    person.Tag
	Phone     person.Tag
	Sealed    []byte
	Lang      string
	State     WaitState
	Visit     string // the newest offer
	Offers    int
	CreatedAt time.Time
}

// WaitState is how far a wait has come.
type WaitState uint8

// The states of a wait.
const (
	WaitOpen    WaitState = 1
	WaitOffered WaitState = 2 // a place is held for them
	WaitEnded   WaitState = 3 // booked, given up, or passed over too often
)

// Waits are the waiting lists.
type Waits interface {
	// InsertWait gives false where the holder is on the list already.
	InsertWait(ctx context.Context, w Wait) (bool, error)
	UpdateWait(ctx context.Context, w Wait) error
	Wait(ctx context.Context, city, id string) (Wait, error)
	// NextWait is the first open one, behind an id, that a freed place of so
	// many units on a day would serve.
	NextWait(ctx context.Context, k DayKey, pool string, units int, after string) (Wait, error)
}

// Queue is a centre's day as it happens.
type Queue interface {
	InsertTicket(ctx context.Context, t Ticket) error
	UpdateTicket(ctx context.Context, t Ticket) error
	// Tickets are all of a day, by number.
	Tickets(ctx context.Context, k DayKey) ([]Ticket, error)
	InsertEvent(ctx context.Context, e Event) error
	UpdateEvent(ctx context.Context, e Event) error
	// LastEvent is the newest of a desk on a day that was not taken back.
	LastEvent(ctx context.Context, k DayKey, desk string) (Event, error)
	Events(ctx context.Context, k DayKey) ([]Event, error)
}
