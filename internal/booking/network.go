package booking

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a server without zone data would put every slot an hour off

	"github.com/BurntSushi/toml"

	"turnike/internal/city"
)

//go:embed offices/*.toml
var shipped embed.FS

// Network is an organisation's centres as a file: what they do, when they are
// open, how many counters they have, by which rules places are given out.
type Network struct {
	ID       string    `toml:"id"` // lower case ASCII; the key its rows stand under
	Name     city.Text `toml:"name"`
	Plate    int       `toml:"plate"` // province
	Zone     string    `toml:"zone"`
	Phone    string    `toml:"phone"` // the call centre
	Site     string    `toml:"site"`
	Color    string    `toml:"color"`        // of its pages, "#0a5c8a"
	Unit     int       `toml:"unit_minutes"` // 5 to 60, dividing an hour
	Rules    Rules     `toml:"rules"`
	Waves    []Wave    `toml:"wave"`
	Bands    []Band    `toml:"band"` // hours of centres that give none of their own
	Services []Matter  `toml:"service"`
	Centres  []Centre  `toml:"centre"`

	zone   *time.Location
	byID   map[string]*Centre
	served map[string]*Matter
}

// Rules are how places are given out and people called.
type Rules struct {
	HorizonDays  int `toml:"horizon_days"`  // how far ahead there are places
	HoldMinutes  int `toml:"hold_minutes"`  // a place is kept this long while a page is filled in
	OfferMinutes int `toml:"offer_minutes"` // and this long for one from the waiting list
	RestMinutes  int `toml:"rest_minutes"`  // a freed place comes back after at most this
	MaxOpen      int `toml:"max_open"`      // open visits of one person
	MaxMatters   int `toml:"max_matters"`   // in one visit
	// CalmMinutes are the first of each wave on the web: they are for whoever has
	// no visit yet, so that a hundred identities do not begin with two hundred.
	CalmMinutes int `toml:"calm_minutes"`
	// AskID asks for the T.C. identity number on the web too, so that the limit
	// on open visits is the person's and not the phone's.
	AskID bool `toml:"ask_id"`
	// OpenByForecast lets places out by how many people are foretold to stay
	// away, each night, unless a manager has decided it.
	OpenByForecast bool `toml:"open_by_forecast"`
	// ConfirmBy is the hour of the day before by which people confirm, or lose
	// the place (known from MHRS); empty asks nobody.
	ConfirmBy     string `toml:"confirm_by"`
	ReminderHours int    `toml:"reminder_hours"` // before the visit; 0 for none
	// Shares in a hundred of each cell kept for a channel until released.
	PhoneShare         int `toml:"phone_share"`
	PhoneReleaseHours  int `toml:"phone_release_hours"`
	WalkShare          int `toml:"walk_share"`
	WalkReleaseMinutes int `toml:"walk_release_minutes"`
	// On the day: an appointment has its right from EarlyMinutes before its
	// hour to LateMinutes after; a walk-in is let in after WalkAfter
	// appointments, or once one has waited WalkAfterMinutes.
	EarlyMinutes     int `toml:"early_minutes"`
	LateMinutes      int `toml:"late_minutes"`
	WalkAfter        int `toml:"walk_after"`
	WalkAfterMinutes int `toml:"walk_after_minutes"`

	confirmBy int // minute of the day, -1 for none
}

// Wave lets out part of a day's places at an announced hour.
type Wave struct {
	DaysBefore int    `toml:"days_before"`
	At         string `toml:"at"`
	Share      int    `toml:"share"` // of a hundred, with those of earlier waves

	minute int
}

// Matter is a service people come for.
type Matter struct {
	ID        string      `toml:"id"`
	Name      city.Text   `toml:"name"`
	Minutes   int         `toml:"minutes"` // at the counter
	Documents []city.Text `toml:"document"`
	Script    city.Text   `toml:"script"` // what an agent says
}

