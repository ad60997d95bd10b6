package storagetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/notify"
	"turnike/internal/storage/sqlstore"
)

var manager = audit.Actor{Kind: "staff", Ref: "manager-1", Channel: "console"}

// week has so many counters from 09:00 to 10:00 on all days.
func week(desks int) (w booking.Week) {
	for d := range w {
		w[d] = []booking.Shift{{From: 9 * 60, To: 10 * 60, Desks: desks}}
	}
	return w
}

func testStaffing(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	n := office(t, 3, 4, "")
	b := booker(t, sqlstore.As[booking.Tx](s), n, c)
	konak, _ := n.CentreByID("konak")
	var ids []string
	for i := range 3 {
		v, err := b.Book(t.Context(), ask(nine, i))
		is(t, "book", err, nil)
		ids = append(ids, v.ID)
	}
	rev := func(desks int, since, until booking.Day) booking.Change {
		return booking.Change{Revisions: []booking.Revision{{Centre: "konak", Pool: "counter", Kind: booking.Staffing,
			Since: since, Until: until, Week: week(desks), Why: "summer"}}}
	}
	e, err := b.Preview(t.Context(), rev(1, officeDay, booking.NoEnd))
	is(t, "preview", err, nil)
	same(t, "people hit", len(e.Hit()), 3)
	move := e.ToMove()
	same(t, "people to move", len(move), 2)
	same(t, "who came first keeps the hour", slices.ContainsFunc(move, func(v booking.Visit) bool { return v.ID == ids[0] }), false)
	same(t, "no places more", e.More, 0)
	if e.Fewer == 0 {
		t.Errorf("places fewer: got %d, want some", e.Fewer)
	}
	plan, err := b.PlanOn(t.Context(), "konak", officeDay)
	is(t, "plan", err, nil)
	same(t, "a preview changes nothing", desksAt(plan, "counter", nine), 3)
	_, err = b.Apply(t.Context(), rev(1, officeDay, booking.NoEnd), "else", manager)
	is(t, "a change nobody has seen", err, booking.ErrMeanwhile)
	_, err = b.Apply(t.Context(), rev(1, officeDay, booking.NoEnd), e.Seen, manager)
	is(t, "apply", err, nil)
	sound(t, b)
	_, err = b.Book(t.Context(), ask(nine+1, 5))
	is(t, "the one counter", err, nil)
	_, err = b.Book(t.Context(), ask(nine+1, 6))
	is(t, "no second", err, booking.ErrFull)
	list, err := b.OnDay(t.Context(), "konak", officeDay)
	is(t, "list", err, nil)
	same(t, "nobody lost a place", len(list), 4)

	// A single day stands out of the week, also where the week is newer.
	one := rev(3, officeDay+1, officeDay+1)
	e, err = b.Preview(t.Context(), one)
	is(t, "preview a day", err, nil)
	_, err = b.Apply(t.Context(), one, e.Seen, manager)
	is(t, "apply a day", err, nil)
	newer := rev(2, officeDay, booking.NoEnd)
	e, err = b.Preview(t.Context(), newer)
	is(t, "preview again", err, nil)
	_, err = b.Apply(t.Context(), newer, e.Seen, manager)
	is(t, "apply again", err, nil)
	for d, want := range map[booking.Day]int{officeDay: 2, officeDay + 1: 3, officeDay + 2: 2} {
		plan, err := b.PlanOn(t.Context(), "konak", d)
		is(t, "plan", err, nil)
		same(t, "counters on "+d.String(), desksAt(plan, "counter", nine), want)
	}
	_, revs, err := b.Changed(t.Context(), "konak", officeDay)
	is(t, "changes", err, nil)
	same(t, "revisions", len(revs), 3)
	same(t, "week of the grid", booking.WriteShifts(n.WeekOf(konak, "counter", officeDay+2, revs)[officeDay.Weekday()]), "09:00-10:00 2")

	// Taking back leads to what stood before; plain bookings follow.
	undo := booking.Change{}
	for _, r := range revs {
		undo.Undo = append(undo.Undo, r.ID)
	}
	e, err = b.Preview(t.Context(), undo)
	is(t, "preview taking back", err, nil)
	_, err = b.Apply(t.Context(), undo, e.Seen, manager)
	is(t, "take back", err, nil)
	_, err = b.Apply(t.Context(), undo, e.Seen, manager)
	is(t, "twice", err, booking.ErrMeanwhile)
	plan, err = b.PlanOn(t.Context(), "konak", officeDay)
	is(t, "plan", err, nil)
	same(t, "the file again", desksAt(plan, "counter", nine), 3)
	sound(t, b)
}

