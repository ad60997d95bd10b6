package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/hook"
)

// Visits is what the API needs of one network of centres.
type Visits struct {
	Service  *booking.Service
	Contacts booking.Contacts
	Proof    booking.Proving
}

// How long answers about places may be kept: a place may be gone in a moment,
// and only the hold says.
const placesCache = "public, max-age=5"

// Faults about where and when.
var (
	ErrNoNetwork = fault.New(fault.NotFound, "network.none")
	ErrSlot      = fault.New(fault.Invalid, "slot.shape")        // not a start time
	ErrKeyShort  = fault.New(fault.Invalid, "idempotency.short") // could be guessed
	ErrClock     = fault.New(fault.Invalid, "clock.shape")       // no hour of the day, or hours that overlap
	ErrDesk      = fault.New(fault.Invalid, "desk.unknown")      // no such counter there
	ErrNoChange  = fault.New(fault.NotFound, "change.unknown")   // no such exception
	errNoCentre  = booking.ErrNoCentre                           // also one that is not the key's
	errBusy      = fault.New(fault.Unavailable, "store.busy").After(2 * time.Second)
)

// NetworkRow is a network in the list.
type NetworkRow struct {
	ID   string `json:"id" example:"izsu"`
	Name Texts  `json:"name"`
	Href string `json:"href" format:"uri-reference" example:"/api/v1/networks/izsu"`
}

// Networks are all that take appointments here.
type Networks struct {
	Networks []NetworkRow `json:"networks" nullable:"false" doc:"By id"`
}

// Network is an organisation whose centres one visits by appointment.
type Network struct {
	NetworkRow
	Zone        string       `json:"zone" example:"Europe/Istanbul"`
	Phone       string       `json:"phone,omitempty" doc:"The call centre" example:"185"`
	Site        string       `json:"site,omitempty"`
	UnitMinutes int          `json:"unit_minutes" minimum:"5" maximum:"60" doc:"Places begin so far apart"`
	Rules       NetworkRules `json:"rules"`
	Waves       []WaveRow    `json:"waves" nullable:"false" doc:"When a day's places are let out; empty: all at once, horizon_days before"`
}

// NetworkRules are how places are given out.
type NetworkRules struct {
	DaysAhead     int    `json:"days_ahead" minimum:"1" doc:"How far ahead there are places"`
	HoldMinutes   int    `json:"hold_minutes" minimum:"1" doc:"A place is kept this long while a form is filled in"`
	OfferMinutes  int    `json:"offer_minutes" minimum:"1" doc:"And this long for somebody from the waiting list"`
	MaxOpen       int    `json:"max_open" minimum:"1" doc:"Open visits of one person"`
	MaxMatters    int    `json:"max_matters" minimum:"1" doc:"Matters in one visit"`
	ConfirmBy     string `json:"confirm_by,omitempty" doc:"Hour of the day before by which a visit is confirmed or lost, in centres that ask it" example:"20:00"`
	ReminderHours int    `json:"reminder_hours" minimum:"0"`
	EarlyMinutes  int    `json:"early_minutes" minimum:"0" doc:"Whoever comes from so much before their hour"`
	LateMinutes   int    `json:"late_minutes" minimum:"0" doc:"to so much after it is called first"`
	AskID         bool   `json:"ask_id" doc:"The form asks the identity number"`
}

// WaveRow is one announced release.
type WaveRow struct {
	DaysBefore int    `json:"days_before" minimum:"0"`
	At         string `json:"at" example:"09:00"`
	Share      int    `json:"share" minimum:"1" maximum:"100" doc:"Of a hundred places, with those of earlier waves"`
}

// Matter is a service people come for.
type Matter struct {
	ID        string  `json:"id" example:"closing"`
	Name      Texts   `json:"name"`
	Minutes   int     `json:"minutes" minimum:"1" doc:"At the counter"`
	Documents []Texts `json:"documents" nullable:"false" doc:"What to bring"`
	Script    *Texts  `json:"script,omitempty" doc:"What an agent says; with a key for bookings"`
}

// Matters are a network's services.
type Matters struct {
	Services []Matter `json:"services" nullable:"false"`
}

