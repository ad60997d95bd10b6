package booking

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Demand foretells how many people will want what, and how many of those with
// an appointment will not come. It is a product of factors, each learned from
// all days at once: a centre's level, the day of the week, the part of the
// month, the neighbourhood of a day off, then the centre's hours and its mix of
// services. Recent days weigh more (half after four weeks). Every factor is
// drawn towards one, or towards the whole network's, as strongly as so many
// people would draw it: a small centre with a month of past is told little by
// its own hours and much by everybody's. A least squares line, or an average of
// the same hour on past days, has nothing of the sort, and with three people an
// hour it foretells noise.
type Demand struct {
	net   *Network
	level map[string]float64 // people a plain day, by centre
	week  [7]float64
	third [3]float64
	near  [3]float64 // plain, the day before a day off in the week, the day after
	hours map[string][24]float64
	mix   map[string]map[string]float64
	walks map[string]float64 // share who come without an appointment
	swing float64            // variance over mean of a centre's day, 1 at least
	rate  float64            // of appointments missed
	lead  [4]float64         // factors on the odds of missing
	by    map[Channel]float64
	at    map[string]float64
	past  int // days learned from: those on which anybody came
}

// How strongly factors are drawn towards one or the network's own, in people,
// and how fast the past fades.
const (
	drawFactor = 100.0
	drawHours  = 60.0
	drawMix    = 40.0
	drawMissed = 15.0
	halfLife   = 28.0 // days
	rounds     = 12   // of fitting; six are enough for two digits
)

// want tells whether a deed is somebody who wanted to be served.
func (d *Deed) want() bool {
	return d.Outcome != Elsewhere && (d.Outcome != GaveUp || d.Channel == Walking)
}

// leadOf sorts how long before a day people booked.
func leadOf(days int) int {
	switch {
	case days < 1:
		return 0
	case days < 3:
		return 1
	case days < 8:
		return 2
	}
	return 3
}

// open tells whether a network's file has a day as a working day: whether any
// centre has a counter then.
func (n *Network) open(day Day) bool {
	if off, half := holiday(day); off && half == 0 {
		return false
	}
	for i := range n.Centres {
		for j := range n.Centres[i].pools {
			p := &n.Centres[i].pools[j]
			for _, b := range p.Bands {
				if b.days[day.Weekday()] && day >= b.since && day <= b.until {
					return true
				}
			}
		}
	}
	return false
}

// nearOf sorts days by whether the day before or after in the week is off.
func (n *Network) nearOf(day Day) int {
	off := func(d Day) bool {
		o, _ := holiday(d)
		return o && d.Weekday() != time.Sunday && d.Weekday() != time.Saturday
	}
	switch {
	case off(day + 1):
		return 1
	case off(day-1) || day.Weekday() == time.Monday && (off(day-3)):
		return 2
	}
	return 0
}

func thirdOf(day Day) int { return min(2, (day.dayOfMonth()-1)/10) }

func (d Day) dayOfMonth() int { return d.Midnight(time.UTC).Day() }

// LearnDemand learns from what happened before a day.
func (n *Network) LearnDemand(deeds []Deed, before Day) *Demand {
	m := &Demand{net: n, level: map[string]float64{}, hours: map[string][24]float64{}, mix: map[string]map[string]float64{},
		walks: map[string]float64{}, by: map[Channel]float64{}, at: map[string]float64{}, swing: 1}
	first := before
	type cell struct {
		centre string
		day    Day
	}
	count := map[cell]float64{}
	hours, mix := map[string]*[24]float64{}, map[string]map[string]float64{}
	walked, all := map[string]float64{}, map[string]float64{}
	for i := range deeds {
		d := &deeds[i]
		if d.Day >= before || !d.want() {
			continue
		}
		first = min(first, d.Day)
		count[cell{d.Centre, d.Day}]++
		w := fade(before - d.Day)
		for _, c := range [2]string{d.Centre, ""} {
			if hours[c] == nil {
				hours[c], mix[c] = &[24]float64{}, map[string]float64{}
			}
			hours[c][min(23, d.Minute/60)] += w
			mix[c][d.Service] += w
			all[c] += w
			if d.Channel == Walking {
				walked[c] += w
			}
		}
	}
	var days []Day
	for d := first; d < before; d++ {
		if n.open(d) {
			days = append(days, d)
		}
	}
	seen := map[Day]bool{}
	for at := range count {
		seen[at.day] = true
	}
	m.past = len(seen)
	m.fit(days, func(c string, d Day) float64 { return count[cell{c, d}] }, before)
	m.shares(hours, mix, walked, all)
	m.misses(deeds, before)
	return m
}

// fade is the weight of a day so long ago.
func fade(ago Day) float64 { return math.Exp2(-float64(ago) / halfLife) }