func desksAt(plan []booking.PlanCell, pool string, unit int) int {
	for _, p := range plan {
		if p.Pool == pool && p.Unit == unit {
			return p.Desks
		}
	}
	return 0
}

// testFloorLimit lowers the room's limit: places and calls follow it.
func testFloorLimit(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 3, 4, ""), c)
	low := booking.Change{Revisions: []booking.Revision{{Centre: "konak", Kind: booking.Flooring, Since: officeDay, Until: booking.NoEnd, Floor: 1, Why: "works"}}}
	e, err := b.Preview(t.Context(), low)
	is(t, "preview", err, nil)
	_, err = b.Apply(t.Context(), low, e.Seen, manager)
	is(t, "apply", err, nil)
	_, err = b.Book(t.Context(), ask(nine, 1))
	is(t, "one", err, nil)
	_, err = b.Book(t.Context(), ask(nine, 2))
	is(t, "two", err, booking.ErrFull)
	c.advance(15 * time.Hour) // 09:00 of the day
	for range 2 {
		_, _, err = b.WalkIn(t.Context(), "konak", "account", 1, manager)
		is(t, "number", err, nil)
	}
	_, err = b.CallNext(t.Context(), "konak", "counter", "1", manager)
	is(t, "call", err, nil)
	_, err = b.CallNext(t.Context(), "konak", "counter", "2", manager)
	is(t, "over the limit", err, booking.ErrFloor)
	low.Revisions[0].Floor = 0
	_, err = b.Preview(t.Context(), low)
	is(t, "a floor for nobody", err, booking.ErrFloorRange)
}

// testOpening lets out more places than counters where people stay away, but
// never so many that more come than there is room in one case of twenty.
func testOpening(t *testing.T, s *sqlstore.Store) {
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 8, 4, ""), newClock(officeNow))
	open := booking.Change{Revisions: []booking.Revision{{Centre: "konak", Pool: "counter", Kind: booking.Opening, Since: officeDay,
		Until: booking.NoEnd, Show: 700, Walk: 0, Why: "forecast"}}}
	e, err := b.Preview(t.Context(), open)
	is(t, "preview", err, nil)
	same(t, "places more a unit", e.More > 0, true)
	_, err = b.Apply(t.Context(), open, e.Seen, manager)
	is(t, "apply", err, nil)
	sold := 0
	for i := range 20 {
		if _, err := b.Book(t.Context(), ask(nine, i)); err == nil {
			sold++
		}
	}
	same(t, "sold for eight counters", sold, 9) // 0.7^9 = 0.04; of ten, more than eight come in 0.15
	sound(t, b)
	// With a counter fewer the bound is kept anew.
	ill := booking.Change{Exceptions: []booking.Exception{{Centre: "konak", Day: officeDay, To: 1440, Desks: -7, Why: "ill"}}}
	e, err = b.Preview(t.Context(), ill)
	is(t, "preview", err, nil)
	same(t, "people to move", len(e.ToMove()), 8)
}

