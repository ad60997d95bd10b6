package storagetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/notify"
	"turnike/internal/storage/sqlstore"
)

// RunBooking runs the suite of appointments.
func RunBooking(t *testing.T, open Open) {
	for _, s := range []struct {
		name string
		test func(*testing.T, *sqlstore.Store)
	}{
		{"a visit's life", testVisitLife},
		{"limits on a person", testVisitLimits},
		{"keys", testVisitKeys},
		{"a place held and let go", testVisitLapse},
		{"a lost answer", testVisitLostAnswer},
		{"moving", testVisitMove},
		{"the floor", testVisitFloor},
		{"protected places", testVisitQuota},
		{"waiting list", testVisitWaits},
		{"a freed place rests", testVisitRest},
		{"exceptions", testVisitExceptions},
		{"staffing", testStaffing},
		{"a floor limit", testFloorLimit},
		{"places by no-shows", testOpening},
		{"moving with consent", testMoves},
		{"confirming the day before", testVisitConfirm},
		{"due by itself", testVisitDue},
		{"ten thousand for a thousand places", testVisitRace},
		{"ten thousand for a thousand places of one hour", testVisitHot},
		{"ten thousand with places that lapse", testVisitLapseRace},
		{"one person from everywhere", testVisitPersonRace},
		{"two servers", testVisitTwoServers},
		{"every history could have been one after another", testVisitHistory},
		{"the day's numbers", testTickets},
		{"a place proven by a code", testClaims},
		{"waiting for an earlier hour", testSooner},
		{"a visit found again", testFind},
		{"the first hour of a wave", testCalm},
		{"an arrival taken back", testUnarrive},
		{"notes on a visit", testRemarks},
	} {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

// clock is a time that tests move.
type clock struct{ us atomic.Int64 }

func newClock(t time.Time) *clock        { c := &clock{}; c.us.Store(t.UnixMicro()); return c }
func (c *clock) now() time.Time          { return time.UnixMicro(c.us.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.us.Add(d.Microseconds()) }

// officeDay is a Wednesday without a holiday; officeNow the evening before.
var (
	officeDay = booking.Date(2021, 3, 17)
	officeNow = time.Date(2021, 3, 16, 15, 0, 0, 0, time.UTC)
)

// office is a network of one centre with so many counters, open for so many
// units of a quarter of an hour from 09:00.
func office(t *testing.T, desks, units int, more string) *booking.Network {
	t.Helper()
	end := booking.Clock(9*60 + units*15)
	n, err := booking.ParseNetwork([]byte(fmt.Sprintf(`
id = "test"
name = { tr = "Deneme" }
zone = "Europe/Istanbul"
unit_minutes = 15
[rules]
horizon_days = 60
hold_minutes = 10
offer_minutes = 30

max_open = 2
max_matters = 4
early_minutes = 10
late_minutes = 10
walk_after = 3
walk_after_minutes = 20
%s
[[band]]
days = "mon-sun"
from = "09:00"
to = "%s"
[[service]]
id = "account"
name = { tr = "Hesap" }
minutes = 15
[[service]]
id = "meter"
name = { tr = "Sayaç" }
minutes = 15
[[centre]]
id = "konak"
name = "Konak"
desks = %d
[[centre]]
id = "buca"
name = "Buca"
desks = %d
`, more, end, desks, desks)))
	if err != nil {
		t.Fatalf("network: %v", err)
	}
	return n
}

const nine = 36 // the unit of 09:00

// booker opens a service over a store with some days planned.
func booker(t *testing.T, s booking.Store, n *booking.Network, c *clock) *booking.Service {
	t.Helper()
	b := booking.New(booking.Config{Store: s, Network: n, Now: c.now})
	if err := b.Plan(t.Context(), officeDay, 3); err != nil {
		t.Fatalf("plan: %v", err)
	}
	return b
}

func who(n int) booking.Who {
	return booking.Who{Holder: tag('v', n), Phone: tag('p', n), Sealed: []byte{1, byte(n)}, Lang: "tr"}
}

func ask(unit, n int) booking.Request {
	return booking.Request{Centre: "konak", Service: "account", Matters: 1, Day: officeDay, Unit: unit, Channel: booking.Web,
		Actor: audit.Citizen("web"), Who: who(n)}
}

// sound fails unless every counter is the sum of its visits.
func sound(t *testing.T, b *booking.Service) {
	t.Helper()
	wrong, err := b.Audit(t.Context(), officeDay, 3)
	if err != nil {
		t.Fatalf("audit: %v", err)
	}
	for _, w := range wrong {
		t.Errorf("%s %s pool %q unit %d: got %d of %d used, want %d", w.Centre, w.Day, w.Cell.Pool, w.Cell.Unit, w.Cell.Used, w.Cell.Cap, w.Want)
	}
}

func testVisitLife(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 2, 8, ""), c)
	v, err := b.Hold(t.Context(), ask(nine, 1))
	is(t, "hold", err, nil)
	same(t, "held until", v.HoldUntil, officeNow.Add(10*time.Minute))
	c.advance(9 * time.Minute)
	got, err := b.Confirm(t.Context(), v.ID, who(2), audit.Citizen("web"))
	is(t, "confirm", err, nil)
	same(t, "state", got.State, booking.Booked)
	again, err := b.Confirm(t.Context(), v.ID, who(2), audit.Citizen("web"))
	is(t, "confirm twice", err, nil)
	same(t, "the same answer", again, got)
	_, err = b.Confirm(t.Context(), v.ID, who(3), audit.Citizen("web"))
	is(t, "confirm for another", err, booking.ErrEnded)

	read, err := b.Visit(t.Context(), v.ID)
	is(t, "read", err, nil)
	same(t, "as read", read, got)
	found, err := b.ByCode(t.Context(), got.Code)
	is(t, "by code", err, nil)
	same(t, "by code", found.ID, v.ID)
	list, err := b.ByPhone(t.Context(), tag('p', 2))
	is(t, "by phone", err, nil)
	same(t, "visits of a phone", len(list), 1)
	day, err := b.OnDay(t.Context(), "konak", officeDay)
	is(t, "on the day", err, nil)
	same(t, "visits of a day", len(day), 1)
	sound(t, b)

	gone, err := b.Cancel(t.Context(), v.ID, audit.Citizen("web"))
	is(t, "cancel", err, nil)
	same(t, "cancelled, for calendars", [2]any{gone.State, gone.Sequence}, [2]any{booking.Cancelled, 1})
	_, err = b.Cancel(t.Context(), v.ID, audit.Citizen("web"))
	is(t, "cancel twice", err, nil)
	_, err = b.Confirm(t.Context(), v.ID, who(2), audit.Citizen("web"))
	is(t, "confirm what is cancelled", err, booking.ErrEnded)
	_, err = b.ByCode(t.Context(), got.Code)
	is(t, "code of what is cancelled", err, booking.ErrNoVisit)
	for _, id := range []string{newID(), "", "x"} {
		_, err = b.Cancel(t.Context(), id, audit.Citizen("web"))
		is(t, "cancel nothing", err, booking.ErrNoVisit)
	}
	sound(t, b)
	for name, r := range map[string]booking.Request{"a closed hour": ask(nine-1, 9), "past the end": ask(nine+8, 9)} {
		_, err = b.Hold(t.Context(), r)
		is(t, name, err, booking.ErrClosed)
	}
	c.advance(48 * time.Hour)
	_, err = b.Hold(t.Context(), ask(nine, 9))
	is(t, "yesterday", err, booking.ErrPast)
	err = s.View(t.Context(), func(tx *sqlstore.Tx) error {
		page, err := tx.AuditPage(t.Context(), "test", "", 10)
		same(t, "deeds written down", len(page), 2)
		return err
	})
	is(t, "audit", err, nil)
}

func testVisitLimits(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 4, 8, ""), c)
	for _, x := range []struct {
		name    string
		centre  string
		service string
		who     int
		want    error
	}{
		{"first", "konak", "account", 1, nil},
		{"the same matter there again", "konak", "account", 1, booking.ErrTwice},
		{"the same matter elsewhere", "buca", "account", 1, nil},
		{"a third visit", "konak", "meter", 1, booking.ErrMany},
		{"somebody else", "konak", "account", 2, nil},
	} {
		r := ask(nine, x.who)
		r.Centre, r.Service = x.centre, x.service
		_, err := b.Book(t.Context(), r)
		is(t, x.name, err, x.want)
	}
	// A hold that becomes somebody's counts as theirs.
	h, err := b.Hold(t.Context(), ask(nine+1, 50))
	is(t, "hold of a session", err, nil)
	_, err = b.Confirm(t.Context(), h.ID, who(1), audit.Citizen("web"))
	is(t, "confirm for one who has it", err, booking.ErrTwice)
	sound(t, b)
	var open []booking.Visit
	view(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
		open, err = tx.OpenVisits(ctx, "test", tag('v', 1))
		return err
	})
	same(t, "open visits", len(open), 2)
	_, err = b.Cancel(t.Context(), open[0].ID, audit.Citizen("web"))
	is(t, "cancel one", err, nil)
	r := ask(nine+2, 1)
	r.Service = "meter"
	_, err = b.Book(t.Context(), r)
	is(t, "room for another", err, nil)
	for _, m := range []int{-1, 5} {
		r.Matters = m
		_, err = b.Book(t.Context(), r)
		is(t, fmt.Sprint(m, " matters"), err, booking.ErrMatters)
	}
}

