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
	var lines [][]int
	for _, p := range pools {
		lines = append(lines, n.Order(tickets, p, now))
	}
	var next []int
	for turn := 0; len(next) < most; turn++ {
		before := len(next)
		for _, l := range lines {
			if turn < len(l) && len(next) < most {
				next = append(next, l[turn])
			}
		}
		if len(next) == before {
			break
		}
	}
	return next
}
