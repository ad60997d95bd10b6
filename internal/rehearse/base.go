package rehearse

import (
	"math"

	"turnike/internal/card"
	"turnike/statuslist"
)

// BaseLine is one line of the card base as the city printed it: cards seen in
// a time, and how many of them bore a name.
type BaseLine struct {
	Key          string  `json:"key"` // issued, month, six_months, year
	Cards        uint64  `json:"cards"`
	Personalised uint64  `json:"personalised"`
	Share        float64 `json:"share"`
}

// printed is İstanbul's card base in autumn 2020. The texts round the cards of
// six months to 12 million; the 36 percent they print beside it needs the 12.1
// million of the fuller account.
var printed = [...]BaseLine{
	{Key: "issued", Cards: 34_260_087, Personalised: 8_260_087},
	{Key: "month", Cards: 7_000_000, Personalised: 2_800_000},
	{Key: "six_months", Cards: 12_100_000, Personalised: 4_400_000},
	{Key: "year", Cards: 30_000_000, Personalised: 5_200_000},
}

// Base is the card base at a scale, with the shares worked out.
func Base(scale float64) []BaseLine {
	out := make([]BaseLine, len(printed))
	for i, l := range printed {
		l.Cards, l.Personalised = scaled(l.Cards, scale), scaled(l.Personalised, scale)
		l.Share = float64(l.Personalised) / float64(l.Cards)
		out[i] = l
	}
	return out
}

func scaled(n uint64, scale float64) uint64 { return uint64(math.Round(float64(n) * scale)) }

// What no text and no figure says had to be chosen. Every one of these stands
// in the report beside what came out.
const (
	// ridesEach is how often somebody who rides on a day taps: there and back,
	// and now and then a change.
	ridesEach = 2.2
	// namedFull is the share of full-fare cards among the personalised; the
	// reduced and free ones bear a name by their nature.
	namedFull = 0.10
	// minors is the share of holders of student cards under 20, seniors that of
	// holders of free cards who are 65 and over; the rest have a report of
	// disability.
	minors  = 0.5
	seniors = 0.7
	// namedPair is how many of the personalised have paired once half the city
	// has: they have been told by name.
	namedPair = 0.9
	// atHome is how many rides of a stopped rider do not happen: most stay home.
	atHome = 0.95
	// mistyped is how often a number comes that was never issued: a foreign
	// card, a forgery, a bad read.
	mistyped = 1.0 / 20_000
	// stopDays is how many days a stop lasts, and so over how many days the
	// ends of those alive are spread.
	stopDays = 10
)

// kind is what riders have in common: how they pay and what the list may say.
type kind uint8

const (
	anonymous kind = iota // full fare, no name
	named                 // full fare
	minor                 // student under 20
	grown                 // student of 20 and over
	senior                // free, 65 and over
	disabled              // free, by report
	kinds
)

// class is what a kind's card becomes when it is paired.
var class = [kinds]card.Class{
	anonymous: card.Paired, named: card.Paired, minor: card.Paired20, grown: card.Paired,
	senior: card.Paired65, disabled: card.Exempt,
}

var payer = [kinds]fare{anonymous: full, named: full, minor: student, grown: student, senior: free, disabled: free}

// pool is the cards of one kind active in a month: a run of places in the
// population. The first paired of them are paired, the first stopped of those
// are stopped, and the first riders of a shuffle of their own ride today.
type pool struct {
	first, cards, paired, stopped, riders uint32
	today                                 permutation
}

// population gives each card a place: the active ones first, kind by kind,
// then those that sleep in drawers. place and list index are a shuffle of each
// other, so that the list is as hard to code as strangers' cards can make it.
type population struct {
	cards   uint32
	active  uint32
	pools   [kinds]pool
	shuffle permutation
	lastDay statuslist.Day // of the stops that end first: the day before the replay's
}

// newPopulation lays out a base with the given share of active cards paired
// and so many stopped. boardings is the day's, already scaled.
func newPopulation(base []BaseLine, share float64, stopped uint64, boardings float64, day statuslist.Day, seed uint64) *population {
	issued, month := base[0], base[1]
	p := &population{
		cards: uint32(issued.Cards), active: uint32(month.Cards),
		shuffle: newPermutation(uint32(issued.Cards), seed, 1), lastDay: day - 1,
	}
	withName := float64(month.Personalised)
	reduced := withName * (1 - namedFull)
	students := reduced * fareShare[student] / (fareShare[student] + fareShare[free])
	want := [kinds]float64{
		anonymous: float64(month.Cards - month.Personalised),
		named:     withName * namedFull,
		minor:     students * minors, grown: students * (1 - minors),
		senior: (reduced - students) * seniors, disabled: (reduced - students) * (1 - seniors),
	}
	of := fareCards(want)
	// The named come first, then whoever is needed for the share.
	all := share * float64(month.Cards)
	byName := math.Min(all, withName*math.Max(namedPair, (all-want[anonymous])/withName))
	pairedAll := uint64(0)
	next := uint32(0)
	for k := range p.pools {
		q := &p.pools[k]
		q.first, q.cards = next, uint32(math.Round(want[k]))
		if kind(k) == kinds-1 {
			q.cards = p.active - next
		}
		next += q.cards
		rate := byName / withName
		if kind(k) == anonymous {
			rate = (all - byName) / want[anonymous]
		}
		q.paired = min(q.cards, uint32(math.Round(float64(q.cards)*rate)))
		pairedAll += uint64(q.paired)
		taps := boardings * fareShare[payer[k]] * want[k] / of[payer[k]]
		q.riders = min(q.cards, max(1, uint32(math.Round(taps/ridesEach))))
		q.today = newPermutation(q.cards, seed, 2+uint64(k))
	}
	for k := range p.pools {
		q := &p.pools[k]
		if pairedAll > 0 {
			q.stopped = min(q.paired, uint32(stopped*uint64(q.paired)/pairedAll))
		}
	}
	return p
}

// fareCards adds kinds up to fares.
func fareCards(cards [kinds]float64) (of [fares]float64) {
	for k, n := range cards {
		of[payer[k]] += n
	}
	return of
}

// kindAt finds the kind of an active place.
func (p *population) kindAt(place uint32) kind {
	k := kind(0)
	for k < kinds-1 && place >= p.pools[k+1].first {
		k++
	}
	return k
}

// status is what the list says of a place's card when the replay begins.
func (p *population) status(place uint32) statuslist.Status {
	if place >= p.active {
		return statuslist.Status{Class: statuslist.Class(card.Unpaired)}
	}
	k := p.kindAt(place)
	q := &p.pools[k]
	if place-q.first >= q.paired {
		return statuslist.Status{Class: statuslist.Class(card.Unpaired)}
	}
	s := statuslist.Status{Class: statuslist.Class(class[k])}
	if place-q.first < q.stopped {
		s.StopUntil = p.lastDay + statuslist.Day(mix(uint64(place))%stopDays)
	}
	return s
}

// all gives every card's index and status, in order of index.
func (p *population) all(yield func(uint32, statuslist.Status) bool) {
	for i := range p.cards {
		if !yield(i, p.status(p.shuffle.back(i))) {
			return
		}
	}
}

// rider gives the place of a kind's n-th rider of the day.
func (p *population) rider(k kind, n uint32) uint32 {
	q := &p.pools[k]
	return q.first + q.today.at(n)
}