func testVisitKeys(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 1, 8, ""), c)
	r := ask(nine, 1)
	r.Key = newID()
	var ids sync.Map
	var wg sync.WaitGroup
	for range 50 { // two tabs and an impatient finger
		wg.Go(func() {
			v, err := b.Book(t.Context(), r)
			is(t, "under one key", err, nil)
			ids.Store(v.ID, true)
		})
	}
	wg.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	same(t, "visits made", n, 1)
	r.Unit++
	_, err := b.Book(t.Context(), r)
	is(t, "another request under the key", err, booking.ErrKeyReused)
	sound(t, b)
}

func testVisitLapse(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 1, 4, ""), c)
	a, err := b.Hold(t.Context(), ask(nine, 1))
	is(t, "first", err, nil)
	_, err = b.Hold(t.Context(), ask(nine, 2))
	is(t, "while it is held", err, booking.ErrFull)
	c.advance(10*time.Minute - time.Microsecond)
	_, err = b.Hold(t.Context(), ask(nine, 2))
	is(t, "to the last moment", err, booking.ErrFull)
	c.advance(time.Microsecond)
	_, err = b.Confirm(t.Context(), a.ID, who(1), audit.Citizen("web"))
	is(t, "a late confirm", err, booking.ErrLapsed)
	v, err := b.Hold(t.Context(), ask(nine, 2))
	is(t, "once it lapsed", err, nil)
	_, err = b.Confirm(t.Context(), a.ID, who(1), audit.Citizen("web"))
	is(t, "a later confirm", err, booking.ErrLapsed)
	_, err = b.Move(t.Context(), a.ID, "konak", officeDay, nine+1, booking.Web, audit.Citizen("web"))
	is(t, "moving what lapsed", err, booking.ErrLapsed)
	_, err = b.Confirm(t.Context(), v.ID, who(2), audit.Citizen("web"))
	is(t, "the new one", err, nil)
	// Nobody need touch the lapsed one first: what is remembered as full is
	// asked for again once a held place in it may have lapsed.
	_, err = b.Hold(t.Context(), ask(nine+1, 3))
	is(t, "another hour", err, nil)
	_, err = b.Hold(t.Context(), ask(nine+1, 4))
	is(t, "while it is held", err, booking.ErrFull)
	c.advance(10 * time.Minute)
	_, err = b.Hold(t.Context(), ask(nine+1, 4))
	is(t, "once it lapsed", err, nil)
	sound(t, b)
}