// Band is a stretch of a working week with so many counters.
type Band struct {
	Days  string `toml:"days"` // mon-fri, or sat,sun
	From  string `toml:"from"`
	To    string `toml:"to"`
	Desks int    `toml:"desks"` // 0 for all the pool has
	Since string `toml:"since"` // first and last date, empty for no end
	Until string `toml:"until"`

	days         [7]bool
	from, to     int
	since, until Day
}

// Centre is a place with counters.
type Centre struct {
	ID       string  `toml:"id"`
	Name     string  `toml:"name"`
	District string  `toml:"district"`
	Address  string  `toml:"address"`
	Lat      float64 `toml:"lat"`
	Lon      float64 `toml:"lon"`
	Desks    int     `toml:"desks"` // cashiers
	Floor    int     `toml:"floor"` // people on the floor at once; 0 for as many as cashiers
	Confirm  bool    `toml:"confirm"`
	Bands    []Band  `toml:"band"`
	Pools    []Pool  `toml:"pool"` // empty for one pool of all counters

	pools []Pool
}

// Pool is a group of counters that do the same and keep the same hours. The
// pools of a centre share no service, or a counter per pool would not be
// exact.
type Pool struct {
	ID       string   `toml:"id"`
	Desks    int      `toml:"desks"`
	Services []string `toml:"services"` // empty for all
	Bands    []Band   `toml:"band"`     // hours other than the centre's
}

// Shipped reads a network that comes with the product: "izsu".
func Shipped(id string) (*Network, error) {
	b, err := shipped.ReadFile("offices/" + id + ".toml")
	if err != nil {
		return nil, fmt.Errorf("read network %s: %w", id, err)
	}
	return ParseNetwork(b)
}

// LoadFS reads every network file (*.toml) of a folder, by name; its error names
// everything that is wrong in all of them.
func LoadFS(dir fs.FS) ([]*Network, error) {
	names, err := fs.Glob(dir, "*.toml")
	if err != nil {
		return nil, err
	}
	var all []*Network
	var errs []error
	for _, name := range names {
		b, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		n, err := ParseNetwork(b)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		all = append(all, n)
	}
	return all, errors.Join(errs...)
}

// ParseNetwork reads and checks a network's file; its error names everything
// that is wrong.
func ParseNetwork(b []byte) (*Network, error) {
	var n Network
	md, err := toml.Decode(string(b), &n)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	var errs []error
	for _, k := range md.Undecoded() {
		errs = append(errs, fmt.Errorf("network: unknown key %s", k))
	}
	errs = append(errs, n.check()...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &n, nil
}

var weekdays = map[string]time.Weekday{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}

// read works out a band's days and hours.
func (b *Band) read(unit int) error {
	for part := range strings.SplitSeq(b.Days, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			last = first
		}
		f, okF := weekdays[first]
		l, okL := weekdays[last]
		if !okF || !okL {
			return fmt.Errorf("days %q: write them as mon-fri or sat,sun", b.Days)
		}
		for d := f; ; d = (d + 1) % 7 {
			b.days[d] = true
			if d == l {
				break
			}
		}
	}
	var okF, okT bool
	b.from, okF = parseClock(b.From)
	b.to, okT = parseClock(b.To)
	if !okF || !okT || b.from >= b.to || b.from%unit != 0 || b.to%unit != 0 {
		return fmt.Errorf("hours %s-%s: not a stretch of whole units", b.From, b.To)
	}
	b.since, b.until = math.MinInt32, math.MaxInt32
	for _, d := range []struct {
		text string
		to   *Day
	}{{b.Since, &b.since}, {b.Until, &b.until}} {
		if d.text != "" {
			day, err := ParseDay(d.text)
			if err != nil {
				return fmt.Errorf("date %q: write it as 2021-01-15", d.text)
			}
			*d.to = day
		}
	}
	return nil
}