// Centre is a place with counters.
type Centre struct {
	ID       string   `json:"id" example:"konak"`
	Name     string   `json:"name"`
	District string   `json:"district,omitempty"`
	Address  string   `json:"address,omitempty"`
	Lat      *float64 `json:"lat,omitempty" minimum:"-90" maximum:"90"`
	Lon      *float64 `json:"lon,omitempty" minimum:"-180" maximum:"180"`
	Counters int      `json:"counters" minimum:"1"`
	Confirm  bool     `json:"confirm" doc:"Visits are confirmed the day before"`
	Services []string `json:"services" nullable:"false" doc:"Ids of what it does"`
	Days     []Hours  `json:"days,omitempty" nullable:"false" doc:"The days ahead on which it is open; when one centre is asked for"`
}

// Hours are one day's.
type Hours struct {
	Day    string    `json:"day" format:"date" example:"2021-03-17"`
	Opens  time.Time `json:"opens"`
	Closes time.Time `json:"closes"`
}

// Centres are a network's.
type Centres struct {
	Centres []Centre `json:"centres" nullable:"false" doc:"In the network's order"`
}

// Availability is how full the days ahead are.
type Availability struct {
	Service string       `json:"service"`
	Matters int          `json:"matters"`
	From    string       `json:"from" format:"date"`
	Days    int          `json:"days"`
	Centres []CentreDays `json:"centres" nullable:"false" doc:"By their first free place, soonest first"`
}

// CentreDays are a centre's days that have a place.
type CentreDays struct {
	Centre string      `json:"centre"`
	Free   int         `json:"free" minimum:"0" doc:"Starts still to be had"`
	First  *time.Time  `json:"first,omitempty"`
	Days   []DayPlaces `json:"days" nullable:"false" doc:"Days with a place; a day that is not here is full or closed"`
}

// DayPlaces is one day's.
type DayPlaces struct {
	Day   string    `json:"day" format:"date"`
	Free  int       `json:"free" minimum:"1"`
	First time.Time `json:"first"`
}

// Slots are the start times of a centre's day.
type Slots struct {
	Centre      string     `json:"centre"`
	Day         string     `json:"day" format:"date"`
	Version     int64      `json:"version" doc:"Rises with every change of the day"`
	Slots       []SlotRow  `json:"slots" nullable:"false" doc:"That can be had now, as far as is remembered; the hold decides"`
	NextRelease *time.Time `json:"next_release,omitempty" doc:"When more of the day's places are let out"`
}

// SlotRow is a start time.
type SlotRow struct {
	Start time.Time `json:"start"`
	Free  int       `json:"free" minimum:"1"`
}

// QueueState is a centre's queue as a display in the room shows it.
type QueueState struct {
	Centre  string      `json:"centre"`
	At      time.Time   `json:"at"`
	Waiting int         `json:"waiting" minimum:"0"`
	Called  []CalledRow `json:"called" nullable:"false" doc:"The newest calls, newest first"`
	Next    []int       `json:"next" nullable:"false" doc:"Who would be called next, were nobody to come"`
	Waits   []WaitRow   `json:"waits" nullable:"false" doc:"How long somebody who takes a number now would wait, by service"`
}

// CalledRow is a call.
type CalledRow struct {
	Number int       `json:"number" minimum:"1"`
	Desk   string    `json:"desk"`
	At     time.Time `json:"at"`
}

// WaitRow is an honest wait: half wait no longer than median, four of five no
// longer than most.
type WaitRow struct {
	Service string `json:"service"`
	Median  int    `json:"median_seconds" minimum:"0"`
	Most    int    `json:"most_seconds" minimum:"0"`
}

// visits finds a network.
func (s *server) visits(id string) (Visits, error) {
	if s.cfg.Networks != nil {
		if v, ok := s.cfg.Networks()[id]; ok {
			return v, nil
		}
	}
	return Visits{}, ErrNoNetwork
}

func (s *server) centre(network, id string) (Visits, *booking.Centre, error) {
	v, err := s.visits(network)
	if err != nil {
		return v, nil, err
	}
	c, ok := v.Service.Network().CentreByID(id)
	if !ok {
		return v, nil, errNoCentre
	}
	return v, c, nil
}

// NetworkPath names a network.
type NetworkPath struct {
	Network string `path:"network" doc:"A network's id" example:"izsu"`
}

// CentrePath names a centre.
type CentrePath struct {
	NetworkPath
	Centre string `path:"centre" doc:"A centre's id" example:"konak"`
}

const networkBase = Prefix + "v1/networks/{network}"

