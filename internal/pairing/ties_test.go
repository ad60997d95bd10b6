package pairing_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"turnike/internal/card"
	"turnike/internal/health"
	"turnike/internal/pairing"
)

// What stands between a card and its holder: who may tie, renew, move and end
// it, and what strangers see. TestRules runs these on both engines.

// testTaken: from outside a card that is free, taken or stopped is one and the
// same; the owner hears of it, the asker is sent to the desk.
func testTaken(w *world) {
	for _, cityID := range []string{"istanbul", "gaziantep", "antalya", "turkiye"} {
		owner, stranger, free := w.rider(cityID), w.rider(cityID), w.rider(cityID)
		w.pair(owner)
		stranger = stranger.with("card", owner.card)
		if cityID == "istanbul" || cityID == "antalya" { // a stopped one is no different
			w.outside.set(owner.hes, func(v *health.Verdict) { v.Answer.Risky = true })
			w.pass(25 * time.Hour)
			must2(w.svc.Work(w.ctx))(w)
			if c, _ := w.status(owner); c.StopUntil == 0 {
				w.t.Errorf("%s: the owner's card is not stopped", cityID)
			}
		}
		w.pass(6 * time.Minute)
		a, b := must2(w.begin(stranger, pairing.Pair))(w), must2(w.begin(free, pairing.Pair))(w)
		same(w, cityID+": the page of a taken card", shown(a, stranger), shown(b, free))
		a = must2(w.svc.Enter(w.ctx, cityID, a.Token, w.lastCode(stranger.phone)))(w)
		b = must2(w.svc.Enter(w.ctx, cityID, b.Token, w.lastCode(free.phone)))(w)
		same(w, cityID+": its receipt", shown(a, stranger), shown(b, free))
		w.got(cityID+": the asker", stranger.phone, "tamamlanamadi")
		w.got(cityID+": the owner", owner.phone, "denendi")
		p, _ := w.live(owner)
		same(w, cityID+": still the owner's", p.PhoneTag, w.keys.Tag(cityID, "phone", owner.phone))
		for _, s := range w.inbox(stranger.phone) {
			for _, told := range []string{"baska", "sahip", "eslesmis", owner.phone[len(owner.phone)-4:]} {
				if strings.Contains(s, told) {
					w.t.Errorf("%s: the asker's text %q tells %q", cityID, s, told)
				}
			}
		}
	}
}

func testOnePerPerson(w *world) {
	r := w.rider("izmir")
	w.pair(r)
	second := r.with("card", w.card("izmir", 700), "hes", w.code(r, false))
	v := w.through(second, pairing.Pair)
	same(w, "stage", v.Stage, pairing.StageReceived)
	w.got("the asker", r.phone, "tamamlanamadi")
	if _, ok := w.live(second); ok {
		w.t.Error("a second card is paired")
	}
	// From another phone the person is told on the phone they gave first.
	thief := second.with("phone", w.rider("izmir").phone)
	w.through(thief, pairing.Pair)
	w.got("the owner", r.phone, "denendi")
	// Elsewhere a person may hold several.
	a := w.rider("istanbul")
	w.pair(a)
	w.pair(a.with("card", w.card("istanbul", 701), "hes", w.code(a, false)))
	// Two at once: one gets it.
	for range 5 {
		r := w.rider("izmir")
		var tokens, codes [2]string
		var cards [2]rider
		for i := range 2 {
			cards[i] = r.with("card", w.card("izmir", 800+2*w.next()+i), "phone", w.rider("izmir").phone)
			tokens[i] = must2(w.begin(cards[i], pairing.Pair))(w).Token
			codes[i] = w.lastCode(cards[i].phone)
		}
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				if _, err := w.svc.Enter(w.ctx, "izmir", tokens[i], codes[i]); err != nil {
					w.t.Errorf("racing: got %v", err)
				}
			})
		}
		wg.Wait()
		_, a := w.live(cards[0])
		_, b := w.live(cards[1])
		if a == b {
			w.t.Errorf("two cards at once: got both %v, want exactly one paired", a)
		}
	}
}

