// Package outbox sends what the city tells people after the deed it reports has
// committed. Messages are claimed for a time (lease): a worker that dies gives
// them back by doing nothing. Each class has a lane of its own, so a campaign
// never delays a code, and a code whose time has run out is never sent.
//
// A message may leave twice only where a worker dies between the gateway's yes
// and the mark that it was sent; its id goes along as the gateway's reference,
// so that a gateway that knows references sends it once.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
)

// End is how a message ended. The numbers are stored.
type End int64

// The ends; 0 is a message that waits.
const (
	Sent    End = 1
	Failed  End = 2 // the gateway will never have it, or it cannot be read
	Expired End = 3 // its time ran out before it left
)

// Store is what the workers ask of a database.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction.
type Tx interface {
	// Claim takes up to limit messages of a class that are due. They are due
	// again at lease, with Attempts raised; Finish and Retry take effect only
	// while Attempts is still what the claim gave.
	Claim(ctx context.Context, class notify.Class, now, lease time.Time, limit int) ([]notify.Queued, error)
	// Finish ends a message and wipes what it said.
	Finish(ctx context.Context, q notify.Queued, end End, reference, cause string, now time.Time) (bool, error)
	// Retry gives a message back until due.
	Retry(ctx context.Context, q notify.Queued, cause string, due time.Time) (bool, error)
}

// Lane is how messages of one class leave.
type Lane struct {
	Class notify.Class
	Batch int // most messages in one call
	// Gather is the least time between calls that are not full: gateways ask
	// senders to gather and post once a second. After a quiet time the first
	// message leaves at once.
	Gather time.Duration
	Poll   time.Duration // how often to look when nobody wakes the lane
	Lease  time.Duration // the call is given up after two thirds of it
	// First and Most bound the pause before a message is tried again; it
	// doubles in between.
	First, Most time.Duration
}

// Lanes are the usual ones. A code is worth little after a minute, so its
// lane tries fast; a campaign has all day.
func Lanes() []Lane {
	return []Lane{
		{Class: notify.CodeClass, Batch: 500, Gather: time.Second, Poll: 100 * time.Millisecond, Lease: 30 * time.Second, First: time.Second, Most: 10 * time.Second},
		{Class: notify.Info, Batch: 500, Gather: time.Second, Poll: time.Second, Lease: time.Minute, First: 5 * time.Second, Most: 10 * time.Minute},
		{Class: notify.Commercial, Batch: 500, Gather: 2 * time.Second, Poll: 5 * time.Second, Lease: 2 * time.Minute, First: time.Minute, Most: time.Hour},
	}
}

// Config is what a worker is made of; Lanes, Now and Log may be left out.
type Config struct {
	Store  Store
	Sender notify.Sender
	Keys   person.Keyring
	Lanes  []Lane
	Now    func() time.Time
	Log    *slog.Logger
}

// Metrics count since start, by class.
type Metrics struct {
	Sent, Failed, Expired, Retried [3]atomic.Int64
	Calls, CallErrors              atomic.Int64
}

// Worker sends. Several may run, in one process or on many servers.
type Worker struct {
	Metrics Metrics
	c       Config
	wake    []chan struct{}
}

// New makes a worker; Run starts it.
func New(c Config) *Worker {
	if c.Lanes == nil {
		c.Lanes = Lanes()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	w := &Worker{c: c}
	for range c.Lanes {
		w.wake = append(w.wake, make(chan struct{}, 1))
	}
	return w
}

// Wake tells a class's lane that something was put into the outbox; it never
// waits. Without it a lane looks by itself.
func (w *Worker) Wake(class notify.Class) {
	for i, l := range w.c.Lanes {
		if l.Class == class {
			select {
			case w.wake[i] <- struct{}{}:
			default:
			}
		}
	}
}

// Run sends until ctx ends; calls under way are brought to their end.
func (w *Worker) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for i, l := range w.c.Lanes {
		wg.Go(func() { w.lane(ctx, l, w.wake[i]) })
	}
	wg.Wait()
}

func (w *Worker) lane(ctx context.Context, l Lane, wake <-chan struct{}) {
	for ctx.Err() == nil {
		begun := w.c.Now()
		n, err := w.Once(ctx, l)
		if err != nil {
			w.c.Log.Warn("outbox", "lane", l.Class, "error", err)
		}
		switch {
		case err != nil:
			sleep(ctx, l.First, nil)
		case n >= l.Batch: // more waits
		case n > 0:
			sleep(ctx, l.Gather-w.c.Now().Sub(begun), nil)
		default:
			sleep(ctx, l.Poll, wake)
		}
	}
}

// sleep waits for d, for a wake or for the end.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// verdict is what becomes of a claimed message.
type verdict struct {
	q         notify.Queued
	end       End // 0: try again at due
	reference string
	cause     string
	due       time.Time
}

