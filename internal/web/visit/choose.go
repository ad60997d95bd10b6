package visit

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/ui"
)

func (s *Server) front(w http.ResponseWriter, r *http.Request, o *office) error {
	return s.site.Render(w, r, http.StatusOK, frontPage(s.frame(r, o, ""), o))
}

// documents are what to bring for a matter, in the reader's language.
func documents(ctx context.Context, m *booking.Matter) []string {
	var list []string
	for _, d := range m.Documents {
		list = append(list, d.In(string(i18n.From(ctx))))
	}
	return list
}

// offer is one centre in the list.
type offer struct {
	centre *booking.Centre
	first  time.Time // zero where it is full as far as one can book
	free   int
	next   time.Time // of a full one, when more is let out; zero if never
	far    float64   // kilometres; 0 where nobody asked
	href   string
}

// tone says by a colour how soon a centre has a place.
func (f offer) tone(now time.Time) string {
	switch {
	case f.first.IsZero():
		return "v-full"
	case f.first.Sub(now) < 48*time.Hour:
		return "v-now"
	case f.first.Sub(now) < 7*24*time.Hour:
		return "v-soon"
	}
	return "v-late"
}

// places is the page of centres.
type places struct {
	page   ui.Page
	office *office
	matter *booking.Matter
	choice choice
	offers []offer
	now    time.Time
}

func (p places) of(centre string) offer {
	for _, f := range p.offers {
		if f.centre.ID == centre {
			return f
		}
	}
	return offer{}
}

// centres lists where a matter can be brought to, the soonest or the nearest
// first, from what is remembered.
func (s *Server) centres(w http.ResponseWriter, r *http.Request, o *office) error {
	c, m, err := o.choice(r.URL.Query().Get)
	if err != nil {
		return err
	}
	p := places{page: s.frame(r, o, "visit.centres.title"), office: o, matter: m, choice: c, now: s.cfg.Now()}
	p.page.Back, p.page.Query = o.path(""), c.query()
	if c.move != "" {
		p.page.Back = o.path("v/" + c.move)
	}
	if p.offers, err = o.offers(c, p.now); err != nil {
		return err
	}
	return s.site.Render(w, r, http.StatusOK, centresPage(p))
}

func (o *office) offers(c choice, now time.Time) ([]offer, error) {
	today := o.today(now)
	sums, err := o.Service.Board().Grid(c.service, c.matters, today, o.net.Ahead()+1, booking.Web, now)
	if err != nil {
		return nil, err
	}
	var list []offer
	for _, sum := range sums {
		if len(list) == 0 || list[len(list)-1].centre.ID != sum.Centre {
			at, _ := o.net.CentreByID(sum.Centre)
			f := offer{centre: at, href: o.path("at/" + at.ID + "?" + c.query())}
			if near, ok := o.net.CentreByID(c.near); ok {
				f.far = kilometres(at, near)
			}
			list = append(list, f)
		}
		f := &list[len(list)-1]
		f.free += sum.Free
		if f.first.IsZero() {
			f.first = sum.First
		}
	}
	for i := range list {
		if list[i].first.IsZero() {
			list[i].next = o.next(today, now)
		}
	}
	slices.SortStableFunc(list, func(a, b offer) int {
		if c.near != "" {
			return cmp.Compare(a.far, b.far)
		}
		switch {
		case a.first.IsZero() != b.first.IsZero():
			if a.first.IsZero() {
				return 1
			}
			return -1
		case !a.first.Equal(b.first):
			return a.first.Compare(b.first)
		}
		return cmp.Compare(b.free, a.free)
	})
	return list, nil
}