func testOnePerCode(w *world) {
	r := w.rider("antalya")
	w.pair(r)
	second := w.rider("antalya").with("hes", r.hes)
	second.id, second.fields["id"] = r.id, r.id.Reveal()
	v := w.through(second, pairing.Pair)
	same(w, "stage", v.Stage, pairing.StageReceived)
	w.got("the asker", second.phone, "tamamlanamadi")
	w.got("the owner", r.phone, "denendi")
	if _, ok := w.live(second); ok {
		w.t.Error("a second card is tied to the code")
	}
	// A code of one's own, then renewed with the one that is tied: held too.
	second = second.with("hes", w.code(second, false))
	w.pair(second)
	before, _ := w.live(second)
	for _, k := range []pairing.Kind{pairing.Renew, pairing.Pair} {
		v := w.through(second.with("hes", r.hes), k)
		same(w, "stage of "+string(k), v.Stage, pairing.StageReceived)
		after, ok := w.live(second)
		if !ok || after.HESTag != before.HESTag {
			w.t.Errorf("%s with another card's code: the tie changed, want it as it was", k)
		}
	}
	if n := must2(w.svc.Work(w.ctx))(w); n != 0 {
		w.t.Errorf("work left over: got %d, want none", n)
	}
}

// testBlind: a request about a tie by anyone but its phone looks the same, and
// no code is ever sent or right.
func testBlind(w *world) {
	owner := w.rider("istanbul")
	w.pair(owner)
	replacement := w.card("istanbul", 900)
	for _, k := range []pairing.Kind{pairing.Unpair, pairing.Move, pairing.Renew, pairing.Status} {
		w.pass(20 * time.Minute)
		owner.fields["new_card"] = replacement
		stranger := w.rider("istanbul").with("card", owner.card, "new_card", replacement)
		nobody := w.rider("istanbul").with("new_card", replacement)
		mine := must2(w.begin(owner.with("hes", w.code(owner, false)), k))(w)
		theirs := must2(w.begin(stranger, k))(w)
		none := must2(w.begin(nobody, k))(w)
		want := shown(mine, owner)
		for what, got := range map[string]string{"a stranger's": shown(theirs, stranger), "about a free card": shown(none, nobody)} {
			// The codes in the forms differ by what each typed; the view does not.
			if strings.ReplaceAll(got, "hes:HES", "") != strings.ReplaceAll(strings.ReplaceAll(want, "hes:"+mine.Fields["hes"], ""), "hes:HES", "") {
				w.t.Errorf("%s, %s:\ngot  %s\nwant %s", k, what, got, want)
			}
		}
		same(w, string(k)+": texts to the stranger", len(w.inbox(stranger.phone)), 0)
		same(w, string(k)+": texts to nobody's phone", len(w.inbox(nobody.phone)), 0)
		if k == pairing.Status {
			continue
		}
		for i := range pairing.MaxTries {
			_, err := w.svc.Enter(w.ctx, "istanbul", theirs.Token, fmt.Sprintf("%06d", i))
			if (i < pairing.MaxTries-1) != errors.Is(err, pairing.ErrCodeWrong) {
				w.t.Errorf("%s: try %d: got %v", k, i, err)
			}
		}
		w.pass(2 * time.Minute)
		v := must2(w.svc.Resend(w.ctx, "istanbul", none.Token))(w)
		same(w, string(k)+": another code, seemingly", v.Stage, pairing.StageCode)
		same(w, string(k)+": texts still", len(w.inbox(nobody.phone)), 0)
	}
	if _, ok := w.live(owner); !ok {
		w.t.Error("the owner's tie is gone")
	}
}

