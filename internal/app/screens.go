package app

import (
	"net/http"

	"turnike/internal/person"
	"turnike/internal/web/screen"
)

// screenPages mounts the kiosks and displays that stand in the centres.
func (a *App) screenPages(mux *http.ServeMux) {
	s := screen.New(screen.Config{Ground: a.staff, Now: a.cfg.Now, Log: a.cfg.Log,
		Queue: func(network string) (screen.Queue, bool) { q, ok := a.visits[network]; return q, ok },
		Phone: func(network string, p person.Phone) person.Tag { return a.contacts[network].PhoneTag(p) },
	})
	mux.Handle("/screen/{city}/{centre}/", s.Handler())
}