func (n *Network) check() (errs []error) {
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf("network: "+format, a...)) }
	if n.ID == "" || strings.ToLower(n.ID) != n.ID || strings.ContainsFunc(n.ID, func(r rune) bool { return r > 'z' || r <= ' ' }) {
		bad("id %q: lower case ASCII", n.ID)
	}
	zone, err := time.LoadLocation(n.Zone)
	if err != nil || n.Zone == "" {
		bad("zone %q: an IANA name is needed", n.Zone)
		zone = time.UTC
	}
	n.zone = zone
	if n.Unit < 5 || 60%n.Unit != 0 {
		bad("unit_minutes %d: 5 to 60, dividing an hour", n.Unit)
		return errs
	}
	r := &n.Rules
	for _, c := range []struct {
		name      string
		v, lo, hi int
	}{
		{"horizon_days", r.HorizonDays, 1, 400}, {"hold_minutes", r.HoldMinutes, 1, 60}, {"offer_minutes", r.OfferMinutes, 1, 1440},
		{"rest_minutes", r.RestMinutes, 0, 240}, {"max_open", r.MaxOpen, 1, 20}, {"max_matters", r.MaxMatters, 1, 10},
		{"reminder_hours", r.ReminderHours, 0, 168}, {"calm_minutes", r.CalmMinutes, 0, 1440}, {"phone_share", r.PhoneShare, 0, 90}, {"walk_share", r.WalkShare, 0, 90},
		{"phone_release_hours", r.PhoneReleaseHours, 0, 400}, {"walk_release_minutes", r.WalkReleaseMinutes, 0, 1440},
		{"early_minutes", r.EarlyMinutes, 0, 120}, {"late_minutes", r.LateMinutes, 0, 120},
		{"walk_after", r.WalkAfter, 1, 100}, {"walk_after_minutes", r.WalkAfterMinutes, 1, 240},
	} {
		if c.v < c.lo || c.v > c.hi {
			bad("rules.%s %d: %d to %d", c.name, c.v, c.lo, c.hi)
		}
	}
	if r.PhoneShare+r.WalkShare > 100 {
		bad("rules: phone_share and walk_share are over a hundred together")
	}
	r.confirmBy = -1
	if r.ConfirmBy != "" {
		m, ok := parseClock(r.ConfirmBy)
		if !ok {
			bad("rules.confirm_by %q: write it as 20:00", r.ConfirmBy)
		}
		r.confirmBy = m
	}
	for i := range n.Waves {
		w := &n.Waves[i]
		var ok bool
		if w.minute, ok = parseClock(w.At); !ok || w.Share < 1 || w.Share > 100 || w.DaysBefore < 0 {
			bad("wave %d: at 10:00, share 1 to 100", i+1)
		}
	}
	if len(n.Waves) > 0 && !slices.ContainsFunc(n.Waves, func(w Wave) bool { return w.Share == 100 }) {
		bad("wave: none lets out all hundred places")
	}
	for i := range n.Bands {
		if err := n.Bands[i].read(n.Unit); err != nil {
			bad("%w", err)
		}
	}
	n.served = map[string]*Matter{}
	for i := range n.Services {
		s := &n.Services[i]
		if n.served[s.ID] != nil || s.ID == "" || s.Minutes < 1 || s.Name["tr"] == "" {
			bad("service %q: an id of its own, a Turkish name and minutes are needed", s.ID)
		}
		n.served[s.ID] = s
	}
	n.byID = map[string]*Centre{}
	for i := range n.Centres {
		errs = append(errs, n.checkCentre(&n.Centres[i])...)
	}
	if len(n.Centres) == 0 || len(n.Services) == 0 {
		bad("no centre or no service")
	}
	return errs
}

