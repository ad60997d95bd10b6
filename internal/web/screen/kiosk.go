package screen

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/person"
	"turnike/internal/web/httpx"
)

// Faults of the kiosk; each says what to do in the catalogue.
var (
	ErrTyped  = fault.New(fault.Invalid, "screen.typed")   // neither a code nor a phone number
	ErrNobody = fault.New(fault.NotFound, "screen.nobody") // no visit here today by that
	ErrStaff  = fault.New(fault.TooMany, "screen.staff")   // so many vain tries that somebody should help
)

const (
	idle = 60 // seconds until a page that nobody touches is gone
	// A kiosk asks for help after so many vain tries, for so long: codes are
	// not to be guessed at a door.
	vain     = 8
	vainRest = 2 * time.Minute
	// presses is how many of the newest presses are remembered.
	presses  = 256
	typedMax = 24
)

// kioskFrame is a page that gives way to the first one by itself.
func (s *Server) kioskFrame(r *http.Request, p place, title string) frame {
	f := s.frame(r, p, title)
	f.body, f.reload, f.to = "t-kiosk", idle, p.path("kiosk")+"?lang=tr"
	return f
}

func (s *Server) welcome(w http.ResponseWriter, r *http.Request, p place) error {
	f := s.frame(r, p, "screen.kiosk.title")
	f.body = "t-kiosk"
	return s.cfg.Ground.Site().Render(w, r, http.StatusOK, welcomePage(f, p))
}

// visitForm is the page on which a code or number is typed.
type visitForm struct {
	frame
	place
	typed  string
	faults fault.List
}

func (s *Server) askVisit(w http.ResponseWriter, r *http.Request, p place) error {
	return s.cfg.Ground.Site().Render(w, r, http.StatusOK, visitPage(visitForm{frame: s.kioskFrame(r, p, "screen.visit.title"), place: p}))
}

// findVisit takes a key of the keypad, or the whole that was typed, scanned or
// said.
func (s *Server) findVisit(w http.ResponseWriter, r *http.Request, p place) error {
	form, r, err := s.cfg.Ground.Site().Form(w, r)
	if err != nil {
		return err
	}
	f := visitForm{frame: s.kioskFrame(r, p, "screen.visit.title"), place: p, typed: form.Get("typed")}
	f.typed = f.typed[:min(len(f.typed), 512)]
	if f.typed, err = press(f.typed, form.Get("key")); err == nil && form.Get("key") == "" && !form.Switch {
		var t booking.Ticket
		if t, err = s.arrive(r, p, f.typed); err == nil {
			return httpx.See(w, r, p.path("kiosk/number/"+strconv.Itoa(t.Number)))
		}
	}
	status := http.StatusOK
	if err != nil {
		faults := fault.Of(err)
		if len(faults) == 0 {
			return err
		}
		f.faults = fault.List{faults[0].On("typed")}
		status = faults[0].Kind.Status()
	}
	return s.cfg.Ground.Site().Render(w, r, status, visitPage(f))
}

// press is what stands in the field after a key.
func press(typed, key string) (string, error) {
	switch {
	case key == "":
		return typed, nil
	case key == "back":
		return typed[:max(0, len(typed)-1)], nil
	case len(key) == 1 && key[0] >= '0' && key[0] <= '9':
		if len(typed) < typedMax {
			typed += key
		}
		return typed, nil
	}
	return typed, ErrTyped
}

// arrive finds who has come by what they typed, and checks them in. Which of
// the two it was that did not fit is not said.
func (s *Server) arrive(r *http.Request, p place, typed string) (booking.Ticket, error) {
	now := s.cfg.Now()
	if s.tired(p.ID, now) {
		return booking.Ticket{}, ErrStaff.After(vainRest)
	}
	ctx := r.Context()
	net := p.queue.Network()
	today := booking.DayOf(now, net.Location())
	var found []booking.Visit
	if code, ok := booking.ParseCode(typed); ok {
		v, err := p.queue.ByCode(ctx, code)
		if err != nil && !errors.Is(err, booking.ErrNoVisit) {
			return booking.Ticket{}, err
		}
		if err == nil {
			found = append(found, v)
		}
	} else if phone, err := person.ParsePhone(typed); err == nil {
		if found, err = p.queue.ByPhone(ctx, s.cfg.Phone(p.City, phone)); err != nil {
			return booking.Ticket{}, err
		}
	} else {
		return booking.Ticket{}, ErrTyped
	}
	found = slices.DeleteFunc(found, func(v booking.Visit) bool {
		return v.Place.Centre != p.centre.ID || v.Place.Day != today || v.State != booking.Booked && v.State != booking.Arrived
	})
	if len(found) == 0 {
		s.vainTry(p.ID, now)
		return booking.Ticket{}, ErrNobody
	}
	slices.SortFunc(found, func(a, b booking.Visit) int { return a.Place.Unit - b.Place.Unit })
	t, err := p.queue.CheckIn(ctx, found[0].ID, p.Actor())
	if err == nil {
		s.mu.Lock()
		delete(s.wrong, p.ID)
		s.mu.Unlock()
	}
	return t, err
}

