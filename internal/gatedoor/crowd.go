package gatedoor

import (
	"math"
	mathrand "math/rand/v2"
	"sync"
	"time"
)

// crowd says when those who find the door full are to come back: spread over
// the time it takes to serve them all at the pace of the last seconds, so that
// they do not come back together, and few have to come a third time.
type crowd struct {
	mu sync.Mutex
	at time.Time
	// away and served count of late, each second weighing a tenth less than the
	// one after it.
	away, served float64
}

const (
	leastWait = 2 * time.Second
	mostWait  = 10 * time.Minute
	// forget is what is left of a count after a second.
	forget = 0.9
	// leastPace is what a door serves a second before it knows better.
	leastPace = 50
)

func (c *crowd) fade(now time.Time) {
	if s := now.Sub(c.at).Seconds(); s > 0 {
		f := math.Pow(forget, s)
		c.away, c.served = c.away*f, c.served*f
	}
	c.at = now
}

// serve notes that somebody was served.
func (c *crowd) serve(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fade(now)
	c.served++
}

// wait notes that somebody was turned away, and says for how long.
func (c *crowd) wait(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fade(now)
	c.away++
	pace := max(c.served*(1-forget), leastPace)
	spread := min(max(time.Duration(2*c.away/pace*float64(time.Second)), 8*time.Second), mostWait)
	return leastWait + time.Duration(mathrand.Int64N(int64(spread)))
}
