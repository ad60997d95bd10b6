package booking_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/person"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
)

// queue drives a centre's day at random, three counters and a greeter, beside
// what must always hold.
type queue struct {
	svc    *booking.Service
	now    *time.Time
	centre string
	day    booking.Day
	clerk  audit.Actor
	visits []string
	// back is what each ticket was before a counter's last deeds, newest last.
	back map[string][]booking.Ticket
	seen map[string]int
}

func (q *queue) tickets(t *rapid.T) []booking.Ticket {
	ts, _, err := q.svc.Tickets(t.Context(), q.centre)
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

func (q *queue) visit(t *rapid.T, id string) booking.Visit {
	v, err := q.svc.Visit(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// hold is what is true of a day whatever has happened.
func (q *queue) hold(t *rapid.T) {
	c, _ := q.svc.Network().CentreByID(q.centre)
	at, inside := map[string]int{}, 0
	byVisit := map[string]booking.Ticket{}
	for i, k := range q.tickets(t) {
		if k.Number != i+1 {
			t.Fatalf("number %d at place %d: a gap or a double", k.Number, i+1)
		}
		if k.Visit != "" {
			if had, twice := byVisit[k.Visit]; twice {
				t.Fatalf("an appointment has the numbers %d and %d", had.Number, k.Number)
			}
			byVisit[k.Visit] = k
		}
		if k.State == booking.Called || k.State == booking.Serving {
			inside++
			if n := at[k.Desk]; n > 0 {
				t.Fatalf("counter %s has the numbers %d and %d", k.Desk, n, k.Number)
			}
			at[k.Desk] = k.Number
		}
	}
	if inside > c.Floor {
		t.Fatalf("%d people inside, want at most %d", inside, c.Floor)
	}
	for _, id := range q.visits {
		v := q.visit(t, id)
		k, has := byVisit[id]
		want := []booking.State{booking.Booked}
		switch {
		case has && k.State == booking.Served:
			want = []booking.State{booking.Done}
		case has && k.State == booking.Missed:
			want = []booking.State{booking.NoShow}
		case has && k.State == booking.Left: // gave up, or the arrival was taken back
			want = []booking.State{booking.NoShow, booking.Booked}
		case has:
			want = []booking.State{booking.Arrived}
		}
		if !slices.Contains(want, v.State) {
			t.Fatalf("number %d is %v and its appointment %v, want %v", k.Number, k.State, v.State, want)
		}
	}
}

// deed does one thing and wants it done, or refused in words with nothing
// changed.
func (q *queue) deed(t *rapid.T, what string, do func() (booking.Ticket, error)) (booking.Ticket, bool) {
	before := q.tickets(t)
	k, err := do()
	after := q.tickets(t)
	if err != nil {
		if len(fault.Of(err)) == 0 {
			t.Fatalf("%s: got %v, want it done or a fault", what, err)
		}
		if !slices.Equal(before, after) {
			t.Fatalf("%s was refused (%v) and yet changed the day:\n%+v\n%+v", what, err, before, after)
		}
		q.seen[what+": "+fault.Of(err)[0].Code]++
		return k, false
	}
	changed := 0
	for i := range before {
		if before[i] != after[i] {
			changed++
		}
	}
	if changed += len(after) - len(before); changed > 1 {
		t.Fatalf("%s changed %d numbers, want one", what, changed)
	}
	q.seen[what]++
	q.hold(t)
	return k, true
}

func was(ts []booking.Ticket, n int) booking.Ticket {
	for _, k := range ts {
		if k.Number == n {
			return k
		}
	}
	return booking.Ticket{}
}

// step is one deed of somebody.
func (q *queue) step(t *rapid.T) {
	*q.now = q.now.Add(time.Duration(rapid.IntRange(0, 240).Draw(t, "seconds")) * time.Second)
	ts := q.tickets(t)
	desk := rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(t, "desk")
	n := rapid.IntRange(1, len(ts)+1).Draw(t, "number")
	if rapid.IntRange(0, 3).Draw(t, "at the counter") > 0 { // mostly whom a clerk has before them
		for _, k := range ts {
			if k.Desk == desk && (k.State == booking.Called || k.State == booking.Serving) {
				n = k.Number
			}
		}
	}
	visit := rapid.SampledFrom(q.visits).Draw(t, "visit")
	ctx := t.Context()
	// mark remembers what a number was, as the counter's newest deed.
	mark := func(k booking.Ticket, at string) { q.back[at] = append(q.back[at], was(ts, k.Number)) }
	switch what := rapid.SampledFrom([]string{"walk", "walk", "arrive", "arrive", "unarrive", "unarrive", "unarrive", "next", "next", "next", "short", "undo", "undo", "another", "another",
		"begin", "begin", "finish", "finish", "recall", "park", "call", "miss", "leave", "transfer"}).Draw(t, "deed"); what {
	case "walk":
		service := rapid.SampledFrom([]string{"closing", "high-bill"}).Draw(t, "service")
		q.deed(t, what, func() (booking.Ticket, error) {
			k, _, err := q.svc.WalkIn(ctx, q.centre, service, 1, q.clerk)
			return k, err
		})
	case "arrive":
		v := q.visit(t, visit)
		k, ok := q.deed(t, what, func() (booking.Ticket, error) { return q.svc.CheckIn(ctx, visit, q.clerk) })
		if ok && v.State == booking.Booked && (k.State != booking.InQueue || !k.Arrived.Equal(*q.now)) {
			t.Fatalf("who arrives: got %+v, want to stand in line from now", k)
		}
	case "unarrive":
		q.deed(t, what, func() (booking.Ticket, error) {
			_, err := q.svc.Unarrive(ctx, visit, q.clerk)
			if v := q.visit(t, visit); err == nil && v.State != booking.Booked {
				t.Fatalf("an arrival taken back: the appointment is %v, want booked", v.State)
			}
			return booking.Ticket{}, err
		})
	case "next":
		order := q.svc.Network().Order(ts, "counter", *q.now)
		k, ok := q.deed(t, what, func() (booking.Ticket, error) { return q.svc.CallNext(ctx, q.centre, "counter", desk, q.clerk) })
		if ok {
			if k.Number != order[0] {
				t.Fatalf("next: got number %d, want %d, the first of %v", k.Number, order[0], order)
			}
			mark(k, desk)
		}
	case "short":
		k, ok := q.deed(t, what, func() (booking.Ticket, error) { return q.svc.CallShort(ctx, q.centre, "counter", desk, q.clerk) })
		if ok {
			if k.Service == "high-bill" {
				t.Fatalf("a quick counter got number %d, which is long", k.Number)
			}
			mark(k, desk)
		}
	case "another":
		k, ok := q.deed(t, what, func() (booking.Ticket, error) { return q.svc.AnotherMatter(ctx, q.centre, n, desk, q.clerk) })
		if ok {
			mark(k, desk)
		}
	case "undo":
		is, again, lerr := q.svc.Last(ctx, q.centre, desk)
		k, ok := q.deed(t, what, func() (booking.Ticket, error) { return q.svc.Undo(ctx, q.centre, desk, q.clerk) })
		if ok != (lerr == nil) && !(lerr == nil && (again.State == booking.Called || again.State == booking.Serving)) {
			t.Fatalf("undo: done %t, and was announced with %v", ok, lerr)
		}
		if !ok {
			return
		}
		if k != again || is.Number != k.Number {
			t.Fatalf("undo: got %+v, announced %+v", k, again)
		}
		b := q.back[desk]
		if want := b[len(b)-1]; k != want {
			t.Fatalf("undo: got %+v, want what it was: %+v", k, want)
		}
		q.back[desk] = b[:len(b)-1]
	default:
		k, ok := q.deed(t, what, func() (booking.Ticket, error) {
			return q.svc.Act(ctx, q.centre, n, booking.Action(what), desk, "reopening", q.clerk)
		})
		if ok { // the deed is the counter's where the number is, or of who did it
			at := k.Desk
			if at == "" {
				at = was(ts, k.Number).Desk
			}
			if at == "" {
				at = desk
			}
			mark(k, at)
		}
	}
}

// TestQueueMachine plays many random days.
func TestQueueMachine(t *testing.T) {
	if err := flag.Set("rapid.checks", "12"); err != nil {
		t.Fatal(err)
	}
	store, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "rows.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	n, err := booking.Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	var now time.Time
	svc := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](store), Network: n, Now: func() time.Time { return now }})
	konak, _ := n.CentreByID("konak")
	seen := map[string]int{}
	day, holder := booking.Date(2021, 3, 15), 0
	rapid.Check(t, func(rt *rapid.T) {
		day++
		for len(n.Plan(konak, day, nil)) == 0 { // weekends and holidays
			day++
		}
		now = day.At(8*60, n.Location())
		if err := svc.Plan(rt.Context(), day, 1); err != nil {
			rt.Fatal(err)
		}
		q := &queue{svc: svc, now: &now, centre: "konak", day: day, clerk: audit.Actor{Kind: "staff", Ref: "clerk", Channel: "desk"},
			back: map[string][]booking.Ticket{}, seen: seen}
		for i := range 5 {
			holder++
			tag := person.Tag{1}
			copy(tag[1:], fmt.Sprintf("%014d", holder))
			v, err := svc.Book(rt.Context(), booking.Request{Centre: "konak", Service: "closing", Day: day, Unit: 36 + i, Channel: booking.Desk,
				Actor: q.clerk, Who: booking.Who{Holder: tag, Phone: tag}})
			if err != nil {
				rt.Fatal(err)
			}
			q.visits = append(q.visits, v.ID)
		}
		now = day.At(8*60+45, n.Location())
		for range 70 {
			q.step(rt)
		}
		if wrong, err := svc.Audit(rt.Context(), day, 1); err != nil || len(wrong) > 0 {
			rt.Fatalf("counters: got %v and %v, want them to add up", wrong, err)
		}
	})
	for _, want := range []string{"walk", "arrive", "unarrive", "next", "short", "undo", "begin", "finish", "park", "call", "transfer",
		"next: booking.desk_busy", "undo: booking.no_undo", "finish: booking.state"} {
		if seen[want] == 0 && !t.Failed() {
			t.Errorf("%q never came about in all the days: %v", want, seen)
		}
	}
}