func (n *Network) checkCentre(c *Centre) (errs []error) {
	bad := func(format string, a ...any) {
		errs = append(errs, fmt.Errorf("network: centre %s: %w", c.ID, fmt.Errorf(format, a...)))
	}
	if c.ID == "" || n.byID[c.ID] != nil || c.Name == "" || c.Desks < 1 {
		bad("an id of its own, a name and desks are needed")
	}
	n.byID[c.ID] = c
	if c.Floor == 0 {
		c.Floor = c.Desks
	}
	if n.Plate != 0 && c.District != "" && !city.HasDistrict(n.Plate, c.District) {
		bad("district %q is none of the province", c.District)
	}
	bands := n.Bands
	if len(c.Bands) > 0 {
		bands = c.Bands
		for i := range bands {
			if err := bands[i].read(n.Unit); err != nil {
				bad("%w", err)
			}
		}
	}
	c.pools = slices.Clone(c.Pools)
	if len(c.pools) == 0 {
		c.pools = []Pool{{ID: "counter", Desks: c.Desks}}
	}
	seen, desks := map[string]string{}, 0
	for i := range c.pools {
		p := &c.pools[i]
		desks += p.Desks
		if p.ID == floorPool || p.Desks < 1 {
			bad("pool %q: an id and desks are needed", p.ID)
		}
		if len(p.Bands) == 0 {
			p.Bands = bands
		} else {
			for j := range p.Bands {
				if err := p.Bands[j].read(n.Unit); err != nil {
					bad("pool %s: %w", p.ID, err)
				}
			}
		}
		if len(p.Services) == 0 {
			for _, s := range n.Services {
				p.Services = append(p.Services, s.ID)
			}
		}
		for _, s := range p.Services {
			if n.served[s] == nil {
				bad("pool %s: unknown service %q", p.ID, s)
			}
			if seen[s] != "" {
				bad("service %s is in two pools, %s and %s: counters would not be exact", s, seen[s], p.ID)
			}
			seen[s] = p.ID
		}
		for _, b := range p.Bands {
			if b.Desks > p.Desks {
				bad("pool %s: a band of %d counters, of %d", p.ID, b.Desks, p.Desks)
			}
		}
	}
	if desks > c.Desks {
		bad("its pools have %d counters, it has %d", desks, c.Desks)
	}
	return errs
}

// Ahead is how many days before its own the first places of a day are let out.
func (n *Network) Ahead() int {
	ahead := n.Rules.HorizonDays
	for _, w := range n.Waves {
		ahead = max(ahead, w.DaysBefore)
	}
	return ahead
}

// Location is the network's time zone.
func (n *Network) Location() *time.Location { return n.zone }

// CentreByID finds a centre.
func (n *Network) CentreByID(id string) (*Centre, bool) { c, ok := n.byID[id]; return c, ok }

// ServiceByID finds a service.
func (n *Network) ServiceByID(id string) (*Matter, bool) { s, ok := n.served[id]; return s, ok }

// PoolFor is the pool of a centre that serves a matter.
func (c *Centre) PoolFor(service string) (string, bool) {
	for _, p := range c.pools {
		if slices.Contains(p.Services, service) {
			return p.ID, true
		}
	}
	return "", false
}

// DesksOf is how many counters a pool has when all are open.
func (c *Centre) DesksOf(pool string) int {
	for _, p := range c.pools {
		if p.ID == pool {
			return p.Desks
		}
	}
	return 0
}

// PoolIDs are the ids of a centre's pools.
func (c *Centre) PoolIDs() []string {
	ids := make([]string, len(c.pools))
	for i, p := range c.pools {
		ids[i] = p.ID
	}
	return ids
}

// Units is how many units a visit for so many of a matter takes.
func (n *Network) Units(service string, matters int) (int, error) {
	s := n.served[service]
	if s == nil {
		return 0, ErrNoCentre
	}
	if matters < 1 || matters > n.Rules.MaxMatters {
		return 0, ErrMatters
	}
	return (s.Minutes*matters + n.Unit - 1) / n.Unit, nil
}

// Start is when a unit of a day begins.
func (n *Network) Start(day Day, unit int) time.Time { return day.At(unit*n.Unit, n.zone) }

// StartOf is when a place's time begins, and when it ends.
func (n *Network) StartOf(p Place) (from, to time.Time) {
	return n.Start(p.Day, p.Unit), n.Start(p.Day, p.Unit+p.Units)
}

// UnitAt is the unit a moment falls into.
func (n *Network) UnitAt(t time.Time) (Day, int) {
	l := t.In(n.zone)
	return DayOf(t, n.zone), (l.Hour()*60 + l.Minute()) / n.Unit
}
