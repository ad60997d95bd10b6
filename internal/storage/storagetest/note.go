package storagetest

import (
	"testing"
	"time"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/storage/sqlstore"
)

// testRemarks: notes come back oldest first, each to its own visit.
func testRemarks(t *testing.T, s *sqlstore.Store) {
	store := sqlstore.As[booking.Tx](s)
	b := booker(t, store, office(t, 2, 4, ""), newClock(officeNow))
	var visits [2]string
	for i := range visits {
		v, err := b.Book(t.Context(), ask(nine, i))
		is(t, "book", err, nil)
		visits[i] = v.ID
	}
	write := func(visit, text string, at time.Time) error {
		return store.Update(t.Context(), func(tx booking.Tx) error {
			return tx.InsertRemark(t.Context(), booking.SealedRemark{City: b.Network().ID, Visit: visit, ID: newID(), At: at, Author: "clerk-1", Sealed: []byte(text)})
		})
	}
	is(t, "first", write(visits[0], "first", officeNow), nil)
	is(t, "another's", write(visits[1], "another's", officeNow.Add(time.Second)), nil)
	is(t, "second", write(visits[0], "second", officeNow.Add(2*time.Second)), nil)
	if err := write("nobody", "x", officeNow); err == nil {
		t.Error("a note on what is no visit: got nil, want an error")
	}
	var got []booking.SealedRemark
	read := func(city, visit string) {
		is(t, "read", store.View(t.Context(), func(tx booking.Tx) (err error) {
			got, err = tx.Remarks(t.Context(), city, visit)
			return err
		}), nil)
	}
	read(b.Network().ID, visits[0])
	if len(got) != 2 || string(got[0].Sealed) != "first" || string(got[1].Sealed) != "second" || got[1].Visit != visits[0] ||
		got[0].Author != "clerk-1" || !got[0].At.Equal(officeNow) {
		t.Errorf("got %+v, want first and second", got)
	}
	read("elsewhere", visits[0])
	same(t, "another city's", len(got), 0)
}

// testUnarrive: an arrival pressed by mistake is taken back, and the number
// waits for its holder.
func testUnarrive(t *testing.T, s *sqlstore.Store) {
	n := office(t, 2, 8, "")
	c := newClock(officeDay.At(9*60, n.Location()))
	b := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: n, Now: c.now})
	is(t, "plan", b.Plan(t.Context(), officeDay, 1), nil)
	greeter := audit.Actor{Kind: "staff", Ref: "greeter-1", Channel: "desk"}
	var visits []string
	for i := range 2 {
		v, err := b.Book(t.Context(), ask(nine+2, i))
		is(t, "book", err, nil)
		visits = append(visits, v.ID)
	}
	is2 := func(what string, want int, id string) {
		k, err := b.CheckIn(t.Context(), id, greeter)
		is(t, what, err, nil)
		same(t, what, k.Number, want)
	}
	is2("the wrong one", 1, visits[0])
	_, err := b.Unarrive(t.Context(), visits[0], greeter)
	is(t, "take back", err, nil)
	_, err = b.Unarrive(t.Context(), visits[0], greeter)
	is(t, "take back twice", err, booking.ErrNoUndo)
	is2("the right one", 2, visits[1])
	_, err = b.CallNext(t.Context(), "konak", "counter", "1", greeter)
	is(t, "call", err, nil)
	_, err = b.Unarrive(t.Context(), visits[1], greeter)
	is(t, "take back who was called", err, booking.ErrNoUndo)
	_, due, err := b.Tickets(t.Context(), "konak")
	is(t, "read", err, nil)
	same(t, "still expected", len(due), 1)
	is2("who comes after all", 1, visits[0])
	is2("and is pressed again", 1, visits[0])
	k, _, err := b.WalkIn(t.Context(), "konak", "account", 1, greeter)
	is(t, "walk in", err, nil)
	same(t, "no gap", k.Number, 3)
	sound(t, b)
}
