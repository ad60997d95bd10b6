package publish

import (
	"time"

	"turnike/statuslist"
)

// holding keeps new stops of a sealed list back until another change goes out
// with them, or until the beat, at which something goes out whether there is
// anything to say or not: whoever watches the files does not see when somebody
// was stopped. What lets a rider through (a pairing, a lifted stop) never
// waits. A change back takes a stop out again.
type holding struct {
	most  time.Duration // the beat; 0: nothing waits
	last  time.Time     // when something went out
	stops map[statuslist.Number]statuslist.Status
}

// keep says whether a card's status is to wait, given what the list says of
// the card so far.
func (h *holding) keep(n statuslist.Number, is, was statuslist.Status) bool {
	if h.most == 0 || is.StopUntil <= was.StopUntil {
		delete(h.stops, n)
		return false
	}
	if h.stops == nil {
		h.stops = map[statuslist.Number]statuslist.Status{}
	}
	h.stops[n] = is
	return true
}

// beat says whether the list stayed as it is for long enough.
func (h *holding) beat(now time.Time) bool { return h.most > 0 && now.Sub(h.last) >= h.most }
