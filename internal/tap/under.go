package tap

import (
	"slices"
	"time"

	"turnike/gate"
	"turnike/internal/card"
)

// Under gives counts as they would be had other rules been in force: decide
// says what a class gets at a moment. It needs no tap but the counted ones, so
// a rule can be tried on yesterday's without anybody's rides being known: how
// many riders it costs, where and of which class, but not which.
//
// What a stop refused stays refused; so does what a device without a list left
// undecided, and what bears no number ever issued. Where a rule turns within
// the hour, that hour's taps are split by the minutes, as if they had come
// evenly.
func Under(counts []Count, attempts []Attempt, decide func(c card.Class, at time.Time) gate.Decision) []Count {
	stopped := map[Count]uint64{}
	for _, a := range attempts {
		stopped[Count{Hour: a.Clock.Unix() / 3600, Stop: a.Stop, Mode: a.Mode, Class: a.Class, Decision: gate.Refuse}]++
	}
	under := map[Count]uint64{}
	add := func(c Count, taps uint64) {
		c.Taps = 0
		if taps > 0 {
			under[c] += taps
		}
	}
	type moment struct {
		hour  int64
		class card.Class
	}
	minutes := map[moment][4]uint64{} // by decision
	for _, c := range counts {
		free := c
		if c.Unissued || c.Decision == gate.Stale || c.Decision > gate.Refuse {
			add(c, c.Taps)
			continue
		}
		free.Taps = 0
		if held := min(stopped[free], c.Taps); c.Decision == gate.Refuse {
			add(c, held)
			c.Taps -= held
		}
		m, known := minutes[moment{c.Hour, c.Class}]
		if !known {
			for i := range int64(60) {
				m[decide(c.Class, time.Unix(c.Hour*3600+i*60, 0))&3]++
			}
			minutes[moment{c.Hour, c.Class}] = m
		}
		before, given := uint64(0), uint64(0)
		for d, n := range m {
			before += n
			upTo := c.Taps * before / 60
			c.Decision = gate.Decision(d)
			add(c, upTo-given)
			given = upTo
		}
	}
	out := make([]Count, 0, len(under))
	for c, taps := range under {
		c.Taps = taps
		out = append(out, c)
	}
	slices.SortFunc(out, compareCounts)
	return out
}
