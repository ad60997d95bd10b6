package pairing_test

import (
	"errors"
	"time"

	"turnike/internal/health"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

// standing is the stop that stands on a card, and what became of its notice.
func (w *world) standing(tag person.Tag) (i pairing.Isolation, notice sqlstore.Message, ok bool) {
	w.t.Helper()
	w.view(func(tx *sqlstore.Tx) (err error) {
		i, err = tx.OpenIsolation(w.ctx, "istanbul", tag)
		if errors.Is(err, pairing.ErrNoRow) {
			return nil
		}
		if ok = err == nil; ok {
			notice, err = tx.Message(w.ctx, "istanbul", i.NoticeID)
		}
		return err
	})
	return i, notice, ok
}

// testIsolations follows the row that says what a stopped card's holder was
// told, and since when: reports rest on it.
func testIsolations(w *world) {
	r := w.rider("istanbul")
	w.pair(r)
	p := w.cities["istanbul"]
	ask := func(risky bool) {
		w.outside.set(r.hes, func(v *health.Verdict) { v.Answer.Risky = risky })
		w.pass(24*time.Hour + time.Minute)
		must2(w.svc.Work(w.ctx))(w)
	}
	ended := func(id string) (i pairing.Isolation) {
		w.view(func(tx *sqlstore.Tx) (err error) {
			i, err = tx.Isolation(w.ctx, "istanbul", id)
			return err
		})
		return i
	}
	if _, _, ok := w.standing(w.tag(r)); ok {
		w.t.Error("a stop stands on a card that is not stopped")
	}
	ask(true)
	first, m, ok := w.standing(w.tag(r))
	live, _ := w.live(r)
	card, _ := w.status(r)
	same(w, "stands", ok, true)
	same(w, "whose", first.PairingID, live.ID)
	same(w, "place in the list", first.Place, card.Index)
	same(w, "last day", first.UntilDay, card.StopUntil)
	same(w, "since", first.Since.Equal(w.clock()) && first.Confirmed.Equal(w.clock()), true)
	same(w, "nobody has been told yet", first.Told.IsZero(), true)
	same(w, "the notice waits", m.Waiting, true)
	w.got("the notice says that riding is reported", r.phone, "Icisleri")

	ask(true)
	again, _, _ := w.standing(w.tag(r))
	same(w, "the next day: the same stop", again.ID, first.ID)
	same(w, "since the same moment", again.Since.Equal(first.Since), true)
	same(w, "stood by anew", again.Confirmed.Equal(w.clock()), true)

	confirmed := again.Confirmed
	ask(false)
	over := ended(first.ID)
	same(w, "lifted", over.End, pairing.Lifted)
	same(w, "at", over.Ended.Equal(w.clock()), true)
	same(w, "last stood by", over.Confirmed.Equal(confirmed), true)

	// It moves along with its holder, and stays where they let go of the card.
	ask(true)
	second, _, _ := w.standing(w.tag(r))
	next := r.with("card", w.card("istanbul", 977))
	w.through(r.with("new_card", next.card), pairing.Move)
	moved, _, _ := w.standing(w.tag(next))
	live, _ = w.live(next)
	card, _ = w.status(next)
	same(w, "moved: the same stop", moved.ID, second.ID)
	same(w, "of the new tie", moved.PairingID, live.ID)
	same(w, "at the new card's place", moved.Place, card.Index)
	if _, _, ok := w.standing(w.tag(r)); ok {
		w.t.Error("a stop stands on the card that was left")
	}
	w.through(next, pairing.Unpair)
	if _, _, ok := w.standing(w.tag(next)); !ok {
		w.t.Error("letting go of a card freed it")
	}
	// The next holder's health says nothing about the last one's.
	other := w.rider("istanbul").with("card", next.card)
	w.pair(other)
	same(w, "handed on", ended(second.ID).End, pairing.HandedOn)

	// Still at risk on the last day: a stop of its own, with its own notice.
	r = other
	ask(true)
	third, _, _ := w.standing(w.tag(r))
	for w.clock().Before(third.Since.Add(time.Duration(p.Rules.IsolationDays+1) * 24 * time.Hour)) {
		ask(true)
	}
	fourth, _, _ := w.standing(w.tag(r))
	same(w, "put on anew", fourth.ID != third.ID && fourth.NoticeID != third.NoticeID, true)
	same(w, "the older one", ended(third.ID).End, pairing.Renewed)
}