// fit finds the levels and factors, each in turn the ratio of what was to what
// the others say, until they agree: the maximum of a Poisson likelihood with a
// gamma prior about one for each factor.
func (m *Demand) fit(days []Day, count func(string, Day) float64, before Day) {
	for _, f := range [][]float64{m.week[:], m.third[:], m.near[:]} {
		for i := range f {
			f[i] = 1
		}
	}
	var total, weight float64
	for _, d := range days {
		for i := range m.net.Centres {
			total += fade(before-d) * count(m.net.Centres[i].ID, d)
		}
		weight += fade(before - d)
	}
	if total == 0 {
		return
	}
	mean := total / weight / float64(len(m.net.Centres)) // people a centre's day
	draw := m.unlike(days, count, before, mean, weight)
	for range rounds {
		for i := range m.net.Centres {
			id := m.net.Centres[i].ID
			var was, said float64
			for _, d := range days {
				was += fade(before-d) * count(id, d)
				said += fade(before-d) * m.factor(d)
			}
			m.level[id] = (was + draw) / (said + draw/mean)
		}
		for k, f := range []struct {
			of  func(Day) int
			all []float64
		}{{func(d Day) int { return int(d.Weekday()) }, m.week[:]}, {thirdOf, m.third[:]}, {m.net.nearOf, m.near[:]}} {
			was, said := make([]float64, len(f.all)), make([]float64, len(f.all))
			for _, d := range days {
				for i := range m.net.Centres {
					id := m.net.Centres[i].ID
					was[f.of(d)] += fade(before-d) * count(id, d)
					said[f.of(d)] += fade(before-d) * m.level[id] * m.factor(d) / f.all[f.of(d)]
				}
			}
			for i := range f.all {
				if k == 2 && i == 0 {
					continue // a plain day is what the others are measured by
				}
				f.all[i] = (was[i] + drawFactor) / (said[i] + drawFactor)
			}
		}
	}
	// How much more days differ than chance alone would have them.
	var square, cells float64
	for _, d := range days {
		for i := range m.net.Centres {
			mu := m.level[m.net.Centres[i].ID] * m.factor(d)
			e := count(m.net.Centres[i].ID, d) - mu
			square += e * e / mu
			cells++
		}
	}
	m.swing = max(1, square/max(1, cells-float64(len(m.net.Centres)+9)))
}

// unlike is how strongly a centre's level is drawn towards the mean, in people:
// as strongly as centres are alike. Where they differ much, one without a past
// says little of itself and the others say little of it.
func (m *Demand) unlike(days []Day, count func(string, Day) float64, before Day, mean, weight float64) float64 {
	var square float64
	for i := range m.net.Centres {
		own := 0.0
		for _, d := range days {
			own += fade(before-d) * count(m.net.Centres[i].ID, d)
		}
		square += (own/weight - mean) * (own/weight - mean)
	}
	between := square/float64(max(1, len(m.net.Centres)-1)) - mean/weight // less what chance alone does
	if between <= 0 {
		return 20
	}
	return min(20, max(0.05, mean*mean/between))
}

// factor is how much more a day brings than a plain one.
func (m *Demand) factor(d Day) float64 {
	return m.week[d.Weekday()] * m.third[thirdOf(d)] * m.near[m.net.nearOf(d)]
}

// shares spread a day over hours and services.
func (m *Demand) shares(hours map[string]*[24]float64, mix map[string]map[string]float64, walked, all map[string]float64) {
	if all[""] == 0 {
		return
	}
	for i := range m.net.Centres {
		id := m.net.Centres[i].ID
		if hours[id] == nil {
			hours[id], mix[id] = &[24]float64{}, map[string]float64{}
		}
		var h [24]float64
		for k := range h {
			h[k] = (hours[id][k] + drawHours*hours[""][k]/all[""]) / (all[id] + drawHours)
		}
		m.hours[id] = h
		m.mix[id] = map[string]float64{}
		for s, n := range mix[""] {
			m.mix[id][s] = (mix[id][s] + drawMix*n/all[""]) / (all[id] + drawMix)
		}
		m.walks[id] = (walked[id] + drawMix*walked[""]/all[""]) / (all[id] + drawMix)
	}
}

