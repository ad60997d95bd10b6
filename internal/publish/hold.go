package publish

import (
	"time"

	"turnike/statuslist"
)

// holding keeps new stops of a sealed list back until another change goes out
// with them: whoever watches the files sees that something changed, and is
// not to see when somebody was stopped. What lets a rider through (a pairing,
// a lifted stop) never waits. A change back takes a stop out again.
type holding struct {
	most  time.Duration // how long a stop waits at most; 0: not at all
	since time.Time     // of the first
	stops map[statuslist.Number]statuslist.Status
}

// keep says whether a card's status is to wait, given what the list says of
// the card so far.
func (h *holding) keep(n statuslist.Number, is, was statuslist.Status, now time.Time) bool {
	if h.most == 0 || is.StopUntil <= was.StopUntil {
		delete(h.stops, n)
		return false
	}
	if len(h.stops) == 0 {
		h.stops, h.since = map[statuslist.Number]statuslist.Status{}, now
	}
	h.stops[n] = is
	return true
}

// due says whether what waits goes out now: in the company of others, or
// because it waited long enough.
func (h *holding) due(company bool, now time.Time) bool {
	return len(h.stops) > 0 && (company || now.Sub(h.since) >= h.most)
}