func (s *server) networkRoutes(doc huma.API) {
	type out[T any] struct {
		Cacheable
		Body T
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "list-networks", Method: http.MethodGet, Path: Prefix + "v1/networks", Tags: []string{"networks"},
		Summary: "List who takes appointments here",
	}, "The networks", networksExample(), func(context.Context, *struct{}) (*out[Networks], error) {
		list := Networks{Networks: []NetworkRow{}}
		if s.cfg.Networks != nil {
			for id, v := range s.cfg.Networks() {
				list.Networks = append(list.Networks, networkRow(id, v.Service.Network()))
			}
		}
		slices.SortFunc(list.Networks, func(a, b NetworkRow) int { return cmp.Compare(a.ID, b.ID) })
		return &out[Networks]{Cacheable{CacheControl: cityCache}, list}, nil
	}, nil)

	operation[struct{}](doc, huma.Operation{
		OperationID: "get-network", Method: http.MethodGet, Path: networkBase, Tags: []string{"networks"},
		Summary: "See by which rules places are given out",
	}, "The network", networkExample(), func(ctx context.Context, in *NetworkPath) (*out[Network], error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &out[Network]{Cacheable{CacheControl: cityCache}, describeNetwork(v.Service.Network())}, nil
	}, nil, ErrNoNetwork)

	operation[struct{}](doc, huma.Operation{
		OperationID: "list-services", Method: http.MethodGet, Path: networkBase + "/services", Tags: []string{"networks"},
		Summary:     "List what people come for, with what to bring",
		Description: "With a key that may book, also what an agent says.",
	}, "The services", mattersExample(), func(ctx context.Context, in *NetworkPath) (*out[Matters], error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		agent := s.may(ctx, in.Network, access.Book)
		list := Matters{Services: []Matter{}}
		for _, m := range v.Service.Network().Services {
			list.Services = append(list.Services, describeMatter(m, agent))
		}
		o := &out[Matters]{Cacheable{CacheControl: cityCache}, list}
		if agent {
			o.CacheControl = "no-store"
		}
		return o, nil
	}, nil, ErrNoNetwork)

	operation[struct{}](doc, huma.Operation{
		OperationID: "list-centres", Method: http.MethodGet, Path: networkBase + "/centres", Tags: []string{"networks"},
		Summary: "List the centres with where they are and what they do",
	}, "The centres", centresExample(), func(ctx context.Context, in *NetworkPath) (*out[Centres], error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		list := Centres{Centres: []Centre{}}
		n := v.Service.Network()
		for i := range n.Centres {
			list.Centres = append(list.Centres, describeCentre(n, &n.Centres[i]))
		}
		return &out[Centres]{Cacheable{CacheControl: cityCache}, list}, nil
	}, nil, ErrNoNetwork)

	operation[struct{}](doc, huma.Operation{
		OperationID: "get-centre", Method: http.MethodGet, Path: networkBase + "/centres/{centre}", Tags: []string{"networks"},
		Summary:     "See when a centre is open",
		Description: "Its hours on the days ahead as they stand today, with holidays and what a manager has changed.",
	}, "The centre", centreExample(), func(ctx context.Context, in *CentrePath) (*out[Centre], error) {
		v, c, err := s.centre(in.Network, in.Centre)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		n := v.Service.Network()
		d := describeCentre(n, c)
		d.Days = []Hours{}
		today := booking.DayOf(s.cfg.Now(), n.Location())
		for day := today; day <= today+booking.Day(n.Ahead()); day++ {
			plan, err := v.Service.PlanOn(ctx, c.ID, day)
			if err != nil {
				return nil, s.problem(ctx, err)
			}
			if h, ok := hoursOf(n, day, plan); ok {
				d.Days = append(d.Days, h)
			}
		}
		return &out[Centre]{Cacheable{CacheControl: cityCache}, d}, nil
	}, nil, ErrNoNetwork, errBusy)
	s.placeRoutes(doc)
}