// misses learns how many appointments are missed: a rate for all, with factors
// for how long before people booked, how, and where.
func (m *Demand) misses(deeds []Deed, before Day) {
	over := slices.DeleteFunc(slices.Clone(deeds), func(d Deed) bool {
		return d.Day >= before || d.Channel == Walking || d.Outcome != Came && d.Outcome != Stayed
	})
	missed := 0.0
	for i := range m.lead {
		m.lead[i] = 1
	}
	for _, d := range over {
		if d.Outcome == Stayed {
			missed++
		}
	}
	// Before anything is known, 15 of a hundred, as section 5 of the
	// appointments reference has it.
	m.rate = (missed + (1-showShare)*drawMissed) / (float64(len(over)) + drawMissed)
	learn := func(n int, of func(Deed) int, set func(int, float64)) {
		was, said := make([]float64, n), make([]float64, n)
		for _, d := range over {
			i := of(d)
			said[i] += m.miss(d)
			if d.Outcome == Stayed {
				was[i]++
			}
		}
		for i := range was {
			set(i, (was[i]+drawMissed)/(said[i]+drawMissed))
		}
	}
	channels := []Channel{Web, API, Call, Desk, Kiosk}
	for range rounds / 2 {
		learn(len(m.lead), func(d Deed) int { return leadOf(d.Lead) }, func(i int, f float64) { m.lead[i] *= f })
		learn(len(channels), func(d Deed) int { return max(0, slices.Index(channels, d.Channel)) }, func(i int, f float64) {
			m.by[channels[i]] = orOne(m.by[channels[i]]) * f
		})
		learn(len(m.net.Centres), func(d Deed) int {
			return max(0, slices.IndexFunc(m.net.Centres, func(c Centre) bool { return c.ID == d.Centre }))
		}, func(i int, f float64) {
			m.at[m.net.Centres[i].ID] = orOne(m.at[m.net.Centres[i].ID]) * f
		})
	}
}

func orOne(f float64) float64 {
	if f == 0 {
		return 1
	}
	return f
}

func (m *Demand) miss(d Deed) float64 {
	return min(0.95, m.rate*m.lead[leadOf(d.Lead)]*orOne(m.by[d.Channel])*orOne(m.at[d.Centre]))
}

// Missing is the chance that the holder of an appointment does not come.
func (m *Demand) Missing(centre string, c Channel, leadDays int) float64 {
	return m.miss(Deed{Centre: centre, Channel: c, Lead: leadDays})
}

// Estimate is a number foretold; in eight cases of ten it lies from Low to High.
type Estimate struct{ Mean, Low, High float64 }

// Days is how many working days the forecast has learned from.
func (m *Demand) Days() int { return m.past }

// Day foretells how many people want to be served at a centre on a day, with
// and without an appointment.
func (m *Demand) Day(centre string, day Day) Estimate {
	if !m.net.open(day) || m.level[centre] == 0 {
		return Estimate{}
	}
	return m.around(m.level[centre] * m.factor(day))
}

// Hour is Day for one hour and, unless empty, one service.
func (m *Demand) Hour(centre string, day Day, hour int, service string) Estimate {
	if !m.net.open(day) || hour < 0 || hour > 23 {
		return Estimate{}
	}
	mu := m.level[centre] * m.factor(day) * m.hours[centre][hour]
	if service != "" {
		mu *= m.mix[centre][service]
	}
	return m.around(mu)
}

// Walking is the share of people who come without an appointment.
func (m *Demand) Walking(centre string) float64 { return m.walks[centre] }

// around gives a mean its spread: a gamma-mixed Poisson with the variance the
// past had.
func (m *Demand) around(mu float64) Estimate {
	if mu <= 0 {
		return Estimate{}
	}
	// A centre's day swings more than chance; an hour of it by its share.
	phi := m.swing
	p, k, sum := 0.0, 0, 0.0
	low := -1.0
	step := func(k int) float64 {
		if phi < 1.02 {
			return mu / float64(k+1)
		}
		r := mu / (phi - 1)
		return (r + float64(k)) / float64(k+1) * (phi - 1) / phi
	}
	if phi < 1.02 {
		p = math.Exp(-mu)
	} else {
		p = math.Pow(1/phi, mu/(phi-1))
	}
	for k = 0; k < 10000; k++ {
		sum += p
		if low < 0 && sum > 0.1 {
			low = float64(k)
		}
		if sum >= 0.9 {
			break
		}
		p *= step(k)
	}
	return Estimate{mu, max(low, 0), float64(k)}
}

// Trial is how well a forecast did on days it had not seen.
type Trial struct {
	Days  int     // working days tried
	Day   float64 // mean error of a centre's day, as a share of all people
	Hour  float64 // of a centre's hour
	Same  float64 // of a centre's day, had it been as the same day a week before
	SameH float64 // of a centre's hour, the same
	// Inside is how many of a hundred days lay in the range given for them:
	// eighty are meant to.
	Inside float64
	// Missed is the error of how many appointments are missed on a centre's
	// day, as a share of all appointments, and SameM that of last week's rate.
	Missed float64
	SameM  float64
}

