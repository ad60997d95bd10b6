package storagetest

import (
	"fmt"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/notify"
	"turnike/internal/storage/sqlstore"
)

func testVisitExceptions(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 2, 4, ""), c)
	staff := audit.Actor{Kind: "staff", Ref: "manager-1", Channel: "console"}
	for i := range 2 {
		_, err := b.Book(t.Context(), ask(nine, i))
		is(t, "book", err, nil)
	}
	ill := booking.Exception{Centre: "konak", Day: officeDay, To: 1440, Desks: -1, Why: "ill", Actor: staff.Ref}
	over, err := b.Except(t.Context(), ill, false, staff)
	is(t, "one counter fewer", err, booking.ErrOverfull)
	same(t, "cells over", len(over), 2) // the pool's and the floor's
	same(t, "whom it would hit", len(over[0].Visits), 2)
	_, err = b.Book(t.Context(), ask(nine+1, 5))
	is(t, "nothing has changed", err, nil)
	_, err = b.Book(t.Context(), ask(nine+1, 6))
	is(t, "nothing has changed", err, nil)
	_, err = b.Except(t.Context(), ill, true, staff)
	is(t, "anyway", err, nil)
	sound(t, b)
	list, err := b.OnDay(t.Context(), "konak", officeDay)
	is(t, "list", err, nil)
	same(t, "nobody lost a place", len(list), 4)
	_, err = b.Book(t.Context(), ask(nine+2, 7))
	is(t, "the one left", err, nil)
	_, err = b.Book(t.Context(), ask(nine+2, 8))
	is(t, "the ill one's", err, booking.ErrFull)
	_, err = b.Except(t.Context(), booking.Exception{Day: officeDay + 1, To: 1440, Closed: true, Why: "no water", Actor: staff.Ref}, false, staff)
	is(t, "closed everywhere", err, nil)
	r := ask(nine, 9)
	r.Day++
	_, err = b.Book(t.Context(), r)
	is(t, "a closed day", err, booking.ErrClosed)
	is(t, "plan again", b.Plan(t.Context(), officeDay, 3), nil)
	_, err = b.Book(t.Context(), r)
	is(t, "still closed", err, booking.ErrClosed)
	sound(t, b)
}

func testVisitConfirm(t *testing.T, s *sqlstore.Store) {
	n, err := booking.Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	c := newClock(officeDay.At(0, n.Location()).Add(-36 * time.Hour)) // Monday noon
	b := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: n, Now: c.now})
	is(t, "plan", b.Plan(t.Context(), officeDay, 1), nil)
	var ids []string
	for i := range 2 {
		r := ask(nine, i)
		r.Centre, r.Service = "buca", "closing"
		v, err := b.Book(t.Context(), r)
		is(t, "book", err, nil)
		ids = append(ids, v.ID)
	}
	work := func() {
		if _, err := b.Work(t.Context()); err != nil {
			t.Errorf("work: got %v, want no error", err)
		}
	}
	work()
	c.advance(22*time.Hour + time.Minute) // Tuesday 10:01: they are asked
	work()
	_, err = b.Promise(t.Context(), ids[0], audit.Citizen("sms"))
	is(t, "promise", err, nil)
	c.advance(10 * time.Hour) // 20:01
	work()
	for i, want := range []booking.State{booking.Booked, booking.Cancelled} {
		v, err := b.Visit(t.Context(), ids[i])
		is(t, "read", err, nil)
		same(t, fmt.Sprintf("visit %d", i), v.State, want)
	}
	r := ask(nine+1, 5)
	r.Centre, r.Service = "buca", "closing"
	v, err := b.Book(t.Context(), r)
	is(t, "book late", err, nil)
	same(t, "not asked any more", v.Confirmed, true)
}

func testVisitDue(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow.Add(-24 * time.Hour))
	var told []booking.Notice
	b := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: office(t, 2, 4, "reminder_hours = 3"), Now: c.now,
		Tell: func(k booking.Notice, v booking.Visit, now time.Time) ([]notify.Queued, error) {
			told = append(told, k)
			return nil, nil
		}})
	is(t, "plan", b.Plan(t.Context(), officeDay, 3), nil)
	v, err := b.Book(t.Context(), ask(nine, 1))
	is(t, "book", err, nil)
	_, err = b.Move(t.Context(), v.ID, "konak", officeDay+1, nine, booking.Web, audit.Citizen("web"))
	is(t, "move", err, nil)
	c.us.Store(officeDay.At(9*60, time.UTC).Add(-5 * time.Hour).UnixMicro()) // the old hour's reminder
	_, err = b.Work(t.Context())
	is(t, "work", err, nil)
	c.advance(24 * time.Hour)
	for range 3 {
		_, err = b.Work(t.Context())
		is(t, "work", err, nil)
	}
	same(t, "told", told, []booking.Notice{booking.NoticeBooked, booking.NoticeMoved, booking.NoticeReminder})
	_, err = b.Move(t.Context(), v.ID, "konak", officeDay+2, nine, booking.Web, audit.Citizen("web"))
	is(t, "move once reminded", err, nil)
	c.advance(24 * time.Hour)
	_, err = b.Work(t.Context())
	is(t, "work", err, nil)
	same(t, "told of the new hour", told[3:], []booking.Notice{booking.NoticeMoved, booking.NoticeReminder})
}
