package app

import (
	"net/http"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/web/call"
	"turnike/internal/web/counter"
	"turnike/internal/web/staff"
)

// counterPages mounts what clerks, greeters and the call centre work with, on
// the staff's ground, and gives their routes for the test of tenant walls.
func (a *App) counterPages(mux *http.ServeMux, ground *staff.Server) []access.Route {
	visits := func(network string) (*booking.Service, booking.Contacts, bool) {
		s, ok := a.visits[network]
		return s, a.contacts[network], ok
	}
	clerks := counter.New(counter.Config{Staff: ground, Visits: visits, Now: a.cfg.Now})
	agents := call.New(call.Config{Staff: ground, Visits: visits, Now: a.cfg.Now})
	mux.Handle("/staff/{city}/queue/", clerks.Handler())
	mux.Handle("/staff/{city}/call/", agents.Handler())
	mux.Handle(counter.ScriptPattern, counter.Script())
	return append(clerks.Routes(), agents.Routes()...)
}
