package hook

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
)

// Event is one thing that happened, as it is told. N counts the events of a
// subject: a visit, a walk-in's number, a centre's day.
type Event struct {
	City    string
	ID      string // UUIDv7; the webhook-id
	Kind    string
	Subject string
	N       int
	Body    string // JSON
	At      time.Time
}

// message is the body of a webhook (Standard Webhooks: type, timestamp, data).
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// Where is what every event of a network says.
type where struct {
	Network string `json:"network"`
	Centre  string `json:"centre,omitempty"`
	Day     string `json:"day,omitempty"` // 2021-01-15
}

// visitData is a visit without who comes.
type visitData struct {
	where
	Visit    string     `json:"visit"` // its id
	Sequence int        `json:"sequence"`
	State    string     `json:"state"`
	Channel  string     `json:"channel"`
	Service  string     `json:"service"`
	Matters  int        `json:"matters"`
	Start    time.Time  `json:"start"`
	End      time.Time  `json:"end"`
	From     *placeData `json:"from,omitempty"` // of a move: where it was
}

type placeData struct {
	Centre string    `json:"centre"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
}

type ticketData struct {
	where
	Number  int    `json:"number"`
	Desk    string `json:"desk"`
	Service string `json:"service"`
	Visit   string `json:"visit,omitempty"` // where it came with an appointment
}

// eventOf is a fact as it is told.
func eventOf(n *booking.Network, f booking.Fact) (Event, error) {
	zone := n.Location()
	place := func(p booking.Place) placeData {
		from, to := n.StartOf(p)
		return placeData{p.Centre, from.In(zone), to.In(zone)}
	}
	at := where{f.City, f.Centre, f.Day.String()}
	day := "day " + f.Centre + " " + f.Day.String()
	e := Event{City: f.City, ID: newID(f.At), Kind: string(f.Kind), At: f.At}
	var data any
	switch f.Kind {
	case booking.FactFull:
		e.Subject, data = day, at
	case booking.FactCalled:
		t := f.Ticket
		if e.Subject = "visit " + t.Visit; t.Visit == "" {
			e.Subject = fmt.Sprintf("%s %d", day, t.Number)
		}
		data = ticketData{at, t.Number, t.Desk, t.Service, t.Visit}
	default:
		v, p := f.Visit, place(f.Visit.Place)
		e.Subject = "visit " + v.ID
		d := visitData{at, v.ID, v.Sequence, v.State.String(), string(v.Channel), v.Service, v.Matters, p.Start, p.End, nil}
		if f.Kind == booking.FactMoved {
			from := place(f.From)
			d.From = &from
		}
		data = d
	}
	return e, e.say(data, zone)
}

func (e *Event) say(data any, zone *time.Location) error {
	b, err := json.Marshal(message{e.Kind, e.At.In(zone).Truncate(time.Millisecond), data})
	e.Body = string(b)
	return err
}

// Note writes what a transaction has done for those who asked, through the same
// transaction. Where a tenant has no endpoint, nothing is written.
func (s *Service) Note(ctx context.Context, tx Tx, facts []booking.Fact) error {
	ends := map[string][]Endpoint{}
	last := map[string]int{}
	for _, f := range facts {
		es, ok := ends[f.City]
		if !ok {
			var err error
			if es, err = tx.HookEndpoints(ctx, f.City); err != nil {
				return err
			}
			ends[f.City] = es
		}
		net, ok := s.cfg.Network(f.City)
		if len(es) == 0 || !ok {
			continue
		}
		e, err := eventOf(net, f)
		if err != nil {
			return err
		}
		if err := s.write(ctx, tx, es, e, last); err != nil {
			return err
		}
	}
	return nil
}

// desksOf is the tenant of a city's help desks, whose endpoints are told of the
// city's cards.
func desksOf(city string) string { return city + "-desks" }

// Paired notes that a card was tied, for the endpoints of its city's help
// desks: that it happened, and by which channel, and nothing of whose it is.
func (s *Service) Paired(ctx context.Context, tx Tx, city, channel string, at time.Time) error {
	tenant := desksOf(city)
	n, ok := s.cfg.Network(tenant)
	if !ok {
		return nil
	}
	es, err := tx.HookEndpoints(ctx, tenant)
	if err != nil || len(es) == 0 {
		return err
	}
	e := Event{City: tenant, ID: newID(at), Kind: KindPaired, At: at}
	e.Subject = "pairing " + e.ID
	if err := e.say(map[string]string{"city": city, "channel": channel}, n.Location()); err != nil {
		return err
	}
	return s.write(ctx, tx, es, e, map[string]int{})
}

// write writes an event and a delivery for each endpoint that wants it. last
// holds the counts of this transaction, which reads would not see yet where
// rows wait to go out together.
func (s *Service) write(ctx context.Context, tx Tx, es []Endpoint, e Event, last map[string]int) error {
	key := e.City + "\x00" + e.Subject
	n, ok := last[key]
	if !ok {
		var err error
		if n, err = tx.LastHookEvent(ctx, e.City, e.Subject); err != nil {
			return err
		}
	}
	e.N = n + 1
	last[key] = e.N
	if err := tx.InsertHookEvent(ctx, e); err != nil {
		return err
	}
	for _, x := range es {
		if !x.Wants(e.Kind) {
			continue
		}
		if err := tx.PutDelivery(ctx, Delivery{City: e.City, Endpoint: x.ID, Event: e.ID, Subject: e.Subject, N: e.N, Due: e.At, Made: e.At}); err != nil {
			return err
		}
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// Test sends an endpoint an event that means nothing.
func (s *Service) Test(ctx context.Context, city, id string, a audit.Actor) error {
	now := s.cfg.Now()
	return s.alter(ctx, city, id, a, "hook.test", func(tx Tx, e *Endpoint) error {
		if e.State != Live {
			return ErrOff
		}
		v := Event{City: city, ID: newID(now), Kind: KindTest, At: now}
		v.Subject = "test " + v.ID
		if err := v.say(where{Network: city}, time.UTC); err != nil {
			return err
		}
		return s.write(ctx, tx, []Endpoint{*e}, v, map[string]int{})
	})
}

// Replay sends an endpoint one event again: with its id, so that who has it
// knows it, and signed anew.
func (s *Service) Replay(ctx context.Context, city, id, event string, a audit.Actor) error {
	now := s.cfg.Now()
	return s.alter(ctx, city, id, a, "hook.replay", func(tx Tx, e *Endpoint) error {
		if e.State != Live {
			return ErrOff
		}
		v, err := tx.HookEvent(ctx, city, event)
		if err != nil {
			return unknown(err)
		}
		if v.Kind != KindTest && !e.Wants(v.Kind) {
			return ErrUnknown
		}
		return tx.PutDelivery(ctx, Delivery{City: city, Endpoint: id, Event: event, Subject: v.Subject, N: v.N, Due: now, Made: now})
	})
}

// replayStep is how many events one transaction of a replay takes.
const replayStep = 500

// ReplaySince sends an endpoint everything it wants since a moment, also what
// happened while it was off or before it was there. Events are kept for as
// long as Kept. It tells how many.
func (s *Service) ReplaySince(ctx context.Context, city, id string, since time.Time, a audit.Actor) (int, error) {
	total, after, done := 0, "", false
	for first := true; !done; first = false {
		var took int
		step := func(tx Tx, e *Endpoint) error {
			took = 0
			if e.State != Live {
				return ErrOff
			}
			now := s.cfg.Now()
			events, err := tx.HookEventsSince(ctx, city, since, after, replayStep)
			if err != nil {
				return err
			}
			for _, v := range events {
				if v.Kind == KindTest || !e.Wants(v.Kind) {
					continue
				}
				if err := tx.PutDelivery(ctx, Delivery{City: city, Endpoint: id, Event: v.ID, Subject: v.Subject, N: v.N, Due: now, Made: now}); err != nil {
					return err
				}
				took++
			}
			if done = len(events) < replayStep; !done {
				since, after = events[len(events)-1].At, events[len(events)-1].ID
			}
			return nil
		}
		var err error
		if first {
			err = s.alter(ctx, city, id, a, "hook.replay", step)
		} else {
			err = s.cfg.Store.Update(ctx, func(tx Tx) error {
				e, err := tx.HookEndpoint(ctx, city, id)
				if err != nil {
					return unknown(err)
				}
				return step(tx, &e)
			})
		}
		if err != nil {
			return total, err
		}
		total += took
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return total, nil
}
