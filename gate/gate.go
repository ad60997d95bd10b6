// Package gate decides at the turnstile: may this card ride, now, on this
// line. It asks nobody. It holds the list, the rules and the ranges last
// proved to it by the city's keys, in a folder that survives a power cut at
// any moment, and goes on deciding by them for as long as it is cut off.
//
// A decision takes no lock and allocates nothing, and may run while a newer
// list takes the old one's place. Update leads the gate to what a head says,
// from any source of files: a static server (package agent), a folder on a
// memory stick, a test. What does not prove itself is refused and the last
// good list stays.
//
// The package needs the standard library only and opens no connection, so
// that a maker of validators can take it home.
package gate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"turnike/statuslist"
)

// Decision is what the turnstile does. Every refusal is the same word, lamp
// and sound, whatever the reason.
type Decision uint8

const (
	// Stale: nothing to decide by, or the rules leave a list this old to the
	// device.
	Stale Decision = iota
	// Admit opens at the card's fare.
	Admit
	// AdmitFullFare opens and charges as if the card had no reductions.
	AdmitFullFare
	// Refuse does not open. The remedy shown is the same for everyone: visit
	// a desk, or scan this.
	Refuse
)

var words = [...]string{Stale: "stale", Admit: "open", AdmitFullFare: "open-full-fare", Refuse: "refuse"}

// String is the word on the gate's line protocol.
func (d Decision) String() string {
	if int(d) < len(words) {
		return words[d]
	}
	return "stale"
}

var byOutcome = [...]Decision{
	statuslist.Undecided: Stale, statuslist.Ride: Admit, statuslist.FullFare: AdmitFullFare, statuslist.Refuse: Refuse,
}

// Config says whose list the gate goes by and where it keeps it.
type Config struct {
	// Dir is the gate's own folder; files go to Dir/City. One gate at a time.
	Dir, City string
	// Anchor is the root trust the device is born with. If it names nothing
	// the first root met is believed and kept: for trying things out.
	Anchor statuslist.Anchor
	// TagKey is for cities whose cards have no ranges (bank cards).
	TagKey *statuslist.TagKey
	// Secret is for cities that seal their lists.
	Secret *statuslist.Secret
}

// Gate holds a list and decides by it.
type Gate struct {
	cfg  Config
	dir  string
	live atomic.Pointer[snapshot]
	// sealed is the head and rules of a list whose secret this gate was not
	// given: enough to say how old it is, not to decide by.
	sealed *snapshot

	updating sync.Mutex // one Update at a time
	store    store
}

// snapshot is everything one decision goes by.
type snapshot struct {
	head   *statuslist.Head
	ranges *statuslist.Ranges
	list   *statuslist.List
	rules  *statuslist.Calendar
	// functions answer for cards that have no index; nil where there are none.
	functions *statuslist.Functions
	// The head's times in Unix seconds, as every tap needs them.
	issued, notAfter int64
}

func newSnapshot(h *statuslist.Head, ranges *statuslist.Ranges, list *statuslist.List, rules *statuslist.Calendar) *snapshot {
	return &snapshot{head: h, ranges: ranges, list: list, rules: rules, issued: h.Issued.Unix(), notAfter: h.NotAfter.Unix()}
}

// Open opens the gate's folder, and what list it holds.
func Open(cfg Config) (*Gate, error) {
	if cfg.City == "" || strings.ContainsAny(cfg.City, "/\\") || cfg.City[0] == '.' {
		return nil, fmt.Errorf("open gate: city %q is no folder name", cfg.City)
	}
	g := &Gate{cfg: cfg, dir: filepath.Join(cfg.Dir, cfg.City)}
	if err := os.MkdirAll(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("open gate: %w", err)
	}
	if err := g.load(); err != nil {
		return nil, fmt.Errorf("open gate of %s: %w", cfg.City, err)
	}
	return g, nil
}

