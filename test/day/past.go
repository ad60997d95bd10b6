package day

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

// Past has some weeks before Wednesday take place in Konak and Buca: people
// who come, people who do not, and some without an appointment, by the real
// service at the hours of those days.
func (d *Day) Past(ctx context.Context, weeks int) error {
	n := d.Visits.Network()
	var now time.Time
	svc := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](d.Store), Network: n, Now: func() time.Time { return now }})
	rnd := rand.New(rand.NewPCG(5, 6))
	clerk := audit.Actor{Kind: "staff", Ref: "past", Channel: "desk"}
	holder := 0
	for day := Wednesday - booking.Day(7*weeks); day < Wednesday; day++ {
		now = (day - 1).At(10*60, n.Location())
		if err := svc.Plan(ctx, day, 1); err != nil {
			return err
		}
		for _, centre := range []string{"konak", "buca"} {
			var ids []string
			now = (day - 1).At(10*60, n.Location())
			for range 6 + rnd.IntN(6) {
				holder++
				tag := person.Tag{'p', byte(holder), byte(holder >> 8)}
				v, err := svc.Book(ctx, booking.Request{Centre: centre, Service: n.Services[rnd.IntN(len(n.Services))].ID, Day: day,
					Unit: 36 + rnd.IntN(10), Channel: []booking.Channel{booking.Web, booking.Call}[rnd.IntN(2)], Actor: clerk,
					Who: booking.Who{Holder: tag, Phone: tag, Sealed: []byte{1}, Lang: "tr"}})
				if errors.Is(err, booking.ErrClosed) || errors.Is(err, booking.ErrFull) {
					continue
				}
				if err != nil {
					return err
				}
				ids = append(ids, v.ID)
			}
			if len(ids) == 0 {
				continue
			}
			now = day.At(9*60, n.Location())
			if _, _, err := svc.WalkIn(ctx, centre, "closing", 1, clerk); err != nil {
				return err
			}
			for i, id := range ids {
				if i%7 == 6 {
					continue // does not come
				}
				if _, err := svc.CheckIn(ctx, id, clerk); err != nil {
					return err
				}
			}
			for {
				now = now.Add(3 * time.Minute)
				t, err := svc.CallNext(ctx, centre, "counter", "1", clerk)
				if errors.Is(err, booking.ErrNobody) {
					break
				}
				if err != nil {
					return err
				}
				now = now.Add(9 * time.Minute)
				if _, err := svc.Act(ctx, centre, t.Number, booking.Finish, "1", "", clerk); err != nil {
					return err
				}
			}
			now = (day + 1).At(1, n.Location())
			if _, err := svc.CloseDay(ctx, centre, day); err != nil {
				return err
			}
		}
	}
	return nil
}