// testVisitLostAnswer: a cancellation is committed, but its answer is lost. The
// place is free, whatever is remembered.
func testVisitLostAnswer(t *testing.T, s *sqlstore.Store) {
	f := &faulty{Store: sqlstore.As[booking.Tx](s)}
	b := booker(t, f, office(t, 1, 2, ""), newClock(officeNow))
	v, err := b.Book(t.Context(), ask(nine, 1))
	is(t, "book", err, nil)
	f.lose = true
	_, err = b.Cancel(t.Context(), v.ID, audit.Citizen("web"))
	is(t, "cancel", err, sqlstore.ErrAway)
	f.lose = false
	_, err = b.Book(t.Context(), ask(nine, 2))
	is(t, "the freed place", err, nil)
	sound(t, b)
}

func testVisitMove(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 1, 8, ""), c)
	r := ask(nine, 1)
	r.Matters = 2
	v, err := b.Book(t.Context(), r)
	is(t, "two units", err, nil)
	o, err := b.Book(t.Context(), ask(nine+3, 2))
	is(t, "another", err, nil)
	for _, x := range []struct {
		name   string
		id     string
		centre string
		day    booking.Day
		unit   int
		want   error
		at     int
	}{
		{"onto another's", v.ID, "konak", officeDay, nine + 2, booking.ErrFull, nine},
		{"overlapping itself", v.ID, "konak", officeDay, nine + 1, nil, nine + 1},
		{"where it is", v.ID, "konak", officeDay, nine + 1, nil, nine + 1},
		{"over the end of the day", v.ID, "konak", officeDay, nine + 7, booking.ErrClosed, nine + 1},
		{"to another day", o.ID, "konak", officeDay + 1, nine, nil, nine},
		{"to another centre", v.ID, "buca", officeDay, nine + 4, nil, nine + 4},
		{"to nowhere", v.ID, "bergama", officeDay, nine, booking.ErrNoCentre, nine + 4},
		{"to a day without a plan", v.ID, "konak", officeDay + 30, nine, booking.ErrClosed, nine + 4},
	} {
		_, err := b.Move(t.Context(), x.id, x.centre, x.day, x.unit, booking.Web, audit.Citizen("web"))
		is(t, x.name, err, x.want)
		got, err := b.Visit(t.Context(), x.id)
		is(t, x.name, err, nil)
		same(t, x.name+": unit", got.Place.Unit, x.at)
		sound(t, b)
	}
	got, err := b.Visit(t.Context(), v.ID)
	is(t, "read", err, nil)
	same(t, "changes a calendar hears of", got.Sequence, 2)
}

