package booking

import (
	"errors"

	"turnike/internal/fault"
)

// ErrNoRow is what a read returns when it finds nothing.
var ErrNoRow = errors.New("booking: no such row")

// Faults a person may see.
var (
	ErrDay       = fault.New(fault.Invalid, "booking.day")        // not a date
	ErrNoCentre  = fault.New(fault.NotFound, "booking.no_centre") // no such centre, or it does not offer the service
	ErrNoVisit   = fault.New(fault.NotFound, "booking.no_visit")  // no such appointment, or not yours to see
	ErrClosed    = fault.New(fault.Conflict, "booking.closed")    // the centre is not open then
	ErrFull      = fault.New(fault.Conflict, "booking.full")      // taken; Args: next, when more is released
	ErrPast      = fault.New(fault.Refused, "booking.past")       // begins before now
	ErrTwice     = fault.New(fault.Conflict, "booking.twice")     // an open visit for the same matter there
	ErrMany      = fault.New(fault.Refused, "booking.many")       // as many open visits as one may have
	ErrCalm      = fault.New(fault.Refused, "booking.calm")       // a wave's first minutes are for who has none; Args: at
	ErrLapsed    = fault.New(fault.Gone, "booking.lapsed")        // the place was not confirmed in time
	ErrEnded     = fault.New(fault.Conflict, "booking.ended")     // served, cancelled or missed already
	ErrKeyReused = fault.New(fault.Invalid, "idempotency.reused") // same key, other request
	ErrQueueFull = fault.New(fault.Unavailable, "booking.busy")   // more ask at once than can wait
	ErrNoTicket  = fault.New(fault.NotFound, "booking.no_ticket") // no such number today
	ErrState     = fault.New(fault.Conflict, "booking.state")     // the number has moved on
	ErrFloor     = fault.New(fault.Conflict, "booking.floor")     // as many on the floor as there are cashiers
	ErrNobody    = fault.New(fault.NotFound, "booking.nobody")    // nobody waits
	ErrEarly     = fault.New(fault.Refused, "booking.early")      // not today
	ErrDeskBusy  = fault.New(fault.Conflict, "booking.desk_busy") // the counter has somebody
	ErrNoUndo    = fault.New(fault.NotFound, "booking.no_undo")   // nothing to take back, or too long ago
	ErrWaiting   = fault.New(fault.Conflict, "booking.waiting")   // on this waiting list already
	ErrMatters   = fault.New(fault.Invalid, "booking.matters")    // none, or more than one visit holds
	// ErrNobodyNamed: neither identity number nor phone.
	ErrNobodyNamed = fault.New(fault.Invalid, "booking.nobody_named")
	ErrSearch      = fault.New(fault.Invalid, "booking.search")       // too little to look for
	ErrRemark      = fault.New(fault.Invalid, "booking.remark")       // a note over MaxRemark letters
	ErrOverfull    = fault.New(fault.Conflict, "booking.over_booked") // the change leaves booked people without a counter
)
