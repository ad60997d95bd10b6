package screen

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"turnike/internal/booking"
	"turnike/internal/i18n"
)

// shown is how many called numbers fit on a display, and ahead how many that
// are next.
const (
	shown = 6
	ahead = 8
)

// called is a number on the display.
type called struct {
	Number int
	Desk   string
	// Key differs each time the number is called or recalled: what was spoken
	// once is not spoken again.
	Key  string
	Say  string // the words to speak, one after another
	Here bool   // at the counter already
}

// expected is a wait as it is shown for a group of counters.
type expected struct {
	What string // the matters, where a centre has more than one group
	Wait booking.Range
}

// board is what a display shows.
type board struct {
	frame
	place
	calls   []called
	next    []int
	waiting int
	waits   []expected
	open    bool
}

// display shows what is called. Asked with ?part it answers with the changing
// part alone, which the page's script puts in the place of the old.
func (s *Server) display(w http.ResponseWriter, r *http.Request, p place) error {
	b, err := s.look(r, p)
	if err != nil {
		return err
	}
	if r.URL.Query().Has("part") {
		return s.cfg.Ground.Site().Render(w, r, http.StatusOK, boardPart(b))
	}
	return s.cfg.Ground.Site().Render(w, r, http.StatusOK, displayPage(b))
}

func (s *Server) look(r *http.Request, p place) (board, error) {
	ctx := r.Context()
	now := s.cfg.Now()
	tickets, _, err := p.queue.Tickets(ctx, p.centre.ID)
	if err != nil {
		return board{}, err
	}
	net := p.queue.Network()
	b := board{frame: s.frame(r, p, "screen.display.title"), place: p, calls: calls(tickets)}
	b.frame.body, b.frame.reload = "t-display", 10
	for _, t := range tickets {
		if t.State == booking.InQueue {
			b.waiting++
		}
	}
	b.next = net.Next(tickets, now, ahead)
	from, to, ok := net.Opens(p.centre, booking.DayOf(now, net.Location()), nil)
	b.open = ok && !now.Before(from) && now.Before(to)
	for _, pool := range p.centre.PoolIDs() {
		i := slices.IndexFunc(net.Services, func(m booking.Matter) bool {
			of, ok := p.centre.PoolFor(m.ID)
			return ok && of == pool
		})
		if i < 0 {
			continue
		}
		e := expected{}
		if e.Wait, err = p.queue.Expect(ctx, p.centre.ID, net.Services[i].ID, 0); err != nil {
			return board{}, err
		}
		if len(p.centre.PoolIDs()) > 1 {
			e.What = net.Services[i].Name.In(string(i18n.From(ctx)))
		}
		b.waits = append(b.waits, e)
	}
	return b, nil
}

// calls are the numbers on their way and at the counters, newest first, those
// on their way before the others.
func calls(tickets []booking.Ticket) []called {
	live := slices.DeleteFunc(slices.Clone(tickets), func(t booking.Ticket) bool {
		return t.State != booking.Called && t.State != booking.Serving
	})
	slices.SortFunc(live, func(a, b booking.Ticket) int {
		return cmp.Or(cmp.Compare(a.State, b.State), b.Called.Compare(a.Called))
	})
	var out []called
	for _, t := range live[:min(len(live), shown)] {
		out = append(out, called{Number: t.Number, Desk: t.Desk, Here: t.State == booking.Serving,
			Key: strings.Join([]string{strconv.Itoa(t.Number), strconv.Itoa(t.Recalls), t.Desk, strconv.FormatInt(t.Called.UnixMilli(), 36)}, "-"),
			Say: Say(t.Number, t.Desk)})
	}
	return out
}

// Say is a call as the names of the words to speak: "numara yüz yirmi üç, vezne
// dört". A counter without a number is left unspoken.
func Say(number int, desk string) string {
	words := append([]string{"numara"}, turkish(number)...)
	if n, err := strconv.Atoi(desk); err == nil {
		words = append(append(words, "vezne"), turkish(n)...)
	}
	return strings.Join(words, " ")
}

// turkish is a number from 1 to 9999 in the words it is spoken with: 1000 is
// "bin", not "bir bin", and so for 100.
func turkish(n int) (words []string) {
	if n < 1 || n > 9999 {
		return nil
	}
	for _, unit := range []int{1000, 100} {
		if k := n / unit; k > 0 {
			if k > 1 {
				words = append(words, strconv.Itoa(k))
			}
			words = append(words, strconv.Itoa(unit))
		}
		n %= unit
	}
	if n >= 10 {
		words = append(words, strconv.Itoa(n/10*10))
		n %= 10
	}
	if n > 0 {
		words = append(words, strconv.Itoa(n))
	}
	return words
}