func (s *server) placeRoutes(doc huma.API) {
	type out[T any] struct {
		Cacheable
		Body T
	}
	type gridIn struct {
		NetworkPath
		Service string `query:"service" required:"true" doc:"A service's id" example:"closing"`
		Matters int    `query:"matters" default:"1" minimum:"1" doc:"How many of it in one visit"`
		From    string `query:"from" format:"date" doc:"First day; today where absent" example:"2021-03-17"`
		Days    int    `query:"days" default:"14" minimum:"1" maximum:"31"`
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "get-availability", Method: http.MethodGet, Path: networkBase + "/availability", Tags: []string{"networks"},
		Summary:     "See how many places every centre has left, by day",
		Description: "Answered from memory: ask as often as you like, with If-None-Match. Whether a place can be had only the hold says.",
	}, "The days", availabilityExample(), func(ctx context.Context, in *gridIn) (*out[Availability], error) {
		v, err := s.visits(in.Network)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		n, now := v.Service.Network(), s.cfg.Now()
		from, err := dayOr(in.From, booking.DayOf(now, n.Location()), "?from")
		if err == nil && (in.Days < 1 || in.Days > 31) {
			err = ErrQuery.On("?days")
		}
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		rows, err := v.Service.Board().Grid(in.Service, in.Matters, from, in.Days, booking.API, now)
		if err != nil {
			return nil, s.problem(ctx, onService(err))
		}
		return &out[Availability]{Cacheable{CacheControl: placesCache}, Availability{in.Service, in.Matters, from.String(), in.Days, grid(n, rows)}}, nil
	}, nil, ErrNoNetwork, ErrQuery.On("?days"))

	type slotsIn struct {
		CentrePath
		Service string `query:"service" required:"true" doc:"A service's id" example:"closing"`
		Matters int    `query:"matters" default:"1" minimum:"1"`
		Day     string `query:"day" format:"date" required:"true" example:"2021-03-17"`
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "list-slots", Method: http.MethodGet, Path: networkBase + "/centres/{centre}/slots", Tags: []string{"networks"},
		Summary: "List the start times of a centre's day",
	}, "The start times", slotsExample(), func(ctx context.Context, in *slotsIn) (*out[Slots], error) {
		v, _, err := s.centre(in.Network, in.Centre)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		day, err := booking.ParseDay(in.Day)
		if err != nil {
			return nil, s.problem(ctx, booking.ErrDay.On("?day"))
		}
		n, now := v.Service.Network(), s.cfg.Now()
		slots, version, err := v.Service.Board().Slots(in.Centre, day, in.Service, in.Matters, booking.API, now)
		if err != nil {
			return nil, s.problem(ctx, onService(err))
		}
		list := Slots{Centre: in.Centre, Day: day.String(), Version: version, Slots: []SlotRow{}}
		for _, x := range slots {
			list.Slots = append(list.Slots, SlotRow{x.Start.In(n.Location()), x.Free})
		}
		if next := n.NextRelease(day, now); !next.IsZero() {
			next = next.In(n.Location())
			list.NextRelease = &next
		}
		return &out[Slots]{Cacheable{CacheControl: placesCache}, list}, nil
	}, nil, ErrNoNetwork, booking.ErrDay.On("?day"))

	operation[struct{}](doc, huma.Operation{
		OperationID: "get-queue", Method: http.MethodGet, Path: networkBase + "/centres/{centre}/queue", Tags: []string{"networks"},
		Summary:     "See a centre's queue now",
		Description: "What a display in the room shows: the last calls, who is next, and how long somebody who comes now would wait. Half wait no longer than the median, four of five no longer than most.",
	}, "The queue", queueExample(), func(ctx context.Context, in *CentrePath) (*out[QueueState], error) {
		v, c, err := s.centre(in.Network, in.Centre)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		q, err := queueOf(ctx, v.Service, c, s.cfg.Now())
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &out[QueueState]{Cacheable{CacheControl: placesCache}, q}, nil
	}, nil, ErrNoNetwork, errBusy)
}

// onService says at which parameter a service or its number is wrong.
func onService(err error) error {
	if f := fault.Of(err); len(f) == 1 {
		switch f[0].Code {
		case booking.ErrMatters.Code:
			return fault.List{f[0].On("?matters")}
		case booking.ErrNoCentre.Code:
			return fault.List{f[0].On("?service")}
		}
	}
	return err
}

func dayOr(text string, today booking.Day, at string) (booking.Day, error) {
	if text == "" {
		return today, nil
	}
	d, err := booking.ParseDay(text)
	if err != nil {
		return 0, booking.ErrDay.On(at)
	}
	return d, nil
}

func networkRow(id string, n *booking.Network) NetworkRow {
	return NetworkRow{id, texts(n.Name), Prefix + "v1/networks/" + id}
}

func describeNetwork(n *booking.Network) Network {
	r := n.Rules
	d := Network{NetworkRow: networkRow(n.ID, n), Zone: n.Zone, Phone: n.Phone, Site: n.Site, UnitMinutes: n.Unit, Waves: []WaveRow{},
		Rules: NetworkRules{n.Ahead(), r.HoldMinutes, r.OfferMinutes, r.MaxOpen, r.MaxMatters, r.ConfirmBy, r.ReminderHours,
			r.EarlyMinutes, r.LateMinutes, r.AskID}}
	for _, w := range n.Waves {
		d.Waves = append(d.Waves, WaveRow{w.DaysBefore, w.At, w.Share})
	}
	return d
}

