package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/city"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
	"turnike/internal/web/visit"
)

// visitPages are the pages on which visits are booked, on the real service,
// with the phone's ear on its outbox. POST /test/fill takes ?n= places of a
// centre's day, ?centre= and ?day=, as other people would.
func visitPages(ctx context.Context, store *sqlstore.Store, keys *vault.Vault, cities city.Set, now func() time.Time, p *phone) (*http.ServeMux, error) {
	izsu, err := booking.Shipped("izsu")
	if err != nil {
		return nil, err
	}
	desks, err := booking.HelpDesks(cities["izmir"])
	if err != nil {
		return nil, err
	}
	cfg := visit.Config{Now: now}
	services := map[string]*booking.Service{}
	for _, n := range []*booking.Network{izsu, desks} {
		contacts := booking.Contacts{Keys: keys, Network: n, Base: "randevu.example",
			Message: func(id, city string, to person.Phone, text string, c notify.Class, due, expires time.Time) (notify.Queued, error) {
				return pairing.SealMessage(keys, id, city, to, text, c, due, expires)
			}}
		s := booking.New(booking.Config{Store: overheardVisits{sqlstore.As[booking.Tx](store), p}, Network: n, Now: now, Tell: contacts.Tell})
		if err := s.Plan(ctx, booking.DayOf(now(), n.Location()), n.Ahead()+2); err != nil {
			return nil, err
		}
		services[n.ID] = s
		cfg.Networks = append(cfg.Networks, visit.Network{Service: s, Proving: booking.Proving{Service: s, Contacts: contacts, Limits: notify.Limits{Keys: keys}}})
	}
	pages, err := visit.New(cfg)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/visit/", pages.Handler())
	serial := 0
	mux.HandleFunc("POST /test/fill", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		day, err := booking.ParseDay(q.Get("day"))
		n, _ := strconv.Atoi(q.Get("n"))
		s := services["izsu"]
		for range n {
			slots, _, serr := s.Board().Slots(q.Get("centre"), day, "closing", 1, booking.Web, now())
			if err != nil || serr != nil || len(slots) == 0 {
				return
			}
			serial++
			who := booking.Who{Holder: keys.Tag("izsu", person.TagPhone, "filler"+strconv.Itoa(serial)), Lang: "tr"}
			if _, err = s.Book(r.Context(), booking.Request{Centre: q.Get("centre"), Service: "closing", Day: day, Unit: slots[0].Place.Unit,
				Channel: booking.Web, Actor: audit.Citizen("web"), Who: who}); err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
		}
	})
	mux.HandleFunc("POST /test/work", func(w http.ResponseWriter, r *http.Request) {
		if _, err := services["izsu"].Work(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux, nil
}

// overheardVisits is the store with an ear on its outbox.
type overheardVisits struct {
	booking.Store
	phone *phone
}

func (o overheardVisits) Update(ctx context.Context, fn func(booking.Tx) error) error {
	return o.Store.Update(ctx, func(tx booking.Tx) error { return fn(visitEar{tx, o.phone}) })
}

type visitEar struct {
	booking.Tx
	phone *phone
}

func (e visitEar) Enqueue(ctx context.Context, q notify.Queued) error {
	if err := e.phone.hear(q); err != nil {
		return err
	}
	return e.Tx.Enqueue(ctx, q)
}
