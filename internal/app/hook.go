package app

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"turnike/internal/access"
	"turnike/internal/api"
	"turnike/internal/booking"
	"turnike/internal/hook"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/web/keys"
	"turnike/internal/web/staff"
)

// Hooks is what other machines are told, and how.
type Hooks struct {
	Private bool `env:"PRIVATE" help:"Webhooks may go to addresses of the operator's own network, and without TLS."`
}

// openHooks makes the service of keys, calendar feeds and webhooks. It comes
// before the visits, whose deeds it notes.
func (a *App) openHooks() (err error) {
	a.hooks, err = hook.New(hook.Config{
		Store: sqlstore.As[hook.Tx](a.store), Seal: a.keys, Now: a.cfg.Now, Log: a.cfg.Log, AllowPrivate: a.cfg.Hooks.Private,
		Network: func(id string) (*booking.Network, bool) {
			s, ok := a.visits[id]
			if !ok {
				return nil, false
			}
			return s.Network(), true
		},
	})
	return err
}

// countHooks adds what became of webhooks to the metrics.
func (a *App) countHooks(r prometheus.Registerer) {
	m := &a.hooks.Metrics
	for what, n := range map[string]*atomic.Int64{"delivered": &m.Delivered, "failed": &m.Failed, "given_up": &m.GivenUp} {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "turnike_webhooks_total",
			Help: "Webhooks by what became of a call, and deliveries given up.", ConstLabels: prometheus.Labels{"result": what},
		}, func() float64 { return float64(n.Load()) }))
	}
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "turnike_webhook_endpoints_disabled_total",
		Help: "Endpoints left alone because they took nothing for three days."}, func() float64 { return float64(m.Disabled.Load()) }))
}

// noteVisits is booking's Note: every transaction of the store is a hook.Tx
// too, which As has made sure of.
func (a *App) noteVisits(ctx context.Context, tx booking.Tx, facts []booking.Fact) error {
	return a.hooks.Note(ctx, tx.(hook.Tx), facts)
}

// notePaired is pairing's Note.
func (a *App) notePaired(ctx context.Context, tx pairing.Tx, city, channel string, at time.Time) error {
	return a.hooks.Paired(ctx, tx.(hook.Tx), city, channel, at)
}

// apiVisits are the networks as the API knows them.
func (a *App) apiVisits(wake func(notify.Class)) func() map[string]api.Visits {
	all := map[string]api.Visits{}
	for id, s := range a.visits {
		all[id] = api.Visits{Service: s, Contacts: a.contacts[id], Proof: a.proving(id, wake)}
	}
	return func() map[string]api.Visits { return all }
}

// keyPages mounts the pages of keys, webhooks and calendar feeds, and the feeds
// themselves; it gives their routes for the test of tenant walls.
func (a *App) keyPages(mux *http.ServeMux, ground *staff.Server) []access.Route {
	pages := keys.New(keys.Config{Staff: ground, Hooks: a.hooks, Now: a.cfg.Now, Base: a.cfg.Public,
		Visits: func(id string) (*booking.Service, bool) { s, ok := a.visits[id]; return s, ok }})
	pages.Mount(mux)
	return pages.Routes()
}

// Hooks are the keys, calendar feeds and webhooks, for the demo and for tests.
func (a *App) Hooks() *hook.Service { return a.hooks }