func testRenew(w *world) {
	r := w.rider("istanbul")
	w.pair(r)
	before, _ := w.live(r)
	fresh := r.with("hes", w.code(r, false))
	same(w, "stage", w.through(fresh, pairing.Renew).Stage, pairing.StageReceived)
	after, ok := w.live(r)
	if !ok || after.ID != before.ID || after.HESTag == before.HESTag {
		w.t.Errorf("renewed: got tie %v, want the same one with another code", after.ID)
	}
	// Somebody else's code is not taken.
	stranger := w.rider("istanbul")
	stranger.hes = w.code(stranger, false)
	w.outside.set(stranger.hes, func(v *health.Verdict) { v.Answer.MaskedFirst = "FA****" })
	w.through(r.with("hes", stranger.hes), pairing.Renew)
	w.got("the holder", r.phone, "ait gorunmuyor")
	if last, _ := w.live(r); last.HESTag != after.HESTag {
		w.t.Error("another's code was taken")
	}
	// The pairing form does the same for the same person.
	w.through(r.with("hes", w.code(r, false)), pairing.Pair)
	if last, ok := w.live(r); !ok || last.ID != before.ID || last.HESTag == after.HESTag {
		w.t.Error("paired again: want the same tie with the new code")
	}
	// A changed phone is told to the old one.
	next := w.rider("istanbul")
	w.through(r.with("phone", next.phone), pairing.Pair)
	w.got("the old phone", r.phone, "telefon numarasi degisti")
}

func testMove(w *world) {
	r := w.rider("istanbul")
	w.pair(r)
	next := r.with("card", w.card("istanbul", 901))
	move := r.with("new_card", next.card)
	same(w, "stage", w.through(move, pairing.Move).Stage, pairing.StageReceived)
	w.got("the holder", r.phone, "tasindi")
	w.wantCard("the new card", next, card.Paired, 0)
	w.wantCard("the old card", r, card.Dead, 0)
	if _, ok := w.live(r); ok {
		w.t.Error("the old card is still tied")
	}
	// A dead card is dead: it cannot be paired, nor moved back to.
	finder := w.rider("istanbul").with("card", r.card)
	w.through(finder, pairing.Pair)
	w.got("who found the old card", finder.phone, "tamamlanamadi")
	if _, ok := w.live(finder); ok {
		w.t.Error("a dead card was paired")
	}
	w.wantCard("the old card", r, card.Dead, 0)
	w.through(next.with("new_card", r.card), pairing.Move)
	w.wantCard("the old card", r, card.Dead, 0)
	w.wantCard("the new card", next, card.Paired, 0)
	if _, ok := w.live(next); !ok {
		w.t.Error("the tie is gone")
	}
	// Nor to a card that has a holder.
	other := w.rider("istanbul")
	w.pair(other)
	w.through(next.with("new_card", other.card), pairing.Move)
	w.got("the other holder", other.phone, "denendi")
	if _, ok := w.live(next); !ok {
		w.t.Error("the tie is gone")
	}
	// In a city of one card per person, too.
	z := w.rider("izmir")
	w.pair(z)
	w.through(z.with("new_card", w.card("izmir", 902)), pairing.Move)
	w.wantCard("İzmir: the new card", z.with("card", w.card("izmir", 902)), card.Paired, 0)
}

func testUnpair(w *world) {
	r := w.rider("izmir")
	w.pair(r)
	same(w, "stage", w.through(r, pairing.Unpair).Stage, pairing.StageReceived)
	w.got("the holder", r.phone, "kaldirildi")
	w.wantCard("free", r, card.Unpaired, 0)
	if _, ok := w.live(r); ok {
		w.t.Error("the card is still tied")
	}
	w.pair(r.with("hes", w.code(r, false))) // and may be tied again
	w.wantCard("tied again", r, card.Paired, 0)
	// A photo card goes back to what it was dealt out as.
	photo := w.rider("izmir").with("card", "356500000007")
	w.pair(photo)
	w.through(photo, pairing.Unpair)
	w.wantCard("a photo card of 65 and over", photo, card.Paired65, 0)
}

func testStatus(w *world) {
	r := w.rider("istanbul")
	w.pair(r)
	w.pass(16 * time.Minute)
	v := must2(w.begin(r, pairing.Status))(w)
	same(w, "stage", v.Stage, pairing.StageReceived)
	w.got("the holder", r.phone, "eslesmis, acik")
	w.outside.set(r.hes, func(v *health.Verdict) { v.Answer.Risky = true })
	w.pass(25 * time.Hour)
	must2(w.svc.Work(w.ctx))(w)
	must2(w.begin(r, pairing.Status))(w)
	w.got("the holder of a stopped card", r.phone, "sonuna kadar kapali. Bilgi")
}