func testVisitFloor(t *testing.T, s *sqlstore.Store) {
	n, err := booking.ParseNetwork([]byte(`
id = "test"
name = { tr = "Deneme" }
zone = "Europe/Istanbul"
unit_minutes = 15
[rules]
horizon_days = 60
hold_minutes = 10
offer_minutes = 30
max_open = 2
max_matters = 4
walk_after = 3
walk_after_minutes = 20
[[service]]
id = "account"
name = { tr = "Hesap" }
minutes = 15
[[service]]
id = "meter"
name = { tr = "Sayaç" }
minutes = 15
[[centre]]
id = "konak"
name = "Konak"
desks = 4
floor = 3
[[centre.band]]
days = "mon-sun"
from = "09:00"
to = "10:00"
[[centre.pool]]
id = "a"
desks = 2
services = ["account"]
[[centre.pool]]
id = "m"
desks = 2
services = ["meter"]
`))
	if err != nil {
		t.Fatal(err)
	}
	b := booker(t, sqlstore.As[booking.Tx](s), n, newClock(officeNow))
	for i, x := range []struct {
		service string
		want    error
	}{{"account", nil}, {"account", nil}, {"account", booking.ErrFull}, {"meter", nil}, {"meter", booking.ErrFull}} {
		r := ask(nine, i)
		r.Service = x.service
		_, err := b.Book(t.Context(), r)
		is(t, fmt.Sprintf("%d, %s", i, x.service), err, x.want)
	}
	sound(t, b)
}