// Decide answers a tap. at is the device's clock; where that is behind the
// time the list was signed it is known to be wrong and the list's time is
// taken. mode is the line or kind of vehicle the rules know, 0 if they need
// not. A number never issued is refused whatever the age of the list.
func (g *Gate) Decide(n statuslist.Number, at time.Time, mode uint8) Decision {
	return g.Ask(n, at, mode).Decision
}

// Answer is a decision with what a journal needs to count it. It holds no
// number and no reason.
type Answer struct {
	Decision Decision
	// Issued says whether the number has an index; what follows is zero if
	// not. A chip's id counts as issued whatever it is: the list cannot tell.
	Issued  bool
	Stopped bool // a stop holds today, of a card that has an index
	Class   statuslist.Class
	Index   uint32
	// Sequence and ListIssued name the list decided by. The tap is certainly
	// later than ListIssued, whatever the device's clock says.
	Sequence   uint64
	ListIssued time.Time
}

// Ask is Decide with the account of it.
func (g *Gate) Ask(n statuslist.Number, at time.Time, mode uint8) (a Answer) {
	s := g.live.Load()
	if s == nil {
		return a
	}
	a.Sequence, a.ListIssued = s.head.Sequence, s.head.Issued
	a.Index, a.Issued = s.ranges.Index(n)
	if !a.Issued {
		if s.functions != nil && s.ranges.HoldsChips(n) {
			return s.askFunctions(a, n, at, mode)
		}
		a.Decision = Refuse
		return a
	}
	status := s.list.Status(a.Index)
	a.Class = status.Class
	unix := at.Unix()
	if unix <= s.notAfter {
		o, stopped := s.rules.Outcome(status, max(unix, s.issued), mode)
		a.Decision, a.Stopped = byOutcome[o], stopped
		return a
	}
	o, stopped := s.rules.Stale(status, unix)
	a.Decision, a.Stopped = byOutcome[o], stopped
	return a
}

// askFunctions is Ask of a card that has no index. A stop refuses it as any
// other, but the answer does not say so: there is no index to name the card
// by, so the tap is counted and never kept by itself.
func (s *snapshot) askFunctions(a Answer, n statuslist.Number, at time.Time, mode uint8) Answer {
	status := s.functions.Status(n.Value)
	a.Issued, a.Class = true, status.Class
	unix := at.Unix()
	var o statuslist.Outcome
	if unix <= s.notAfter {
		o, _ = s.rules.Outcome(status, max(unix, s.issued), mode)
	} else {
		o, _ = s.rules.Stale(status, unix)
	}
	a.Decision = byOutcome[o]
	return a
}

// Parse reads a printed number by the schemes of the city's ranges.
func (g *Gate) Parse(printed []byte) (statuslist.Number, bool) {
	s := g.live.Load()
	if s == nil {
		return statuslist.Number{}, false
	}
	return s.ranges.Parse(printed, g.cfg.TagKey)
}

// Status is the gate's account of itself: nothing about any card.
type Status struct {
	City     string
	Sequence uint64
	Root     uint32
	Cards    uint32
	Key      statuslist.KeyID
	Issued   time.Time
	NotAfter time.Time
	Age      time.Duration // of the list, by the given clock; never negative
	// Level is "none", "fresh", "amber", "alarm" or "stale".
	Level string
}

// Status reports the list's age by the given clock.
func (g *Gate) Status(now time.Time) Status {
	s := g.live.Load()
	if s == nil {
		s = g.sealed
	}
	if s == nil {
		return Status{City: g.cfg.City, Level: "none"}
	}
	out := Status{
		City: g.cfg.City, Sequence: s.head.Sequence, Root: s.head.Root, Cards: s.head.Cards, Key: s.head.Key,
		Issued: s.head.Issued, NotAfter: s.head.NotAfter, Age: max(now.Sub(s.head.Issued), 0), Level: "fresh",
	}
	amber, alarm := s.rules.Ages(now.Unix())
	switch {
	case now.After(out.NotAfter):
		out.Level = "stale"
	case alarm > 0 && out.Age >= alarm:
		out.Level = "alarm"
	case amber > 0 && out.Age >= amber:
		out.Level = "amber"
	}
	return out
}
