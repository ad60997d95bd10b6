// Package screen is what stands in a centre without anybody behind it: the
// kiosk at the door, where people say that they have come or take a number, and
// the display over the counters, which shows and speaks the number that is
// called. Both belong to one centre, know no names, and go on by themselves.
//
// A kiosk forgets: a page that nobody touches for a minute gives way to the
// first one, in Turkish again. A display that loses the network keeps what it
// last knew and says since when.
package screen

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"turnike/internal/access"
	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/person"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// Queue is the part a network's booking service plays here.
type Queue interface {
	Network() *booking.Network
	Tickets(ctx context.Context, centre string) (ts []booking.Ticket, due []booking.Visit, err error)
	Expect(ctx context.Context, centre, service string, number int) (booking.Range, error)
	ByCode(ctx context.Context, c booking.Code) (booking.Visit, error)
	ByPhone(ctx context.Context, phone person.Tag) ([]booking.Visit, error)
	CheckIn(ctx context.Context, id string, a audit.Actor) (booking.Ticket, error)
	WalkIn(ctx context.Context, centre, service string, matters int, a audit.Actor) (booking.Ticket, booking.Range, error)
}

// Ground is the part of the staff's pages that devices stand on.
type Ground interface {
	Screen(kind string, h func(http.ResponseWriter, *http.Request, access.Screen) error) http.Handler
	Site() *httpx.Site
	Wrap(h http.Handler) http.Handler
}

// Config is what the pages need; all of it but Log.
type Config struct {
	Ground Ground
	// Queue is a network's service.
	Queue func(network string) (Queue, bool)
	// Phone is the tag by which a network finds the visits of a number.
	Phone func(network string, p person.Phone) person.Tag
	Now   func() time.Time
	Log   *slog.Logger
}

// Server is the pages of kiosks and displays.
type Server struct {
	cfg Config

	mu sync.Mutex
	// pressed are the numbers given for the newest presses, so that one finger
	// that presses twice has one number.
	pressed map[string]int
	order   []string
	// wrong are the vain tries at each kiosk since somebody was found.
	wrong map[string]tries
}

// tries are vain look-ups in a row and when the last was.
type tries struct {
	n  int
	at time.Time
}

// New makes the pages.
func New(cfg Config) *Server {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Server{cfg: cfg, pressed: map[string]int{}, wrong: map[string]tries{}}
}

// Handler serves /screen/{city}/{centre}/ and what the pages load.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	at := func(kind, pattern string, h func(http.ResponseWriter, *http.Request, place) error) {
		mux.Handle(pattern, s.cfg.Ground.Screen(kind, func(w http.ResponseWriter, r *http.Request, sc access.Screen) error {
			q, ok := s.cfg.Queue(sc.City)
			if !ok {
				return booking.ErrNoCentre
			}
			c, ok := q.Network().CentreByID(sc.Centre)
			if !ok {
				return booking.ErrNoCentre
			}
			return h(w, r, place{sc, q, c})
		}))
	}
	at(access.Display, "GET /screen/{city}/{centre}/display", s.display)
	at(access.Kiosk, "GET /screen/{city}/{centre}/kiosk", s.welcome)
	at(access.Kiosk, "GET /screen/{city}/{centre}/kiosk/visit", s.askVisit)
	at(access.Kiosk, "POST /screen/{city}/{centre}/kiosk/visit", s.findVisit)
	at(access.Kiosk, "GET /screen/{city}/{centre}/kiosk/walk", s.askMatter)
	at(access.Kiosk, "POST /screen/{city}/{centre}/kiosk/walk", s.walkIn)
	at(access.Kiosk, "GET /screen/{city}/{centre}/kiosk/number/{number}", s.number)
	mux.Handle("/", s.cfg.Ground.Site().NotFound())
	all := http.NewServeMux() // no centre is called "files"
	all.Handle("GET "+filesPath, files())
	all.Handle("/", mux)
	return s.cfg.Ground.Wrap(all)
}

// place is a device's centre.
type place struct {
	access.Screen
	queue  Queue
	centre *booking.Centre
}

// path is an address of the device's own.
func (p place) path(page string) string {
	return "/screen/" + p.City + "/" + p.Screen.Centre + "/" + page
}

// frame is what stands around a screen's page.
type frame struct {
	title  string // a catalogue key
	place  string
	now    time.Time
	reload int    // seconds; 0 = never
	to     string // where reloading leads; empty: the same page, and only where there is no script
	body   string // class of the body
}

// refresh is what the page does by itself where there is no script. Script waits
// until nobody has touched the page for so long, and says so before.
func (f frame) refresh() string {
	if f.to == "" {
		return strconv.Itoa(f.reload)
	}
	return strconv.Itoa(f.reload) + ";url=" + f.to
}

func (s *Server) frame(r *http.Request, p place, title string) frame {
	return frame{title: ui.T(r.Context(), title), place: p.centre.Name, now: s.cfg.Now().In(p.queue.Network().Location())}
}

// clock is a time as a clock on the wall shows it.
func clock(t time.Time) string { return t.Format("15:04") }

// wait is an honest wait in words: "10–20 minutes".
func wait(ctx context.Context, r booking.Range) string {
	from, to := int(r.Median/time.Minute), int(r.Most/time.Minute)
	if to <= 1 {
		return ui.T(ctx, "screen.wait.none")
	}
	if from == to {
		return ui.N(ctx, "screen.wait.about", to)
	}
	return ui.N(ctx, "screen.wait.range", to, "From", from)
}
