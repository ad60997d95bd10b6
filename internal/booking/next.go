package booking

import (
	"slices"
	"time"
)

// Next are the numbers that would be called next of a centre's day, in turn
// over its pools, were nobody more to come: what a display shows below those
// it calls. It is the order of calling at this moment; the clock and those who
// come yet change it.
func (n *Network) Next(tickets []Ticket, now time.Time, most int) []int {
	var pools []string
	for _, t := range tickets {
		if !slices.Contains(pools, t.Pool) {
			pools = append(pools, t.Pool)
		}
	}
	slices.Sort(pools)
	lines := make([]*line, len(pools))
	for i, p := range pools {
		lines[i] = lineOf(tickets, p)
	}
	var next []int
	for len(next) < most {
		before := len(next)
		for _, l := range lines {
			i := n.pick(l, now)
			if i < 0 || len(next) == most {
				continue
			}
			w := l.waiting[i]
			next = append(next, w.number)
			l.called(w.slot, now)
			l.waiting = slices.Delete(l.waiting, i, i+1)
		}
		if len(next) == before {
			break
		}
	}
	return next
}