// Try forecasts each of the last weeks from what was known before it, and
// compares with what came.
func (n *Network) Try(deeds []Deed, until Day, weeks int) Trial {
	type dayAt struct {
		centre string
		day    Day
	}
	type hourAt struct {
		dayAt
		hour int
	}
	days, hours := map[dayAt]float64{}, map[hourAt]float64{}
	type share struct{ missed, over float64 }
	shares := map[dayAt]*share{}
	for i := range deeds {
		d := &deeds[i]
		if !d.want() {
			continue
		}
		at := dayAt{d.Centre, d.Day}
		days[at]++
		hours[hourAt{at, min(23, d.Minute/60)}]++
		if d.Channel != Walking && (d.Outcome == Came || d.Outcome == Stayed) {
			if shares[at] == nil {
				shares[at] = &share{}
			}
			shares[at].over++
			if d.Outcome == Stayed {
				shares[at].missed++
			}
		}
	}
	var t Trial
	var people, errD, errH, sameD, sameH, inside, cells, errM, sameM, over float64
	for w := weeks; w > 0; w-- {
		from := until - Day(7*w)
		m := n.LearnDemand(deeds, from)
		for day := from; day < from+7; day++ {
			if !n.open(day) {
				continue
			}
			// The same day of the week before, or of the last week that had it.
			was := day - 7
			for !n.open(was) && was > day-35 {
				was -= 7
			}
			t.Days++
			for i := range n.Centres {
				at, before := dayAt{n.Centres[i].ID, day}, dayAt{n.Centres[i].ID, was}
				got, e := days[at], m.Day(at.centre, day)
				people += got
				cells++
				errD += math.Abs(got - e.Mean)
				sameD += math.Abs(got - days[before])
				if got >= e.Low && got <= e.High {
					inside++
				}
				for h := range 24 {
					got := hours[hourAt{at, h}]
					errH += math.Abs(got - m.Hour(at.centre, day, h, "").Mean)
					sameH += math.Abs(got - hours[hourAt{before, h}])
				}
			}
			said := map[string]float64{}
			for j := range deeds {
				if d := &deeds[j]; d.Day == day && d.Channel != Walking && (d.Outcome == Came || d.Outcome == Stayed) {
					said[d.Centre] += m.miss(*d)
				}
			}
			for i := range n.Centres {
				id := n.Centres[i].ID
				if s, before := shares[dayAt{id, day}], shares[dayAt{id, was}]; s != nil && before != nil {
					over += s.over
					errM += math.Abs(s.missed - said[id])
					sameM += math.Abs(s.missed - s.over*before.missed/before.over)
				}
			}
		}
	}
	if people > 0 {
		t.Day, t.Hour, t.Same, t.SameH = errD/people, errH/people, sameD/people, sameH/people
		t.Inside = inside / cells
	}
	if over > 0 {
		t.Missed, t.SameM = errM/over, sameM/over
	}
	return t
}

// Proposal is how many places a pool should let out by what is foretold.
type Proposal struct {
	Centre, Pool string
	// Show is how many of a thousand people with an appointment will come, and
	// Safe the same at the upper end of its range: what places are counted by.
	Show, Safe int
	// Walk is the share of a hundred places to keep for those without one.
	Walk int
	// Units are the places of a unit with all counters open: by the counters
	// alone, and by the forecast.
	Desks, Places int
}

// Propose works out how many places to let out at a centre. So many people
// have appointments that in 95 of a hundred cases no more come than there is
// room; where counters are few that is no more than there are counters.
func (m *Demand) Propose(c *Centre, deeds []Deed, room int) []Proposal {
	var out []Proposal
	for _, p := range c.pools {
		var said, n float64
		for i := range deeds {
			d := &deeds[i]
			if d.Centre == c.ID && d.Channel != Walking && slices.Contains(p.Services, d.Service) && (d.Outcome == Came || d.Outcome == Stayed) {
				said += m.miss(*d)
				n++
			}
		}
		miss := m.rate * orOne(m.at[c.ID])
		if n > 0 {
			miss = said / n
		}
		// Two standard errors, of at least as many people as the rate is drawn by.
		se := math.Sqrt(miss * (1 - miss) / (n + drawMissed))
		x := Proposal{Centre: c.ID, Pool: p.ID, Show: int(math.Round(1000 * (1 - miss))), Desks: p.Desks,
			Walk: int(math.Round(100*m.walks[c.ID]/5)) * 5}
		x.Safe = min(1000, int(math.Ceil(1000*(1-miss+2*se))))
		x.Places = p.Desks + Over(min(p.Desks, room), x.Safe) - min(p.Desks, room)
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Proposal) int { return cmp.Compare(a.Pool, b.Pool) })
	return out
}

// Revisions are proposals as a change of plan from a day on.
func (m *Demand) Revisions(ps []Proposal, since Day, why string) (c Change) {
	for _, p := range ps {
		c.Revisions = append(c.Revisions, Revision{Centre: p.Centre, Pool: p.Pool, Kind: Opening, Since: since, Until: NoEnd,
			Show: p.Safe, Walk: min(p.Walk, 50), Why: why})
	}
	return c
}
