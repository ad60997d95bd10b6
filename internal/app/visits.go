package app

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"turnike/internal/booking"
	"turnike/internal/city"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

// learnDays is how many past days say how long each service takes, once after
// a start.
const learnDays = 28

// openVisits makes a booking service for each network of centres: the files of
// --centres, or İZSU where none is given, and the help desks of each city.
// Their days open once workVisits runs.
func (a *App) openVisits(wake func(notify.Class)) error {
	networks, err := allNetworks(a.cfg.Centres, a.cities)
	if err != nil {
		return err
	}
	a.visits, a.contacts = map[string]*booking.Service{}, map[string]booking.Contacts{}
	for _, n := range networks {
		if a.visits[n.ID] != nil {
			return fmt.Errorf("two networks of centres have the id %q", n.ID)
		}
		c := booking.Contacts{Keys: a.keys, Network: n, Base: a.textBase(),
			Message: func(id, city string, to person.Phone, text string, c notify.Class, due, expires time.Time) (notify.Queued, error) {
				return pairing.SealMessage(a.keys, id, city, to, text, c, due, expires)
			}}
		a.contacts[n.ID] = c
		a.visits[n.ID] = booking.New(booking.Config{Store: sqlstore.As[booking.Tx](a.store), Network: n, Now: a.cfg.Now, Note: a.noteVisits,
			Tell: func(k booking.Notice, v booking.Visit, now time.Time) ([]notify.Queued, error) {
				defer wake(notify.Info)
				return c.Tell(k, v, now)
			}})
	}
	return nil
}

// allNetworks are the files' and the help desks of each city.
func allNetworks(dir string, cities city.Set) ([]*booking.Network, error) {
	networks, err := loadNetworks(dir)
	if err != nil {
		return nil, fmt.Errorf("centres: %w", err)
	}
	for _, p := range cities {
		if !slices.ContainsFunc(p.Desks, func(d city.Desk) bool { return d.Kind == "desk" }) {
			continue
		}
		n, err := booking.HelpDesks(p)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	return networks, nil
}

// loadNetworks reads the files of a folder, or the shipped example.
func loadNetworks(dir string) ([]*booking.Network, error) {
	if dir == "" {
		n, err := booking.Shipped("izsu")
		return []*booking.Network{n}, err
	}
	return booking.LoadFS(os.DirFS(dir))
}

// Visits is the booking service of a network, to look at and to rehearse with.
func (a *App) Visits(network string) (*booking.Service, bool) {
	s, ok := a.visits[network]
	return s, ok
}

// workVisits opens the days, and does what is due by itself, until ctx ends.
func (a *App) workVisits(ctx context.Context) {
	var g errgroup.Group
	for _, s := range a.visits {
		g.Go(func() error { a.workNetwork(ctx, s); return nil })
	}
	_ = g.Wait()
}

func (a *App) workNetwork(ctx context.Context, s *booking.Service) {
	n := s.Network()
	log := a.cfg.Log.With("network", n.ID)
	report := func(what string, err error) {
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, what, "err", err)
		}
	}
	today := func() booking.Day { return booking.DayOf(a.cfg.Now(), n.Location()) }
	learned := false
	var night booking.Day // the last one done
	for {
		if d := today(); d != night {
			wrong, err := s.Night(ctx)
			report("night", err)
			for _, w := range wrong {
				log.ErrorContext(ctx, "a counter is not what its visits add up to", "centre", w.Centre, "day", w.Day.String(), "unit", w.Cell.Unit, "used", w.Cell.Used, "want", w.Want)
			}
			a.metrics.wrongPlaces.Add(float64(len(wrong)))
			report("forget forms without a code", a.sweepClaims(ctx, n.ID))
			if err == nil {
				night = d
			}
		}
		if !learned { // after the days are open: people wait for those
			report("learn how long services take", s.Learn(ctx, today()-learnDays, learnDays))
			learned = true
		}
		done, err := s.Work(ctx)
		report("visits that are due", err)
		// Other servers on the same database book too.
		report("refresh places", s.Board().Refresh(ctx, sqlstore.As[booking.Tx](a.store), night, night+booking.Day(n.Ahead())))
		wait := 2 * time.Second
		if done > 0 && err == nil {
			wait = 50 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Contacts seals and opens who comes to a network's centres.
func (a *App) Contacts(network string) booking.Contacts { return a.contacts[network] }