// Once claims one batch of a lane, sends it and writes down what became of it.
// It returns how many messages it claimed.
func (w *Worker) Once(ctx context.Context, l Lane) (int, error) {
	now := w.c.Now()
	lease := now.Add(l.Lease)
	var claimed []notify.Queued
	err := w.c.Store.Update(ctx, func(tx Tx) (err error) {
		claimed, err = tx.Claim(ctx, l.Class, now, lease, l.Batch)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("claim messages: %w", err)
	}
	if len(claimed) == 0 {
		return 0, nil
	}
	verdicts := make([]verdict, len(claimed))
	var ms []notify.Message
	var place []int // of ms in verdicts
	for i, q := range claimed {
		verdicts[i].q = q
		if !now.Before(q.Expires) {
			verdicts[i].end, verdicts[i].cause = Expired, "expired"
			continue
		}
		m, err := pairing.OpenMessage(w.c.Keys, q)
		if err != nil {
			verdicts[i].end, verdicts[i].cause = Failed, "unreadable"
			w.c.Log.Error("outbox: a message cannot be read", "id", q.ID, "error", err)
			continue
		}
		ms, place = append(ms, m), append(place, i)
	}
	// From here on the end of ctx must not leave it open what was sent.
	ctx = context.WithoutCancel(ctx)
	if len(ms) > 0 {
		receipts, err := w.send(ctx, l, ms)
		now = w.c.Now()
		for k, i := range place {
			v := &verdicts[i]
			switch {
			case err != nil:
				v.cause, v.due = "call failed", w.again(l, v.q, now)
			case k >= len(receipts) || receipts[k].ID != ms[k].ID:
				v.cause, v.due = "no receipt", w.again(l, v.q, now)
			case receipts[k].Err == nil:
				v.end, v.reference = Sent, receipts[k].Reference
			case receipts[k].Final:
				v.end, v.cause = Failed, clip(receipts[k].Err.Error())
			default:
				v.cause, v.due = clip(receipts[k].Err.Error()), w.again(l, v.q, now)
			}
		}
	}
	return len(claimed), w.note(ctx, verdicts, lease)
}

// send makes the call, within the lease.
func (w *Worker) send(ctx context.Context, l Lane, ms []notify.Message) (rs []notify.Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.Lease*2/3)
	defer cancel()
	w.Metrics.Calls.Add(1)
	rs, err = w.c.Sender.Send(ctx, ms)
	if err != nil {
		w.Metrics.CallErrors.Add(1)
		w.c.Log.Warn("outbox: the gateway did not take a batch", "gateway", w.c.Sender.Name(), "lane", l.Class, "messages", len(ms), "error", err)
	}
	return rs, err
}

// again is when a message is tried next: never after its time, when it is
// only counted.
func (w *Worker) again(l Lane, q notify.Queued, now time.Time) time.Time {
	pause := min(l.First<<min(max(q.Attempts-1, 0), 20), l.Most)
	if pause <= 0 {
		pause = l.Most
	}
	// A quarter more or less, so that a thousand refused at once do not come
	// back at once.
	pause += time.Duration(rand.Int64N(int64(pause/2)+1)) - pause/4
	due := now.Add(pause)
	if due.After(q.Expires) {
		due = q.Expires
	}
	return due
}

// note writes verdicts down. It goes on trying while the lease holds: after
// that the messages are somebody else's.
func (w *Worker) note(ctx context.Context, vs []verdict, lease time.Time) error {
	for {
		stood := make([]bool, len(vs))
		now := w.c.Now()
		err := w.c.Store.Update(ctx, func(tx Tx) error {
			for i, v := range vs {
				var err error
				if v.end == 0 {
					stood[i], err = tx.Retry(ctx, v.q, v.cause, v.due)
				} else {
					stood[i], err = tx.Finish(ctx, v.q, v.end, v.reference, v.cause, now)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			for i, v := range vs {
				if stood[i] {
					w.count(v)
				}
			}
			return nil
		}
		if errors.Is(err, context.Canceled) || !w.c.Now().Add(time.Second).Before(lease) {
			return fmt.Errorf("note what became of %d messages: %w", len(vs), err)
		}
		sleep(ctx, 500*time.Millisecond, nil)
	}
}

func (w *Worker) count(v verdict) {
	c := min(int(v.q.Class), len(w.Metrics.Sent)-1)
	m := &w.Metrics
	switch v.end {
	case Sent:
		m.Sent[c].Add(1)
	case Failed:
		m.Failed[c].Add(1)
	case Expired:
		m.Expired[c].Add(1)
	default:
		m.Retried[c].Add(1)
	}
}

// clip keeps a cause to a line that fits a table.
func clip(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		return string(r[:most])
	}
	return s
}
