package booking

import "time"

// TicketState is how far a number has come on the day.
type TicketState uint8

// The states of a number. Below Served it is somebody's who is still there.
const (
	InQueue TicketState = 1
	Called  TicketState = 2 // shown on the display, on the way to the counter
	Serving TicketState = 3
	Parked  TicketState = 4 // called and not come, or fetching a paper; keeps the number
	Served  TicketState = 10
	Missed  TicketState = 11 // called and never came
	Left    TicketState = 12 // gave up
)

// String is the state's name in exports.
func (s TicketState) String() string {
	switch s {
	case InQueue:
		return "waiting"
	case Called:
		return "called"
	case Serving:
		return "serving"
	case Parked:
		return "parked"
	case Served:
		return "served"
	case Missed:
		return "missed"
	case Left:
		return "left"
	}
	return "none"
}

// Ticket is a number given out at a centre on a day, to who comes with an
// appointment and who comes without.
type Ticket struct {
	DayKey
	Number  int    // 1, 2, ...: no gaps, no doubles
	Visit   string // the appointment, empty for a walk-in
	Pool    string
	Service string
	Matters int
	State   TicketState
	Desk    string // the counter
	Recalls int
	Slot    time.Time // the appointment's hour, zero for a walk-in
	Arrived time.Time
	Called  time.Time
	Started time.Time
	Ended   time.Time
	Shown   time.Duration // the upper end of the wait that was shown, 0 for none
}

// Event is one thing that happened to a number; the newest of a desk can be
// taken back.
type Event struct {
	DayKey
	Seq    int
	Ticket int
	Was    string      // the ticket before, as it is put back
	State  TicketState // after
	Desk   string
	Actor  string // staff or device id
	At     time.Time
	Undone bool
}
