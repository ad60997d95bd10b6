package storagetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/storage/sqlstore"
)

// faulty is a store that loses calls, and answers, and transactions: by chance
// where rnd is given, every answer where lose is set.
type faulty struct {
	booking.Store
	mu   sync.Mutex
	rnd  *rand.Rand
	lose bool
}

var errLost = errors.New("storagetest: rolled back on purpose")

func (f *faulty) Update(ctx context.Context, fn func(booking.Tx) error) error {
	f.mu.Lock()
	luck := 19
	if f.rnd != nil {
		luck = f.rnd.IntN(20)
	}
	if f.lose {
		luck = 1
	}
	f.mu.Unlock()
	switch luck {
	case 0: // never arrives
		return sqlstore.ErrAway
	case 1: // committed, but the answer is lost
		if err := f.Store.Update(ctx, fn); err != nil {
			return err
		}
		return sqlstore.ErrAway
	case 2: // lost before the commit
		err := f.Store.Update(ctx, func(tx booking.Tx) error {
			if err := fn(tx); err != nil {
				return err
			}
			return errLost
		})
		if errors.Is(err, errLost) {
			return sqlstore.ErrAway
		}
		return err
	}
	return f.Store.Update(ctx, fn)
}

// What clients do in a history, and the model of one day: which unit each
// client's visit is at, 0 for none.
type (
	deed struct {
		client int
		kind   string // hold, confirm, cancel, move
		unit   int8
	}
	placed [6]int8
)

const historyDesks = 2

func (p placed) count(unit int8, but int) (n int) {
	for c, u := range p {
		if c != but && u == unit {
			n++
		}
	}
	return n
}

// step is the model: ok is whether the deed was done, full whether it was
// refused because the place was taken.
func step(p placed, d deed, done bool) (bool, placed) {
	free := p.count(d.unit, d.client) < historyDesks
	switch d.kind {
	case "hold", "move":
		if done {
			p[d.client] = d.unit
		}
		return done == free, p
	case "cancel":
		p[d.client] = 0
	}
	return done, p
}

func testVisitHistory(t *testing.T, s *sqlstore.Store) {
	n := office(t, historyDesks, 3, "")
	c := newClock(officeNow)
	f := &faulty{Store: sqlstore.As[booking.Tx](s), rnd: rand.New(rand.NewPCG(11, 12))}
	b := booking.New(booking.Config{Store: f, Network: n, Now: c.now})
	for b.Plan(t.Context(), officeDay, 1) != nil {
	}
	start := time.Now()
	var mu sync.Mutex
	var history []porcupine.Operation
	// do runs a deed until its outcome is known. A lost answer is asked for
	// again under the same key, so the whole is one deed however often sent.
	do := func(d deed, call func() error) bool {
		from := time.Since(start).Nanoseconds()
		var err error
		for {
			if err = call(); !errors.Is(err, sqlstore.ErrAway) {
				break
			}
		}
		if err != nil && !errors.Is(err, booking.ErrFull) {
			t.Errorf("%+v: got %v, want it done or %v", d, err, booking.ErrFull)
		}
		op := porcupine.Operation{ClientId: d.client, Input: d, Call: from, Output: err == nil, Return: time.Since(start).Nanoseconds()}
		mu.Lock()
		history = append(history, op)
		mu.Unlock()
		return err == nil
	}
	var wg sync.WaitGroup
	for client := range len(placed{}) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(5, uint64(client)))
			id := ""
			for range 40 {
				unit := int8(1 + r.IntN(3))
				at := nine - 1 + int(unit)
				switch {
				case id == "":
					req := ask(at, client)
					req.Key = newID()
					var v booking.Visit
					if !do(deed{client, "hold", unit}, func() (err error) { v, err = b.Hold(t.Context(), req); return err }) {
						continue
					}
					id = v.ID
					do(deed{client, "confirm", 0}, func() error {
						_, err := b.Confirm(t.Context(), id, who(client), audit.Citizen("web"))
						return err
					})
				case r.IntN(3) == 0:
					do(deed{client, "cancel", 0}, func() error { _, err := b.Cancel(t.Context(), id, audit.Citizen("web")); return err })
					id = ""
				default:
					do(deed{client, "move", unit}, func() error {
						_, err := b.Move(t.Context(), id, "konak", officeDay, at, booking.Web, audit.Citizen("web"))
						return err
					})
				}
			}
		})
	}
	wg.Wait()
	sound(t, b)
	model := porcupine.Model{
		Init: func() any { return placed{} },
		Step: func(state, in, out any) (bool, any) {
			ok, next := step(state.(placed), in.(deed), out.(bool))
			return ok, next
		},
		DescribeOperation: func(in, out any) string { return fmt.Sprint(in, out) },
	}
	if got := porcupine.CheckOperationsTimeout(model, history, 30*time.Second); got != porcupine.Ok {
		t.Errorf("%d deeds: got %v, want an order that explains them", len(history), got)
	}
	full := 0
	for _, op := range history {
		if !op.Output.(bool) {
			full++
		}
	}
	if len(history) < 200 || full < 20 {
		t.Errorf("got %d deeds, %d refused, want enough of both to tell anything", len(history), full)
	}
	// A history in which a place is sold twice must not pass.
	broken := append([]porcupine.Operation(nil), history...)
	for i, op := range broken {
		if op.Input.(deed).kind != "cancel" && !op.Output.(bool) {
			broken[i].Output = true
			break
		}
	}
	if got := porcupine.CheckOperationsTimeout(model, broken, 30*time.Second); got != porcupine.Illegal {
		t.Errorf("a place sold twice: got %v, want %v", got, porcupine.Illegal)
	}
}