// next is when more places are let out, of any day as far as one can book.
func (o *office) next(from booking.Day, now time.Time) time.Time {
	var next time.Time
	for d := from; d <= from+booking.Day(o.net.Ahead()); d++ {
		if t := o.net.NextRelease(d, now); !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

// dayTab is one day a centre is open.
type dayTab struct {
	day  booking.Day
	at   time.Time // its midnight
	free int
	href string
	now  bool
}

// hour is one start.
type hour struct {
	unit  string
	clock string
}

// agenda is the page of one centre's hours.
type agenda struct {
	page    ui.Page
	office  *office
	centre  *booking.Centre
	matter  *booking.Matter
	choice  choice
	day     booking.Day
	date    time.Time
	days    []dayTab
	morning []hour
	later   []hour
	next    time.Time // of a full day, when more is let out
	key     string
	action  string
	faults  fault.List
	carry   booking.Form // typed already, on the way to another hour
}

func (a agenda) full() bool { return len(a.morning)+len(a.later) == 0 }

// hours shows the free hours of a centre's day.
func (s *Server) hours(w http.ResponseWriter, r *http.Request, o *office) error {
	q := r.URL.Query()
	c, m, err := o.choice(q.Get)
	if err != nil {
		return err
	}
	if _, err := s.session(w, r); err != nil {
		return err
	}
	a, err := s.agenda(r, o, c, m, r.PathValue("centre"), q.Get("day"))
	if err != nil {
		return err
	}
	return s.site.Render(w, r, http.StatusOK, hoursPage(a))
}

// agenda looks a centre's day up in memory; without a day, the first that has a
// place.
func (s *Server) agenda(r *http.Request, o *office, c choice, m *booking.Matter, centre, day string) (agenda, error) {
	now := s.cfg.Now()
	at, ok := o.net.CentreByID(centre)
	if !ok {
		return agenda{}, booking.ErrNoCentre
	}
	if _, ok := at.PoolFor(c.service); !ok {
		return agenda{}, booking.ErrNoCentre
	}
	a := agenda{page: s.frame(r, o, "visit.hours.title"), office: o, centre: at, matter: m, choice: c, action: o.path("hold")}
	a.page.Title = ui.T(r.Context(), "visit.hours.title", "Centre", at.Name)
	a.page.Back = o.path("centres?" + c.query())
	if c.move != "" {
		a.action = o.path("v/" + c.move + "/move")
	}
	var err error
	if a.key, err = newKey(); err != nil {
		return a, err
	}
	today := o.today(now)
	if d, err := booking.ParseDay(day); err == nil {
		a.day = d
	}
	sums, err := o.Service.Board().Grid(c.service, c.matters, today, o.net.Ahead()+1, booking.Web, now)
	if err != nil {
		return a, err
	}
	for _, sum := range sums {
		if sum.Centre != at.ID {
			continue
		}
		if sum.Free == 0 && !o.Service.Board().Open(at.ID, sum.Day, c.service, now) {
			continue
		}
		if a.day == 0 && sum.Free > 0 {
			a.day = sum.Day
		}
		a.days = append(a.days, dayTab{day: sum.Day, at: sum.Day.Midnight(o.net.Location()), free: sum.Free,
			href: o.path("at/" + at.ID + "?" + c.query("day", sum.Day.String()))})
	}
	if a.day == 0 {
		a.day = today
		if len(a.days) > 0 {
			a.day = a.days[0].day
		}
	}
	for i := range a.days {
		a.days[i].now = a.days[i].day == a.day
	}
	a.date = a.day.Midnight(o.net.Location())
	a.page.Query = c.query("day", a.day.String())
	slots, _, err := o.Service.Board().Slots(at.ID, a.day, c.service, c.matters, booking.Web, now)
	if err != nil {
		return a, err
	}
	for _, sl := range slots {
		start := o.at(sl.Start)
		h := hour{unit: itoa(sl.Place.Unit), clock: i18n.From(r.Context()).Time(start)}
		if start.Hour() < 12 {
			a.morning = append(a.morning, h)
		} else {
			a.later = append(a.later, h)
		}
	}
	if a.full() {
		a.next = o.net.NextRelease(a.day, now)
	}
	return a, nil
}