// testMoves: nobody is moved without a yes.
func testMoves(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	var told []booking.Notice
	n := office(t, 3, 4, "")
	b := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: n, Now: c.now,
		Tell: func(k booking.Notice, v booking.Visit, _ time.Time) ([]notify.Queued, error) {
			told = append(told, k)
			return nil, nil
		}})
	is(t, "plan", b.Plan(t.Context(), officeDay, 3), nil)
	var vs []booking.Visit
	for i := range 3 {
		v, err := b.Book(t.Context(), ask(nine, i))
		is(t, "book", err, nil)
		vs = append(vs, v)
	}
	// Two people are in every other cell, so there is one place left in each.
	for u := nine + 1; u < nine+4; u++ {
		for i := range 2 {
			_, err := b.Book(t.Context(), ask(u, 100+10*u+i))
			is(t, "book", err, nil)
		}
	}
	ill := booking.Change{Exceptions: []booking.Exception{{Centre: "konak", Day: officeDay, From: 9 * 60, To: 9*60 + 15, Desks: -3, Why: "ill"}}}
	e, err := b.Preview(t.Context(), ill)
	is(t, "preview", err, nil)
	same(t, "to move", len(e.ToMove()), 3)
	_, err = b.Apply(t.Context(), ill, e.Seen, manager)
	is(t, "apply", err, nil)
	told = nil
	ids := []string{vs[0].ID, vs[1].ID, vs[2].ID, "0190f0e0-0000-7000-8000-000000000000"}
	asked, failed, err := b.AskMoves(t.Context(), ids, manager)
	is(t, "ask", err, nil)
	same(t, "asked", len(asked), 3)
	is(t, "a stranger", failed[ids[3]], booking.ErrNoVisit)
	same(t, "told", len(told), 3)
	same(t, "the nearest hour", asked[0].Offer.Unit, nine+1)
	same(t, "the next nearest", asked[1].Offer.Unit, nine+2)
	again, _, err := b.AskMoves(t.Context(), ids[:1], manager)
	is(t, "ask again", err, nil)
	same(t, "the same place", again[0].Offer, asked[0].Offer)
	same(t, "told once", len(told), 3)
	sound(t, b)
	for _, v := range vs {
		got, err := b.Visit(t.Context(), v.ID)
		is(t, "visit", err, nil)
		same(t, "nobody is moved yet", got.Place, v.Place)
	}
	_, err = b.Book(t.Context(), ask(nine+1, 500))
	is(t, "what is held", err, booking.ErrFull)

	got, err := b.AcceptMove(t.Context(), ids[0], audit.Citizen("sms"))
	is(t, "accept", err, nil)
	same(t, "moved", got.Place, asked[0].Offer)
	same(t, "the calendar learns of it", got.Sequence, vs[0].Sequence+1)
	_, err = b.AcceptMove(t.Context(), ids[0], audit.Citizen("sms"))
	is(t, "accept twice", err, nil)
	_, err = b.KeepPlace(t.Context(), ids[1], audit.Citizen("sms"))
	is(t, "keep", err, nil)
	_, err = b.Book(t.Context(), ask(asked[1].Offer.Unit, 501))
	is(t, "what was let go", err, nil)
	_, err = b.AcceptMove(t.Context(), ids[1], audit.Citizen("sms"))
	is(t, "too late", err, booking.ErrLapsed)
	sound(t, b)
	c.advance(25 * time.Hour)
	_, err = b.AcceptMove(t.Context(), ids[2], audit.Citizen("sms"))
	if !errors.Is(err, booking.ErrLapsed) {
		t.Errorf("a day later: got %v, want %v", err, booking.ErrLapsed)
	}
	cases, err := b.Moves(t.Context(), "konak", officeDay, 1)
	is(t, "cases", err, nil)
	var answers []booking.Answer
	for _, x := range cases {
		answers = append(answers, x.Answer)
	}
	slices.Sort(answers)
	same(t, "answers", len(answers), 3)
	if want := []booking.Answer{booking.AnswerAccepted, booking.AnswerKept, booking.AnswerSilent}; !slices.Equal(answers, want) {
		t.Errorf("answers: got %q, want %q", answers, want)
	}
	_, err = b.Moving(t.Context(), "0190f0e0-0000-7000-8000-000000000000")
	is(t, "nobody was asked", err, booking.ErrNoMove)
	sound(t, b)
}