// testTickets lets a centre's whole staff work at once: numbers have neither
// gaps nor doubles, nobody is called twice, and the floor is never over full.
func testTickets(t *testing.T, s *sqlstore.Store) {
	n := office(t, 4, 8, "")
	c := newClock(officeDay.At(9*60, n.Location()))
	b := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: n, Now: c.now})
	is(t, "plan", b.Plan(t.Context(), officeDay, 1), nil)
	greeter, clerk := audit.Actor{Kind: "staff", Ref: "greeter-1", Channel: "desk"}, audit.Actor{Kind: "staff", Ref: "clerk-1", Channel: "desk"}
	var visits []string
	for i := range 8 {
		v, err := b.Book(t.Context(), ask(nine+1+i%4, i))
		is(t, "book", err, nil)
		visits = append(visits, v.ID)
	}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			var err error
			if i < 8 {
				_, err = b.CheckIn(t.Context(), visits[i], greeter)
				if err == nil {
					_, err = b.CheckIn(t.Context(), visits[i], greeter) // twice
				}
			} else {
				_, _, err = b.WalkIn(t.Context(), "konak", "account", 1, greeter)
			}
			is(t, "number", err, nil)
		})
	}
	wg.Wait()
	ts, due, err := b.Tickets(t.Context(), "konak")
	is(t, "read", err, nil)
	same(t, "numbers", len(ts), 40)
	same(t, "still expected", len(due), 0)
	for i, k := range ts {
		same(t, "number", k.Number, i+1)
	}
	var called sync.Map
	var served int
	var mu sync.Mutex
	for desk := range 6 { // two more than the floor takes
		wg.Go(func() {
			name := fmt.Sprint("desk-", desk)
			for {
				k, err := b.CallNext(t.Context(), "konak", "counter", name, clerk)
				switch {
				case errors.Is(err, booking.ErrNobody):
					return
				case errors.Is(err, booking.ErrFloor):
					time.Sleep(time.Millisecond)
					continue
				case err != nil:
					t.Errorf("call: got %v", err)
					return
				}
				if _, twice := called.LoadOrStore(k.Number, name); twice {
					t.Errorf("number %d: called twice", k.Number)
				}
				if _, err := b.CallNext(t.Context(), "konak", "counter", name, clerk); !errors.Is(err, booking.ErrDeskBusy) {
					t.Errorf("call with somebody there: got %v, want %v", err, booking.ErrDeskBusy)
				}
				all, _, err := b.Tickets(t.Context(), "konak")
				is(t, "read", err, nil)
				on := 0
				for _, x := range all {
					if x.State == booking.Called || x.State == booking.Serving {
						on++
					}
				}
				if on > 4 {
					t.Errorf("got %d people on the floor, want at most 4", on)
				}
				for _, act := range []booking.Action{booking.Recall, booking.Begin, booking.Finish} {
					if _, err := b.Act(t.Context(), "konak", k.Number, act, name, "", clerk); err != nil {
						t.Errorf("%s: got %v", act, err)
					}
				}
				mu.Lock()
				served++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	same(t, "served", served, 40)
	for _, id := range visits {
		v, err := b.Visit(t.Context(), id)
		is(t, "visit", err, nil)
		same(t, "visit", v.State, booking.Done)
	}
	testUndo(t, b, c, clerk)
	f, err := b.Figures(t.Context(), "", officeDay, 1)
	is(t, "figures", err, nil)
	same(t, "figures", [4]int{f.Visits[booking.Done], f.ByService["account"], f.Queue.Walkins, f.Queue.Shown}, [4]int{8, 8, 33, 33})
	stays, _, err := b.WalkIn(t.Context(), "konak", "account", 1, greeter)
	is(t, "one more number", err, nil)
	late, err := b.Book(t.Context(), ask(nine+7, 77))
	is(t, "book for later today", err, nil)
	c.advance(24 * time.Hour)
	wrong, err := b.Night(t.Context())
	is(t, "night", err, nil)
	same(t, "counters that do not add up", len(wrong), 0)
	missed, err := b.CloseDay(t.Context(), "konak", officeDay)
	is(t, "close the day again", err, nil)
	same(t, "missed, once", missed, 0)
	v, err := b.Visit(t.Context(), late.ID)
	is(t, "visit", err, nil)
	same(t, "who never came", v.State, booking.NoShow)
	_, err = b.CheckIn(t.Context(), visits[0], greeter)
	is(t, "check in the day after", err, booking.ErrEarly)
	f, err = b.Figures(t.Context(), "konak", officeDay, 1)
	is(t, "figures", err, nil)
	same(t, "number never called", [2]int{f.Queue.Unserved, stays.Number}, [2]int{1, 42})
	same(t, "missed in a hundred", f.NoShows(), 100.0/9)
	sound(t, b)
}

func testUndo(t *testing.T, b *booking.Service, c *clock, clerk audit.Actor) {
	t.Helper()
	k, wait, err := b.WalkIn(t.Context(), "konak", "account", 1, clerk)
	is(t, "number", err, nil)
	same(t, "a wait where nobody waits", wait, booking.Range{Most: time.Minute})
	same(t, "the next number", k.Number, 41)
	act := func(a booking.Action) booking.Ticket {
		t.Helper()
		k, err := b.Act(t.Context(), "konak", 41, a, "desk-1", "meter", clerk)
		is(t, string(a), err, nil)
		return k
	}
	is(t, "begin what is not called", func() error {
		_, err := b.Act(t.Context(), "konak", 41, booking.Begin, "desk-1", "", clerk)
		return err
	}(), booking.ErrState)
	act(booking.CallThis)
	act(booking.Park)
	got, err := b.Undo(t.Context(), "konak", "desk-1", clerk)
	is(t, "undo", err, nil)
	same(t, "called again", got.State, booking.Called)
	act(booking.Begin)
	moved := act(booking.Transfer)
	same(t, "transferred", [2]any{moved.State, moved.Service}, [2]any{booking.InQueue, "meter"})
	act(booking.CallThis)
	act(booking.Finish)
	c.advance(6 * time.Minute)
	_, err = b.Undo(t.Context(), "konak", "desk-1", clerk)
	is(t, "undo after a while", err, booking.ErrNoUndo)
	ts, _, err := b.Tickets(t.Context(), "konak")
	is(t, "read", err, nil)
	same(t, "as it stands", [2]any{ts[40].State, ts[40].Shown}, [2]any{booking.Served, time.Minute})
}