func describeMatter(m booking.Matter, agent bool) Matter {
	d := Matter{ID: m.ID, Name: texts(m.Name), Minutes: m.Minutes, Documents: []Texts{}}
	for _, t := range m.Documents {
		d.Documents = append(d.Documents, texts(t))
	}
	if agent && len(m.Script) > 0 {
		t := texts(m.Script)
		d.Script = &t
	}
	return d
}

func describeCentre(n *booking.Network, c *booking.Centre) Centre {
	d := Centre{ID: c.ID, Name: c.Name, District: c.District, Address: c.Address, Counters: c.Desks, Confirm: c.Confirm, Services: []string{}}
	if c.Lat != 0 || c.Lon != 0 {
		d.Lat, d.Lon = &c.Lat, &c.Lon
	}
	for _, m := range n.Services {
		if _, ok := c.PoolFor(m.ID); ok {
			d.Services = append(d.Services, m.ID)
		}
	}
	return d
}

// hoursOf is a plan's first opening and last closing.
func hoursOf(n *booking.Network, day booking.Day, plan []booking.PlanCell) (h Hours, ok bool) {
	for _, p := range plan {
		if p.Pool == "" || p.Desks == 0 {
			continue
		}
		from, to := n.Start(day, p.Unit).In(n.Location()), n.Start(day, p.Unit+1).In(n.Location())
		if !ok || from.Before(h.Opens) {
			h.Opens = from
		}
		if to.After(h.Closes) {
			h.Closes = to
		}
		ok = true
	}
	h.Day = day.String()
	return h, ok
}

// grid puts the board's rows together by centre, the soonest first.
func grid(n *booking.Network, rows []booking.Summary) []CentreDays {
	list := []CentreDays{}
	for _, r := range rows {
		if len(list) == 0 || list[len(list)-1].Centre != r.Centre {
			list = append(list, CentreDays{Centre: r.Centre, Days: []DayPlaces{}})
		}
		if r.Free == 0 {
			continue
		}
		c, first := &list[len(list)-1], r.First.In(n.Location())
		c.Free += r.Free
		c.Days = append(c.Days, DayPlaces{r.Day.String(), r.Free, first})
		if c.First == nil || first.Before(*c.First) {
			c.First = &first
		}
	}
	slices.SortStableFunc(list, func(a, b CentreDays) int {
		switch {
		case a.First == nil && b.First == nil:
			return 0
		case a.First == nil:
			return 1
		case b.First == nil:
			return -1
		}
		return a.First.Compare(*b.First)
	})
	return list
}

// shown is how many calls, and how many of those next, a display shows.
const shown = 5

func queueOf(ctx context.Context, v *booking.Service, c *booking.Centre, now time.Time) (QueueState, error) {
	n := v.Network()
	ts, _, err := v.Tickets(ctx, c.ID)
	if err != nil {
		return QueueState{}, err
	}
	q := QueueState{Centre: c.ID, At: now.In(n.Location()).Truncate(time.Second), Called: []CalledRow{}, Next: n.Next(ts, now, shown), Waits: []WaitRow{}}
	if q.Next == nil {
		q.Next = []int{}
	}
	for _, t := range ts {
		switch {
		case t.State == booking.InQueue:
			q.Waiting++
		case t.State == booking.Called || t.State == booking.Serving:
			q.Called = append(q.Called, CalledRow{t.Number, t.Desk, t.Called.In(n.Location())})
		}
	}
	slices.SortFunc(q.Called, func(a, b CalledRow) int { return b.At.Compare(a.At) })
	q.Called = q.Called[:min(len(q.Called), shown)]
	// One forecast for each pool: its services wait in one line.
	pools := map[string]booking.Range{}
	for _, m := range n.Services {
		pool, ok := c.PoolFor(m.ID)
		if !ok {
			continue
		}
		r, ok := pools[pool]
		if !ok {
			if r, err = v.Expect(ctx, c.ID, m.ID, 0); err != nil {
				return q, err
			}
			pools[pool] = r
		}
		q.Waits = append(q.Waits, WaitRow{m.ID, int(r.Median / time.Second), int(r.Most / time.Second)})
	}
	return q, nil
}

var _ Keys = (*hook.Service)(nil)
