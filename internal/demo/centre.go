package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/i18n"
	"turnike/internal/person"
	"turnike/internal/sandbox"
)

// Of İZSU's places in the demo, so many in a hundred are taken on its first
// day and on each day after; 13,000 visits in the seed's weeks fill about as
// many.
var taken = []int{70, 45, 25, 10}

// fillCentres gives İZSU's centres a plan: people with appointments for today
// and the days ahead, of whom those due by now have come, and a few who simply
// came. They leave no phone, so nobody's inbox fills.
func (w *World) fillCentres(ctx context.Context) error {
	s, ok := w.App.Visits("izsu")
	if !ok {
		return nil // the installation has other networks
	}
	if _, err := s.Night(ctx); err != nil { // opens the days, should nobody have yet
		return fmt.Errorf("open the centres' days: %w", err)
	}
	net := s.Network()
	r := rand.New(rand.NewPCG(2021, 13)) // the same people each time
	now := w.Clock.Now()
	today := booking.DayOf(now, net.Location())
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(32) // they share transactions
	var nine int64
	for ahead, share := range taken {
		day := today + booking.Day(ahead)
		for i := range net.Centres {
			c := &net.Centres[i]
			for _, cell := range net.Plan(c, day, nil) {
				if cell.Pool == "" {
					continue
				}
				for range cell.Desks {
					nine++
					if r.IntN(100) >= share || net.Start(day, cell.Unit).Before(now) {
						continue
					}
					service, channel := net.Services[r.IntN(len(net.Services))].ID, booking.Web
					if r.IntN(3) == 0 {
						channel = booking.Call
					}
					who := madeUp(nine, r)
					g.Go(func() error {
						sealed, err := w.App.Contacts("izsu").Who(gctx, who, i18n.Turkish)
						if err != nil {
							return err
						}
						_, err = s.Book(gctx, booking.Request{Centre: c.ID, Service: service, Day: day, Unit: cell.Unit,
							Channel: channel, Actor: audit.Citizen(string(channel)), Who: sealed})
						if errors.Is(err, booking.ErrFull) || errors.Is(err, booking.ErrClosed) || errors.Is(err, booking.ErrPast) {
							return nil // kept for walk-ins, not let out yet, or too long for what is left
						}
						return err
					})
				}
			}
		}
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("fill the centres: %w", err)
	}
	return w.arrivals(ctx, s, r)
}

// arrivals lets the first of the day come: in each centre some with an
// appointment and some without, and one is called to the first counter.
func (w *World) arrivals(ctx context.Context, s *booking.Service, r *rand.Rand) error {
	net := s.Network()
	today := booking.DayOf(w.Clock.Now(), net.Location())
	greeter := audit.System("demo")
	for i := range net.Centres {
		c := &net.Centres[i]
		visits, err := s.OnDay(ctx, c.ID, today)
		if err != nil {
			return err
		}
		came := 0
		for _, v := range visits {
			if v.State != booking.Booked || came == 2 {
				continue
			}
			if _, err := s.CheckIn(ctx, v.ID, greeter); err != nil {
				return fmt.Errorf("check in at %s: %w", c.ID, err)
			}
			came++
		}
		for range 1 + r.IntN(2) {
			_, _, err := s.WalkIn(ctx, c.ID, net.Services[r.IntN(len(net.Services))].ID, 1, greeter)
			if err != nil && !errors.Is(err, booking.ErrClosed) && !errors.Is(err, booking.ErrFull) {
				return fmt.Errorf("walk-in at %s: %w", c.ID, err)
			}
		}
		_, err = s.CallNext(ctx, c.ID, c.PoolIDs()[0], "1", greeter)
		if err != nil && !errors.Is(err, booking.ErrNobody) && !errors.Is(err, booking.ErrFloor) {
			return fmt.Errorf("call at %s: %w", c.ID, err)
		}
	}
	return nil
}

// madeUp is a person who does not exist, with a number that passes its checks.
func madeUp(n int64, r *rand.Rand) person.Record {
	first := []string{"Ayşe", "Fatma", "Emine", "Hatice", "Zeynep", "Elif", "Mehmet", "Mustafa", "Ahmet", "Ali", "Hüseyin", "Hasan", "İbrahim", "Yusuf", "Ömer", "Şule", "Gülşen", "Çiğdem", "Iraz", "Uğur"}
	last := []string{"Yılmaz", "Kaya", "Demir", "Şahin", "Çelik", "Yıldız", "Yıldırım", "Öztürk", "Aydın", "Özdemir", "Arslan", "Doğan", "Kılıç", "Aslan", "Çetin", "Kara", "Koç", "Kurt", "Özkan", "Şimşek"}
	f, _ := person.ParseName(first[r.IntN(len(first))])
	l, _ := person.ParseName(last[r.IntN(len(last))])
	return person.Record{ID: sandbox.TCKN(fmt.Sprintf("%09d", 320_000_000+n*11)), First: f, Last: l}
}
