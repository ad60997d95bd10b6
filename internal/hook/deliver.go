package hook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"turnike/internal/audit"
)

// DeliveryState is how far a delivery has come. The numbers are stored.
type DeliveryState uint8

// The states.
const (
	Waiting   DeliveryState = 0
	Delivered DeliveryState = 1
	GivenUp   DeliveryState = 2 // tried for as long as Patience
	Dropped   DeliveryState = 3 // the endpoint went off or away first
)

// String is the state's name in catalogues.
func (s DeliveryState) String() string {
	return [...]string{"waiting", "delivered", "given_up", "dropped"}[min(s, Dropped)]
}

// Delivery is an event on its way to an endpoint, and how that went.
type Delivery struct {
	City     string
	Endpoint string
	Event    string
	Subject  string
	N        int
	State    DeliveryState
	Attempts int
	Due      time.Time
	Made     time.Time
	Done     time.Time     // zero while it waits
	Status   int           // of the last answer, 0 for none
	Took     time.Duration // the last call
	Error    string        // why the last call failed, below hook.why. in the catalogues; never what the receiver said

	Kind string    // of the event, where a log asked
	At   time.Time // of the event
}

// The worker's measures. A batch is at one endpoint for at most half its
// lease; what is left over is taken up again at once.
const (
	claimMost  = 200
	leaseFor   = time.Minute
	callFor    = 10 * time.Second
	pollEvery  = time.Second
	sweepEvery = time.Hour
	readMost   = 16 << 10
	// Kept is how long events and deliveries are kept, to be replayed.
	Kept = 30 * 24 * time.Hour
)

// again is when a delivery is tried next: after 5 seconds, doubling to four
// hours, a quarter more or less so that a thousand do not come back at once.
func again(attempts int, now time.Time) time.Time {
	pause := min(5*time.Second<<min(max(attempts-1, 0), 20), 4*time.Hour)
	return now.Add(pause + time.Duration(rand.Int64N(int64(pause/2)+1)) - pause/4)
}

// Run delivers until ctx ends; a call under way is brought to its end.
func (s *Service) Run(ctx context.Context) {
	var swept time.Time
	for ctx.Err() == nil {
		n, err := s.Once(ctx)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "webhooks", "err", err)
		}
		if now := s.cfg.Now(); now.Sub(swept) > sweepEvery {
			swept = now
			if err := s.sweep(ctx, now); err != nil && ctx.Err() == nil {
				s.cfg.Log.WarnContext(ctx, "webhooks: sweep", "err", err)
			}
		}
		if n > 0 && err == nil {
			continue
		}
		t := time.NewTimer(pollEvery)
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-s.wake:
		}
		t.Stop()
	}
}

func (s *Service) sweep(ctx context.Context, now time.Time) error {
	for {
		var n int
		err := s.cfg.Store.Update(ctx, func(tx Tx) (err error) {
			n, err = tx.SweepHooks(ctx, now.Add(-Kept), 1000)
			return err
		})
		if err != nil || n < 1000 {
			return err
		}
	}
}

