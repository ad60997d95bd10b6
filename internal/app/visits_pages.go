package app

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"turnike/internal/booking"
	"turnike/internal/notify"
	"turnike/internal/web/ui"
	"turnike/internal/web/visit"
)

// VisitPath is where visits are booked.
const VisitPath = "/visit/"

// textBase is how links in text messages begin: https goes without saying, and
// each character costs.
func (a *App) textBase() string {
	base := a.cfg.Public
	if base == "" {
		base = "http://" + a.cfg.Listen
	}
	return strings.TrimSuffix(strings.TrimPrefix(base, "https://"), "/")
}

// proving asks whoever books at a network for a code.
func (a *App) proving(network string, wake func(notify.Class)) booking.Proving {
	return booking.Proving{Service: a.visits[network], Contacts: a.contacts[network],
		Limits: notify.Limits{Keys: a.keys, DailyTexts: a.cfg.Limits.DailyTexts}, Wake: wake}
}

// visitPages are the pages on which people book, the networks of their own
// first and then the cities' help desks.
func (a *App) visitPages(wake func(notify.Class)) (http.Handler, error) {
	var ids []string
	for id := range a.visits {
		ids = append(ids, id)
	}
	home := func(id string) string {
		city, desks := strings.CutSuffix(id, "-desks")
		if _, ok := a.cities[city]; ok && desks {
			return "/" + city + "/"
		}
		return ""
	}
	slices.SortFunc(ids, func(x, y string) int {
		if d := len(home(x)) - len(home(y)); (home(x) == "") != (home(y) == "") {
			return d
		}
		return strings.Compare(x, y)
	})
	cfg := visit.Config{Now: a.cfg.Now, Log: a.cfg.Log, TLS: a.cfg.TLS, Origins: a.cfg.Origins}
	for _, id := range ids {
		cfg.Networks = append(cfg.Networks, visit.Network{Service: a.visits[id], Proving: a.proving(id, wake), Home: ui.Link{Href: home(id)}})
	}
	s, err := visit.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("pages of visits: %w", err)
	}
	return s.Handler(), nil
}

// sweepClaims forgets, once a night, the forms whose code was never typed.
func (a *App) sweepClaims(ctx context.Context, network string) error {
	return a.proving(network, nil).Sweep(ctx)
}
