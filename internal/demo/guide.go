package demo

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"turnike/internal/i18n"
	"turnike/internal/web/assets"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// tapLog keeps the guide's last taps, so that opening and refusing can be seen
// side by side. It is a toy's memory: a real gate keeps no such thing.
type tapLog struct {
	mu   sync.Mutex
	rows []tapRow
}

type tapRow struct {
	at                 time.Time
	city, card, answer string
}

func (l *tapLog) add(r tapRow) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows = slices.Insert(l.rows, 0, r)
	l.rows = l.rows[:min(len(l.rows), 8)]
}

func (l *tapLog) all() []tapRow {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.rows)
}

// guidePage is what the guide shows.
type guidePage struct {
	page   ui.Page
	world  *World
	city   string
	card   string
	answer string // of the tap just made
	moved  bool
	now    time.Time
	taps   []tapRow
}

// sample is a card to try in a city.
func (g guidePage) sample() string { return g.world.SampleCard(g.city, 1) }

// cities are the choices, the chosen one ticked.
func (g guidePage) cities(l i18n.Lang) []ui.Choice {
	var cs []ui.Choice
	for _, id := range g.world.App.Cities().IDs() {
		p := g.world.App.Cities()[id]
		cs = append(cs, ui.Choice{Value: id, Label: p.Name.In(string(l)) + " · " + p.CardName + " " + g.world.SampleCard(id, 1), Checked: id == g.city})
	}
	return cs
}

func (g guidePage) cityName(id string, l i18n.Lang) string {
	if p := g.world.App.Cities()[id]; p != nil {
		return p.Name.In(string(l))
	}
	return id
}

// guide serves the page that says what to try: a gate to hold a card to, and
// the clock.
func (w *World) guide() (http.Handler, error) {
	theme, err := assets.NewTheme("#3b3277")
	if err != nil {
		return nil, err
	}
	frame := func(r *http.Request) ui.Page {
		ctx := r.Context()
		return ui.Page{Title: ui.T(ctx, "demo.title"), Place: "Turnike", Motto: ui.T(ctx, "demo.motto"), Home: "/", Theme: theme, Wide: true}
	}
	site, err := httpx.New(httpx.Config{Log: w.cfg.Log, Frame: frame})
	if err != nil {
		return nil, err
	}
	show := func(rw http.ResponseWriter, r *http.Request, g guidePage) error {
		g.page, g.world, g.now, g.taps = frame(r), w, w.Clock.Now(), w.tries.all()
		if _, ok := w.App.Cities()[g.city]; !ok {
			g.city = "istanbul"
		}
		if _, ok := w.App.Cities()[g.city]; !ok {
			g.city = w.App.Cities().IDs()[0]
		}
		if g.card == "" {
			g.card = g.sample()
		}
		return site.Render(rw, r, http.StatusOK, guideBody(g))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", site.Page(func(rw http.ResponseWriter, r *http.Request) error {
		return show(rw, r, guidePage{city: r.URL.Query().Get("city"), answer: knownAnswer(r.URL.Query().Get("answer")), moved: r.URL.Query().Has("moved")})
	}))
	mux.Handle("POST /tap", site.Page(func(rw http.ResponseWriter, r *http.Request) error {
		f, r, err := site.Form(rw, r)
		if err != nil {
			return err
		}
		city, card := f.Get("city"), f.Get("card")
		answer := w.Tap(city, card).String()
		digits := strings.Map(func(c rune) rune {
			if c >= '0' && c <= '9' {
				return c
			}
			return -1
		}, card)
		w.tries.add(tapRow{at: w.Clock.Now(), city: city, card: "···· " + digits[max(0, len(digits)-4):], answer: answer})
		return show(rw, r, guidePage{city: city, card: card, answer: answer})
	}))
	mux.Handle("POST /clock", site.Page(func(rw http.ResponseWriter, r *http.Request) error {
		f, r, err := site.Form(rw, r)
		if err != nil {
			return err
		}
		at, err := time.ParseInLocation("2006-01-02T15:04", f.Get("to"), w.zone())
		if err == nil && at.Year() < 2100 {
			w.Clock.Set(at)
		}
		return httpx.See(rw, r, "/?moved=1&city="+url.QueryEscape(f.Get("city")))
	}))
	mux.Handle("GET /enter/{part}", w.enter(site))
	mux.Handle("/", site.NotFound())
	all := http.NewServeMux()
	all.Handle(assets.Prefix, assets.Handler(theme))
	all.Handle("/", site.Wrap(mux))
	return all, nil
}

func (w *World) zone() *time.Location {
	for _, p := range w.App.Cities() {
		return p.Location()
	}
	return time.UTC
}

// knownAnswer keeps anything but a gate's words off the page.
func knownAnswer(s string) string {
	if slices.Contains([]string{"open", "open-full-fare", "refuse", "stale"}, s) {
		return s
	}
	return ""
}

// jump is a moment the clock can be set to.
type jump struct{ key, to string }

// jumps are the moments that are still ahead.
func (g guidePage) jumps() []jump {
	var ahead []jump
	for _, j := range []jump{
		{"demo.clock.eve", "2021-01-14T23:59"}, {"demo.clock.deadline", "2021-01-15T00:00"}, {"demo.clock.march", "2021-03-04T11:00"},
	} {
		if at, err := time.ParseInLocation("2006-01-02T15:04", j.to, g.world.zone()); err == nil && at.After(g.now) {
			ahead = append(ahead, j)
		}
	}
	next := g.now.In(g.world.zone()).Add(24 * time.Hour)
	return append(ahead, jump{"demo.clock.day", next.Format("2006-01-02T15:04")})
}

// rows are the last taps for the table.
func (g guidePage) rows(l i18n.Lang) [][]string {
	var rows [][]string
	for _, t := range g.taps {
		rows = append(rows, []string{l.DateTime(t.at.In(g.world.zone())), g.cityName(t.city, l), t.card, i18n.T(l, "demo.answer."+t.answer)})
	}
	return rows
}
