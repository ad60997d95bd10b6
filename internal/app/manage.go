package app

import (
	"net/http"

	"turnike/internal/access"
	"turnike/internal/booking"
	"turnike/internal/web/manage"
	"turnike/internal/web/staff"
)

// managePages mounts what managers of centres and operators of networks work
// with, and gives their routes for the test of tenant walls. Figures are
// mounted network by network, since their address ends where other pages' names
// may stand.
func (a *App) managePages(mux *http.ServeMux, ground *staff.Server) []access.Route {
	pages := manage.New(manage.Config{Staff: ground, Now: a.cfg.Now, Visits: func(network string) (*booking.Service, booking.Contacts, bool) {
		s, ok := a.visits[network]
		return s, a.contacts[network], ok
	}})
	h := pages.Handler()
	mux.Handle("/staff/{city}/centre/", h)
	mux.Handle(manage.ScriptPath, h)
	for network := range a.visits {
		for _, end := range []string{"", ".csv", ".xlsx"} {
			mux.Handle("/staff/"+network+"/figures"+end, h)
		}
	}
	return pages.Routes()
}