func testVisitQuota(t *testing.T, s *sqlstore.Store) {
	// Of four places one is kept for the telephone until a day before, one for
	// who comes until an hour before.
	c := newClock(officeDay.At(9*60, time.UTC).Add(-72 * time.Hour))
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 4, 4, "phone_share = 25\nphone_release_hours = 24\nwalk_share = 25\nwalk_release_minutes = 60"), c)
	n := 0
	try := func(name string, ch booking.Channel, want error) {
		t.Helper()
		n++
		r := ask(nine, n)
		r.Channel = ch
		_, err := b.Book(t.Context(), r)
		is(t, name, err, want)
	}
	try("web", booking.Web, nil)
	try("web", booking.Web, nil)
	try("web, the rest is protected", booking.Web, booking.ErrFull)
	c.advance(49 * time.Hour) // 09:00 in Türkiye is 06:00
	try("web, a day before", booking.Web, nil)
	try("telephone", booking.Call, booking.ErrFull)
	try("desk", booking.Desk, nil)
	try("desk, full", booking.Desk, booking.ErrFull)
	sound(t, b)
}

func testVisitWaits(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	var told []string
	n := office(t, 1, 2, "")
	b := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: n, Now: c.now,
		Tell: func(k booking.Notice, v booking.Visit, now time.Time) ([]notify.Queued, error) {
			m := notify.Queued{ID: newID(), City: "test", Class: notify.Info, Sealed: []byte(k), DueAt: now, Expires: now.Add(time.Hour)}
			told = append(told, string(k))
			return []notify.Queued{m}, nil
		}})
	is(t, "plan", b.Plan(t.Context(), officeDay, 3), nil)
	v, err := b.Book(t.Context(), ask(nine, 1))
	is(t, "book", err, nil)
	var waits []booking.Wait
	for i := range 3 {
		w, err := b.JoinWait(t.Context(), ask(nine, 10+i), officeDay)
		is(t, "join", err, nil)
		waits = append(waits, w)
	}
	_, err = b.JoinWait(t.Context(), ask(nine, 10), officeDay)
	is(t, "join twice", err, booking.ErrWaiting)
	is(t, "leave", b.LeaveWait(t.Context(), waits[1].ID), nil)

	told = nil
	_, err = b.Cancel(t.Context(), v.ID, audit.Citizen("web"))
	is(t, "cancel", err, nil)
	same(t, "told", told, []string{"offered", "cancelled"})
	offered := func(holder int) (booking.Visit, bool) {
		var open []booking.Visit
		view(t, s, func(ctx context.Context, tx *sqlstore.Tx) (err error) {
			open, err = tx.OpenVisits(ctx, "test", tag('v', holder))
			return err
		})
		if len(open) != 1 {
			return booking.Visit{}, false
		}
		return open[0], open[0].State == booking.Held
	}
	first, ok := offered(10)
	same(t, "the first in line has it", ok, true)
	_, err = b.Book(t.Context(), ask(nine, 2))
	is(t, "nobody else does", err, booking.ErrFull)
	c.advance(30 * time.Minute)
	_, err = b.Confirm(t.Context(), first.ID, who(10), audit.Citizen("web"))
	is(t, "too late", err, booking.ErrLapsed)
	_, err = b.Book(t.Context(), ask(nine, 2))
	is(t, "it passed to the next", err, booking.ErrFull)
	third, ok := offered(12)
	same(t, "the one who left is passed by", ok, true)
	got, err := b.Confirm(t.Context(), third.ID, who(12), audit.Citizen("web"))
	is(t, "taken", err, nil)
	same(t, "state", got.State, booking.Booked)
	_, err = b.JoinWait(t.Context(), ask(nine, 12), officeDay)
	is(t, "and off the list", err, nil)
	sound(t, b)
}

func testVisitRest(t *testing.T, s *sqlstore.Store) {
	c := newClock(officeNow)
	b := booker(t, sqlstore.As[booking.Tx](s), office(t, 1, 2, "rest_minutes = 20"), c)
	v, err := b.Book(t.Context(), ask(nine, 1))
	is(t, "book", err, nil)
	_, err = b.Cancel(t.Context(), v.ID, audit.Citizen("web"))
	is(t, "cancel", err, nil)
	sound(t, b)
	_, err = b.Book(t.Context(), ask(nine, 2))
	is(t, "at once", err, booking.ErrFull)
	c.advance(20 * time.Minute)
	_, err = b.Book(t.Context(), ask(nine, 2))
	is(t, "after the longest rest", err, nil)
	sound(t, b)
}
