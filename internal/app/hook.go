package app

import (
	"context"

	"turnike/internal/booking"
	"turnike/internal/hook"
	"turnike/internal/storage/sqlstore"
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

// noteVisits is booking's Note: every transaction of the store is a hook.Tx
// too, which As has made sure of.
func (a *App) noteVisits(ctx context.Context, tx booking.Tx, facts []booking.Fact) error {
	return a.hooks.Note(ctx, tx.(hook.Tx), facts)
}