// Once takes what is due, calls the endpoints side by side, each with its own
// deliveries one after another, and writes down how that went. It tells how
// many it took.
func (s *Service) Once(ctx context.Context) (int, error) {
	now := s.cfg.Now()
	var due []Delivery
	err := s.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		due, err = tx.ClaimDeliveries(ctx, now, now.Add(leaseFor), claimMost)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("claim deliveries: %w", err)
	}
	type to struct{ city, endpoint string }
	groups := map[to][]Delivery{}
	for _, d := range due {
		k := to{d.City, d.Endpoint}
		groups[k] = append(groups[k], d)
	}
	ctx = context.WithoutCancel(ctx) // it is claimed: the outcome is awaited
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for k, ds := range groups {
		wg.Go(func() {
			if err := s.deliver(ctx, k.city, k.endpoint, ds); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	return len(due), errors.Join(errs...)
}

// deliver brings an endpoint its deliveries, in the order of their events.
// After two that failed the rest is not tried: it is away.
func (s *Service) deliver(ctx context.Context, city, id string, ds []Delivery) error {
	var e Endpoint
	bodies := map[string]Event{}
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		if e, err = tx.HookEndpoint(ctx, city, id); err != nil {
			return err
		}
		for _, d := range ds {
			v, err := tx.HookEvent(ctx, city, d.Event)
			if err != nil && !errors.Is(err, ErrNoRow) {
				return err
			}
			bodies[d.Event] = v
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read endpoint: %w", err)
	}
	now := s.cfg.Now()
	keys, err := s.secrets(ctx, e, now)
	if err != nil && e.State == Live {
		return err
	}
	slices.SortFunc(ds, func(a, b Delivery) int { return cmp.Compare(a.Event, b.Event) })
	begun, failed, gone := time.Now(), 0, false
	for i := range ds {
		d := &ds[i]
		v, there := bodies[d.Event], bodies[d.Event].ID != ""
		now := s.cfg.Now()
		switch {
		case e.State != Live:
			d.State, d.Error, d.Done = Dropped, "off", now
		case !there:
			d.State, d.Error, d.Done = Dropped, "swept", now
		case gone || failed >= 2:
			d.Error, d.Due = "earlier", again(d.Attempts, now)
		case time.Since(begun) > leaseFor/2:
			d.Error, d.Due = "later", now
		default:
			var wait time.Duration
			d.Status, wait, d.Error, d.Took = s.call(ctx, e, keys, v, now)
			now = s.cfg.Now()
			if d.Error == "" {
				d.State, d.Done, failed = Delivered, now, 0
				s.Metrics.Delivered.Add(1)
				e.Good, e.Failing = now, time.Time{}
				continue
			}
			failed++
			s.Metrics.Failed.Add(1)
			gone = gone || d.Status == http.StatusGone
			d.Due = again(d.Attempts, now)
			if at := now.Add(min(wait, time.Hour)); at.After(d.Due) {
				d.Due = at
			}
			if e.Failing.IsZero() {
				e.Failing = now
			}
		}
		if d.State == Waiting && now.Sub(d.Made) >= Patience {
			d.State, d.Done = GivenUp, now
			s.Metrics.GivenUp.Add(1)
		}
	}
	return s.settle(ctx, e, ds, gone)
}

// settle writes down how an endpoint's deliveries went, and leaves the
// endpoint alone where it said so (410) or has failed for as long as Patience.
func (s *Service) settle(ctx context.Context, e Endpoint, ds []Delivery, gone bool) error {
	now, disabled := s.cfg.Now(), false
	err := s.cfg.Store.Update(ctx, func(tx Tx) error {
		disabled = false
		for _, d := range ds {
			var err error
			if d.State == Waiting {
				_, err = tx.RetryDelivery(ctx, d)
			} else {
				_, err = tx.EndDelivery(ctx, d)
			}
			if err != nil {
				return err
			}
		}
		today, err := tx.HookEndpoint(ctx, e.City, e.ID)
		if err != nil || today.State != Live {
			return err
		}
		switch {
		case e.Failing.IsZero():
			today.Failing = time.Time{}
		case today.Failing.IsZero() && today.Good.Before(e.Failing):
			today.Failing = e.Failing
		}
		if e.Good.After(today.Good) {
			today.Good = e.Good
		}
		if gone || !today.Failing.IsZero() && now.Sub(today.Failing) >= Patience {
			today.State = Failing
			disabled = true
			if _, err := tx.EndHookDeliveries(ctx, e.City, e.ID, Dropped, "failing", now); err != nil {
				return err
			}
			s.cfg.Log.WarnContext(ctx, "webhooks: an endpoint is left alone after failing", "tenant", e.City, "endpoint", e.ID, "since", today.Failing)
			if err := s.log(ctx, tx, e.City, audit.System("hook"), "hook.disable", e.ID); err != nil {
				return err
			}
		}
		return tx.PutHookEndpoint(ctx, today)
	})
	if err == nil && disabled {
		s.Metrics.Disabled.Add(1)
	}
	return err
}

// call makes one call. why is empty where the receiver took it (2xx).
func (s *Service) call(ctx context.Context, e Endpoint, keys []secret, v Event, now time.Time) (status int, wait time.Duration, why string, took time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, strings.NewReader(v.Body))
	if err != nil {
		return 0, 0, "broken", 0
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Turnike-Webhook/1")
	sign(r.Header, keys, v.ID, v.Body, now)
	begun := time.Now()
	resp, err := s.client.Do(r)
	took = time.Since(begun)
	if err != nil {
		return 0, 0, plainly(err), took
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, readMost) // so that the connection can be used again
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
		wait = time.Duration(min(n, 3600)) * time.Second
	}
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode, wait, "answered " + strconv.Itoa(resp.StatusCode), took
	}
	return resp.StatusCode, 0, "", took
}

// Log is an endpoint's deliveries before an event id, newest first; "" begins
// with the newest.
func (s *Service) Log(ctx context.Context, city, id, before string, limit int) (ds []Delivery, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		ds, err = tx.HookDeliveries(ctx, city, id, before, limit)
		return err
	})
	return ds, err
}