// tired tells whether a kiosk has seen too many vain tries lately.
func (s *Server) tired(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.wrong[id]
	return t.n >= vain && now.Sub(t.at) < vainRest
}

func (s *Server) vainTry(id string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.wrong[id]
	if now.Sub(t.at) >= vainRest {
		t.n = 0
	}
	s.wrong[id] = tries{t.n + 1, now}
}

// matterForm is the page on which somebody without an appointment says what
// for.
type matterForm struct {
	frame
	place
	once   string
	faults fault.List
}

func (s *Server) askMatter(w http.ResponseWriter, r *http.Request, p place) error {
	return s.cfg.Ground.Site().Render(w, r, http.StatusOK, matterPage(s.matterForm(r, p)))
}

func (s *Server) matterForm(r *http.Request, p place) matterForm {
	return matterForm{frame: s.kioskFrame(r, p, "screen.walk.title"), place: p, once: rand.Text()}
}

// matters are what a centre's counters do, each with its wait.
func (f matterForm) matters() []booking.Matter {
	return slices.DeleteFunc(slices.Clone(f.queue.Network().Services), func(m booking.Matter) bool {
		_, ok := f.centre.PoolFor(m.ID)
		return !ok
	})
}

func (s *Server) walkIn(w http.ResponseWriter, r *http.Request, p place) error {
	form, r, err := s.cfg.Ground.Site().Form(w, r)
	if err != nil {
		return err
	}
	f := s.matterForm(r, p)
	if form.Switch {
		return s.cfg.Ground.Site().Render(w, r, http.StatusOK, matterPage(f))
	}
	number, err := s.pressOnce(p.ID+"/"+form.Get("once"), func() (int, error) {
		t, _, err := p.queue.WalkIn(r.Context(), p.centre.ID, form.Get("service"), 1, p.Actor())
		return t.Number, err
	})
	if err != nil {
		faults := fault.Of(err)
		if len(faults) == 0 {
			return err
		}
		f.faults = faults
		return s.cfg.Ground.Site().Render(w, r, faults[0].Kind.Status(), matterPage(f))
	}
	return httpx.See(w, r, p.path("kiosk/number/"+strconv.Itoa(number)))
}

// pressOnce gives one number for one press, however often it arrives.
func (s *Server) pressOnce(key string, take func() (int, error)) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.pressed[key]; ok {
		return n, nil
	}
	n, err := take()
	if err != nil {
		return 0, err
	}
	s.pressed[key] = n
	if s.order = append(s.order, key); len(s.order) > presses {
		delete(s.pressed, s.order[0])
		s.order = s.order[1:]
	}
	return n, nil
}

// slip is a number as it is shown and printed.
type slip struct {
	frame
	place
	ticket booking.Ticket
	matter string
	wait   booking.Range
}

// number shows a number that was given today; it is nobody's name.
func (s *Server) number(w http.ResponseWriter, r *http.Request, p place) error {
	n, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		return booking.ErrNoTicket
	}
	tickets, _, err := p.queue.Tickets(r.Context(), p.centre.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tickets, func(t booking.Ticket) bool { return t.Number == n })
	if i < 0 {
		return booking.ErrNoTicket
	}
	f := slip{frame: s.kioskFrame(r, p, "screen.number.title"), place: p, ticket: tickets[i]}
	f.reload = 25
	if m, ok := p.queue.Network().ServiceByID(tickets[i].Service); ok {
		f.matter = m.Name.In(string(i18n.From(r.Context())))
	}
	if f.wait, err = p.queue.Expect(r.Context(), p.centre.ID, tickets[i].Service, n); err != nil {
		return err
	}
	return s.cfg.Ground.Site().Render(w, r, http.StatusOK, slipPage(f))
}
