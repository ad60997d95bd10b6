package pairing_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/card"
	"turnike/internal/fault"
	"turnike/internal/health"
	"turnike/internal/pairing"
	"turnike/internal/sms"
	"turnike/internal/storage/sqlstore"
)

func TestRules(t *testing.T) {
	engines(t, []namedTest{
		{"a card is paired", testPairs},
		{"a code's life", testCodeLife},
		{"five tries", testTries},
		{"limits of a number", testNumberLimits},
		{"limits of a person", testPersonLimit},
		{"a block of numbers", testBlock},
		{"a hundred wrong codes", testHundred},
		{"idempotency", testOnce},
		{"a thousand duplicates", testDuplicates},
		{"a taken card", testTaken},
		{"one card per person", testOnePerPerson},
		{"one card per code", testOnePerCode},
		{"strangers are blind", testBlind},
		{"renew", testRenew},
		{"move", testMove},
		{"unpair", testUnpair},
		{"status", testStatus},
		{"a ministry that is away", testAway},
		{"giving up", testGiveUp},
		{"mending", testMend},
		{"stopped and lifted", testStops},
		{"what a stopped holder was told", testIsolations},
		{"an expired code", testExpired},
		{"birthdays", testBirthdays},
		{"sweeping", testSweep},
		{"an erased holder", testErased},
	})
}

func testPairs(w *world) {
	r := w.rider("istanbul")
	v := must2(w.begin(r, pairing.Pair))(w)
	same(w, "stage", v.Stage, pairing.StageCode)
	same(w, "card", v.Card, r.card[len(r.card)-4:])
	same(w, "code's end", v.ExpiresAt.Equal(began.Add(pairing.CodeLife)), true)
	same(w, "tries left", v.Left, pairing.MaxTries)
	if strings.Contains(fmt.Sprintf("%+v", v.Phone), r.phone[2:]) {
		w.t.Errorf("the phone is shown whole: %q", v.Phone)
	}
	box := w.inbox(r.phone)
	if len(box) != 1 || !sixDigits.MatchString(box[0]) {
		w.t.Fatalf("texts: got %q, want one that begins with the code", box)
	}
	if _, ok := w.status(r); ok {
		w.t.Error("before the code: the card has a row, want none")
	}
	v = must2(w.svc.Enter(w.ctx, r.city, v.Token, " "+box[0][:3]+" "+box[0][3:6]+" "))(w)
	same(w, "stage", v.Stage, pairing.StageReceived)
	w.wantCard("paired", r, card.Paired, 0)
	p, ok := w.live(r)
	same(w, "live", ok, true)
	same(w, "asked again after a day", p.NextCheck.Equal(began.Add(24*time.Hour)), true)
	w.got("the result", r.phone, v.Reference)
	// The same code again: nothing more happens.
	again := must2(w.svc.Enter(w.ctx, r.city, v.Token, box[0][:6]))(w)
	same(w, "again", shown(again, r), shown(v, r))
	same(w, "texts in all", len(w.inbox(r.phone)), 2)

	var actions []string
	for _, e := range w.log(r.city) {
		actions = append(actions, e.Action+" "+e.Actor.Kind+" "+e.Actor.Channel+" "+e.Result)
		for _, secret := range []string{r.id.Reveal(), r.card, r.phone[2:], r.hes} {
			if strings.Contains(fmt.Sprintf("%+v", e), secret) {
				w.t.Errorf("audit row holds a value: %+v", e)
			}
		}
	}
	if want := []string{"request.begin citizen web pair", "pairing.pair citizen web ok"}; !slices.Equal(actions, want) {
		w.t.Errorf("audit: got %q, want %q", actions, want)
	}
}

func testCodeLife(w *world) {
	r := w.rider("izmir")
	v := must2(w.begin(r, pairing.Pair))(w)
	first := w.lastCode(r.phone)
	w.pass(pairing.CodeLife)
	_, err := w.svc.Enter(w.ctx, r.city, v.Token, first)
	w.is("at the end of its life", err, pairing.ErrCodeExpired)
	same(w, "the field", faultOf(err).Field, "code")
	v = must2(w.svc.Resend(w.ctx, r.city, v.Token))(w)
	second := w.lastCode(r.phone)
	if first != second { // one in a million they are alike
		_, err = w.svc.Enter(w.ctx, r.city, v.Token, first)
		w.is("the code before", err, pairing.ErrCodeWrong)
	}
	w.pass(pairing.CodeLife - time.Microsecond)
	v = must2(w.svc.Enter(w.ctx, r.city, v.Token, second))(w)
	same(w, "a moment before its end", v.Stage, pairing.StageReceived)

	// Another request's code does not fit this one.
	a, b := w.rider("izmir"), w.rider("izmir")
	va, vb := must2(w.begin(a, pairing.Pair))(w), must2(w.begin(b, pairing.Pair))(w)
	if ca, cb := w.lastCode(a.phone), w.lastCode(b.phone); ca != cb {
		_, err = w.svc.Enter(w.ctx, "izmir", va.Token, cb)
		w.is("another's code", err, pairing.ErrCodeWrong)
	}
	// A token is one city's.
	_, err = w.svc.Enter(w.ctx, "istanbul", vb.Token, "123456")
	w.is("a token in another city", err, pairing.ErrNoRequest)
	for _, tok := range []string{"", "x", va.Token[:len(va.Token)-1] + "a", strings.Repeat("a", 42), "\x00", va.Token + "a"} {
		if tok == va.Token {
			continue
		}
		_, err = w.svc.Look(w.ctx, "izmir", tok)
		w.is(fmt.Sprintf("token %q", tok), err, pairing.ErrNoRequest)
	}
	// After half an hour there is no mending by resending.
	w.pass(31 * time.Minute)
	_, err = w.svc.Resend(w.ctx, "izmir", va.Token)
	w.is("another code after half an hour", err, pairing.ErrLapsed)
	same(w, "its stage", must2(w.svc.Look(w.ctx, "izmir", va.Token))(w).Stage, pairing.StageLapsed)
}

func testTries(w *world) {
	r := w.rider("gaziantep")
	v := must2(w.begin(r, pairing.Pair))(w)
	for _, typed := range []string{"", " ", "12345", "1234567", "12a456", "١٢٣"} { // no codes: not counted
		_, err := w.svc.Enter(w.ctx, r.city, v.Token, typed)
		if f := faultOf(err); f.Field != "code" || f.Code != "code.missing" && f.Code != "code.shape" {
			w.t.Errorf("%q: got %v, want a fault of shape", typed, err)
		}
	}
	for left := pairing.MaxTries - 1; left > 0; left-- {
		_, err := w.svc.Enter(w.ctx, r.city, v.Token, wrong(w.lastCode(r.phone)))
		w.is("a wrong code", err, pairing.ErrCodeWrong)
		if got := faultOf(err).Args["left"]; got != left {
			w.t.Errorf("tries left: got %v, want %d", got, left)
		}
		if left == 3 { // a new code gives no new tries
			w.pass(2 * time.Minute)
			if v := must2(w.svc.Resend(w.ctx, r.city, v.Token))(w); v.Left != left {
				w.t.Errorf("tries left after another code: got %d, want %d", v.Left, left)
			}
		}
	}
	right := w.lastCode(r.phone)
	_, err := w.svc.Enter(w.ctx, r.city, v.Token, wrong(right))
	w.is("the fifth wrong code", err, pairing.ErrCodeDead)
	_, err = w.svc.Enter(w.ctx, r.city, v.Token, right)
	w.is("the right code after it", err, pairing.ErrCodeDead)
	w.pass(2 * time.Minute)
	sent := len(w.inbox(r.phone))
	v = must2(w.svc.Resend(w.ctx, r.city, v.Token))(w)
	same(w, "stage after asking for another", v.Stage, pairing.StageDead)
	same(w, "texts", len(w.inbox(r.phone)), sent)
	if _, ok := w.live(r); ok {
		w.t.Error("the card is paired")
	}
}

func testNumberLimits(w *world) {
	r := w.rider("izmir")
	sends := 0
	send := func(what string, want error, wait time.Duration) {
		w.t.Helper()
		_, err := w.begin(r.with("card", w.card("izmir", 100+w.next()), "id", w.rider("izmir").id.Reveal()), pairing.Pair)
		w.is(what, err, want)
		if want == nil {
			sends++
			same(w, what+": texts so far", len(w.inbox(r.phone)), sends)
		} else if got := faultOf(err).RetryAfter; got != wait {
			w.t.Errorf("%s: got to wait %v, want %v", what, got, wait)
		}
	}
	send("first", nil, 0)
	w.pass(59 * time.Second)
	send("within the minute", pairing.ErrCodeSoon, time.Second)
	w.pass(time.Second)
	send("second", nil, 0)
	w.pass(time.Minute)
	send("third", nil, 0)
	w.pass(time.Minute)
	send("fourth in a quarter", pairing.ErrCodeMany, 12*time.Minute)
	w.pass(12 * time.Minute)
	send("fourth", nil, 0)
	w.pass(time.Hour)
	send("fifth", nil, 0)
	w.pass(time.Hour)
	send("sixth in a day", pairing.ErrCodeMany, 24*time.Hour-2*time.Hour-15*time.Minute)
	w.pass(21*time.Hour + 45*time.Minute)
	send("a day after the first", nil, 0)
	same(w, "texts", len(w.inbox(r.phone)), sends)
}

func testPersonLimit(w *world) {
	r := w.rider("izmir")
	for i := range 10 {
		_, err := w.begin(r.with("phone", w.rider("izmir").phone), pairing.Pair)
		w.is(fmt.Sprintf("phone %d", i+1), err, nil)
	}
	other := w.rider("izmir")
	_, err := w.begin(r.with("phone", other.phone), pairing.Pair)
	w.is("an eleventh phone for one identity number", err, pairing.ErrCodeMany)
	same(w, "texts to it", len(w.inbox(other.phone)), 0)
	_, err = w.begin(other, pairing.Pair)
	w.is("that phone's own", err, nil)
	w.pass(24 * time.Hour)
	_, err = w.begin(r, pairing.Pair)
	w.is("the next day", err, nil)
}

// testBlock: neighbouring numbers that never type their code are stopped; a
// block that does is not.
func testBlock(w *world) {
	block := func(start, n int, enter bool) (last error) {
		for i := range n {
			r := w.rider("gaziantep").with("phone", fmt.Sprintf("90533444%04d", start+i))
			v, err := w.begin(r, pairing.Pair)
			if err != nil {
				return err
			}
			if enter {
				must2(w.svc.Enter(w.ctx, r.city, v.Token, w.lastCode(r.phone)))(w)
			}
		}
		return nil
	}
	w.is("fifty that never answer", block(0, 50, false), nil)
	w.is("the fifty-first", block(50, 1, false), pairing.ErrCodeMany)
	w.is("another block", block(1000, 50, true), nil)
	w.is("where codes are typed", block(1050, 5, false), nil)
	w.pass(24 * time.Hour)
	w.is("the next day", block(60, 1, false), nil)
}

func testHundred(w *world) {
	phone := w.rider("gaziantep").phone
	wrongs := 0
	for day := 0; wrongs < pairing.MaxFails; day++ {
		for range 5 {
			v := must2(w.begin(w.rider("gaziantep").with("phone", phone), pairing.Pair))(w)
			for range pairing.MaxTries {
				if _, err := w.svc.Enter(w.ctx, "gaziantep", v.Token, wrong(w.lastCode(phone))); err == nil {
					w.t.Fatal("a wrong code was taken")
				}
				wrongs++
			}
			w.pass(16 * time.Minute)
		}
		w.pass(24 * time.Hour)
		if day > 6 {
			w.t.Fatal("a week has gone")
		}
	}
	_, err := w.begin(w.rider("gaziantep").with("phone", phone), pairing.Pair)
	w.is("after a hundred in a row", err, pairing.ErrPhoneDesk)
	w.pass(30 * 24 * time.Hour)
	_, err = w.begin(w.rider("gaziantep").with("phone", phone), pairing.Pair)
	w.is("a month later", err, pairing.ErrPhoneDesk)

	// One right code forgives.
	other := w.rider("gaziantep")
	v := must2(w.begin(other, pairing.Pair))(w)
	_, _ = w.svc.Enter(w.ctx, "gaziantep", v.Token, wrong(w.lastCode(other.phone)))
	must2(w.svc.Enter(w.ctx, "gaziantep", v.Token, w.lastCode(other.phone)))(w)
	w.view(func(tx *sqlstore.Tx) error {
		g, err := tx.Guard(w.ctx, "gaziantep", pairing.GuardPhone, w.keys.Tag("gaziantep", "phone", other.phone))
		same(w, "wrong codes after a right one", g.Fails, 0)
		return err
	})
}

func testOnce(w *world) {
	for _, key := range []string{"0192a000-0000-7000-8000-0123456789ab", "anything a caller likes", strings.Repeat("k", 200)} {
		r := w.rider("izmir")
		in := r.input(pairing.Pair)
		in.Key = key
		a := must2(w.svc.Begin(w.ctx, in))(w)
		w.pass(10 * time.Second)
		b := must2(w.svc.Begin(w.ctx, in))(w)
		if fmt.Sprintf("%+v", a) != fmt.Sprintf("%+v", b) {
			w.t.Errorf("the same form again:\ngot  %+v\nwant %+v", b, a)
		}
		same(w, "texts", len(w.inbox(r.phone)), 1)
		other := in
		other.Fields = r.with("hes", w.code(r, false)).fields
		_, err := w.svc.Begin(w.ctx, other)
		w.is("another form under the key", err, pairing.ErrKeyReused)
		kind := in
		kind.Kind = pairing.Unpair
		_, err = w.svc.Begin(w.ctx, kind)
		w.is("another kind under the key", err, pairing.ErrKeyReused)
		// Also when all is over, the key gives the same request.
		must2(w.svc.Enter(w.ctx, r.city, a.Token, w.lastCode(r.phone)))(w)
		c := must2(w.svc.Begin(w.ctx, in))(w)
		same(w, "after the end", c.Token, a.Token)
		same(w, "its stage", c.Stage, pairing.StageReceived)
		same(w, "texts at the end", len(w.inbox(r.phone)), 2)
	}
	r := w.rider("izmir")
	in := r.input(pairing.Pair)
	in.Key = strings.Repeat("k", 201)
	if _, err := w.svc.Begin(w.ctx, in); len(fault.Of(err)) == 0 {
		w.t.Errorf("a key of 201 bytes: got %v, want a fault", err)
	}
	// A form that was refused by a rule may be sent again under its key.
	first := w.rider("izmir")
	must2(w.begin(first, pairing.Pair))(w)
	in = w.rider("izmir").with("phone", first.phone).input(pairing.Pair)
	in.Key = "again"
	_, err := w.svc.Begin(w.ctx, in)
	w.is("too soon", err, pairing.ErrCodeSoon)
	w.pass(time.Minute)
	_, err = w.svc.Begin(w.ctx, in)
	w.is("after a minute", err, nil)
}

func testDuplicates(w *world) {
	r := w.rider("istanbul")
	in := r.input(pairing.Pair)
	in.Key = "a thousand times"
	tokens := make([]string, 1000)
	var wg sync.WaitGroup
	for i := range tokens {
		wg.Go(func() {
			v, err := w.svc.Begin(w.ctx, in)
			if err != nil {
				w.t.Errorf("duplicate %d: got %v, want no error", i, err)
			}
			tokens[i] = v.Token
		})
	}
	wg.Wait()
	slices.Sort(tokens)
	same(w, "requests", len(slices.Compact(tokens)), 1)
	same(w, "texts", len(w.inbox(r.phone)), 1)
	code := w.lastCode(r.phone)
	for range 200 {
		wg.Go(func() {
			v, err := w.svc.Enter(w.ctx, r.city, tokens[0], code)
			if err != nil || v.Stage != pairing.StageReceived {
				w.t.Errorf("the code, many times at once: got %q %v, want received", v.Stage, err)
			}
		})
	}
	wg.Wait()
	same(w, "texts in all", len(w.inbox(r.phone)), 2)
	n := 0
	for _, e := range w.log(r.city) {
		if e.Action == "pairing.pair" {
			n++
		}
	}
	same(w, "pairings in the audit", n, 1)
}

func testAway(w *world) {
	r := w.rider("istanbul")
	w.outside.leave(true)
	v := w.through(r, pairing.Pair)
	same(w, "stage", v.Stage, pairing.StageReceived)
	same(w, "texts: the code alone", len(w.inbox(r.phone)), 1)
	if _, ok := w.live(r); ok {
		w.t.Error("paired without an answer")
	}
	w.outside.leave(false)
	if n := must2(w.svc.Work(w.ctx))(w); n != 0 {
		w.t.Errorf("at once: got %d done, want none before a minute", n)
	}
	w.pass(61 * time.Second)
	same(w, "done", must2(w.svc.Work(w.ctx))(w), 1)
	w.got("the citizen", r.phone, "eslesti")
	w.wantCard("paired", r, card.Paired, 0)
	same(w, "nothing left", must2(w.svc.Work(w.ctx))(w), 0)
	// The answer may also be no: told by SMS, mended by the same form.
	bad := w.rider("istanbul").with("hes", "ZZZZZZZZZZ")
	w.outside.leave(true)
	w.through(bad, pairing.Pair)
	w.outside.leave(false)
	w.pass(61 * time.Second)
	must2(w.svc.Work(w.ctx))(w)
	w.got("told what to mend", bad.phone, "HES kodu bulunamadi")
}

func testGiveUp(w *world) {
	r := w.rider("istanbul")
	w.outside.leave(true)
	v := w.through(r, pairing.Pair)
	start := w.clock()
	for w.clock().Sub(start) <= pairing.GiveUp {
		same(w, "stage", must2(w.svc.Look(w.ctx, r.city, v.Token))(w).Stage, pairing.StageReceived)
		w.pass(61 * time.Minute)
		must2(w.svc.Work(w.ctx))(w)
	}
	w.got("the citizen", r.phone, "yeniden deneyin")
	asked := w.outside.checks
	w.pass(2 * time.Hour)
	must2(w.svc.Work(w.ctx))(w)
	same(w, "asked after giving up", w.outside.checks, asked)
	// Once an hour at most, and more often at first.
	if asked < 72 || asked > 90 {
		w.t.Errorf("asked in 72 hours: got %d times, want about 75", asked)
	}
}

func testMend(w *world) {
	r := w.rider("istanbul")
	bad := r.with("hes", "ZZZZZZZZZZ")
	v := w.through(bad, pairing.Pair)
	same(w, "stage", v.Stage, pairing.StageAmend)
	if len(v.Faults) != 1 || !errors.Is(v.Faults[0], health.ErrCodeUnknown) || v.Faults[0].Field != "hes" {
		w.t.Errorf("faults: got %v, want the HES code's", v.Faults)
	}
	same(w, "what was typed", v.Fields["email"], r.fields["email"])
	sent := len(w.inbox(r.phone))
	in := r.input(pairing.Pair)
	in.After = v.Token
	// Another phone is not proven by it.
	other := w.rider("istanbul")
	stolen := other.input(pairing.Pair)
	stolen.After = v.Token
	same(w, "with another phone", must2(w.svc.Begin(w.ctx, stolen))(w).Stage, pairing.StageCode)
	after := must2(w.svc.Begin(w.ctx, in))(w)
	same(w, "mended", after.Stage, pairing.StageReceived)
	w.wantCard("paired", r, card.Paired, 0)
	same(w, "texts for mending: the result alone", len(w.inbox(r.phone)), sent+1)

	// The register's no is mended too.
	q := w.rider("istanbul")
	w.outside.no[q.id] = true
	v = w.through(q, pairing.Pair)
	if v.Stage != pairing.StageAmend || !errors.Is(v.Faults, pairing.ErrMismatch) {
		w.t.Errorf("the register says no: got %q %v", v.Stage, v.Faults)
	}
	// Mending is no way to ask the ministry without end: a proof lasts half an
	// hour and a few goes.
	in = q.with("hes", "ZZZZZZZZZZ").input(pairing.Pair)
	asked, goes := w.outside.checks, 0
	for ; v.Stage == pairing.StageAmend && goes < 50; goes++ {
		in.After = v.Token
		in.Fields["email"] = fmt.Sprintf("a%d@ornek.example", goes)
		var err error
		w.pass(time.Minute)
		if v, err = w.svc.Begin(w.ctx, in); err != nil {
			break
		}
	}
	if n := w.outside.checks - asked; n > 10 {
		w.t.Errorf("codes asked about on one SMS: got %d, want a few", n)
	}
}

func testStops(w *world) {
	r := w.rider("istanbul")
	w.pair(r)
	zone := w.cities["istanbul"].Location()
	days := int32(w.cities["istanbul"].Rules.IsolationDays)
	risk := func(risky bool) {
		w.outside.set(r.hes, func(v *health.Verdict) { v.Answer.Risky = risky })
		w.pass(24*time.Hour + time.Minute)
		must2(w.svc.Work(w.ctx))(w)
	}
	risk(true)
	first := card.DayOf(w.clock(), zone) + days
	w.wantCard("stopped", r, card.Paired, first)
	w.got("the holder", r.phone, "sonuna kadar kapali")
	risk(true)
	w.wantCard("the next day: the first end holds", r, card.Paired, first)
	risk(false)
	w.wantCard("lifted", r, card.Paired, 0)
	// Still at risk on the last day: put on anew.
	risk(true)
	end := card.DayOf(w.clock(), zone) + days
	for card.DayOf(w.clock(), zone) < end {
		risk(true)
	}
	c, _ := w.status(r)
	if c.StopUntil <= end {
		w.t.Errorf("at risk on the last day: got a stop until %d, want one beyond %d", c.StopUntil, end)
	}
	// Away: the stop stays, and is asked about again soon.
	w.outside.leave(true)
	risk(false)
	w.wantCard("nobody answers", r, card.Paired, c.StopUntil)
	w.outside.leave(false)
	w.pass(11 * time.Minute)
	must2(w.svc.Work(w.ctx))(w)
	w.wantCard("answered at last", r, card.Paired, 0)

	// Letting go of a stopped card does not free it; its stop moves along.
	risk(true)
	c, _ = w.status(r)
	next := r.with("card", w.card("istanbul", 903))
	w.through(r.with("new_card", next.card), pairing.Move)
	w.wantCard("moved while stopped", next, card.Paired, c.StopUntil)
	w.through(next, pairing.Unpair)
	w.wantCard("unpaired while stopped", next, card.Unpaired, c.StopUntil)
}

// testExpired: whose code has run out is asked for a new one, not every day, and
// grows older all the same.
func testExpired(w *world) {
	r := w.rider("istanbul").with("birth_day", "20", "birth_month", "1", "birth_year", "1956") // 65 in eight days
	w.pair(r)
	w.outside.set(r.hes, func(v *health.Verdict) { v.Err = health.ErrCodeExpired })
	for range 14 {
		w.pass(24 * time.Hour)
		must2(w.svc.Work(w.ctx))(w)
		w.deliver()
	}
	asked := 0
	for _, s := range w.inbox(r.phone) {
		if strings.Contains(s, "suresi doldu") {
			asked++
		}
	}
	if asked < 1 || asked > 3 {
		w.t.Errorf("asked for a new code in two weeks: got %d times, want 1 to 3", asked)
	}
	w.wantCard("after the birthday", r, card.Paired65, 0)
}

func testBirthdays(w *world) {
	zone := w.cities["istanbul"].Location()
	r := w.rider("istanbul").with("birth_day", "15", "birth_month", "1", "birth_year", "2001")
	w.pair(r)
	w.wantCard("nineteen", r, card.Paired20, 0)
	at := func(h, m int) {
		w.pass(time.Date(2021, 1, 14, h, m, 0, 0, zone).Sub(w.clock()))
		for range 3 {
			must2(w.svc.Work(w.ctx))(w)
		}
	}
	at(23, 59)
	w.wantCard("a minute before", r, card.Paired20, 0)
	at(24, 0)
	w.wantCard("twenty, at midnight by the city's clock", r, card.Paired, 0)
}

func testSweep(w *world) {
	r := w.rider("istanbul")
	v := w.pair(r)
	lost := must2(w.begin(w.rider("istanbul"), pairing.Pair))(w)
	w.pass(25 * time.Hour)
	must2(w.svc.Work(w.ctx))(w)
	for what, token := range map[string]string{"an old receipt": v.Token, "an abandoned request": lost.Token} {
		_, err := w.svc.Look(w.ctx, "istanbul", token)
		w.is(what, err, pairing.ErrNoRequest)
	}
	if _, ok := w.live(r); !ok {
		w.t.Error("the tie was swept too")
	}
}

// testErased: a tie whose holder's key is destroyed keeps nobody else waiting.
func testErased(w *world) {
	gone, other := w.rider("istanbul"), w.rider("istanbul")
	w.pair(gone)
	w.pair(other)
	p, _ := w.live(gone)
	w.view(func(tx *sqlstore.Tx) error {
		who, err := tx.Person(w.ctx, "istanbul", p.PersonID)
		if err != nil {
			return err
		}
		return w.keys.Destroy(w.ctx, who.Key)
	})
	w.outside.set(other.hes, func(v *health.Verdict) { v.Answer.Risky = true })
	w.pass(25 * time.Hour)
	must2(w.svc.Work(w.ctx))(w)
	if c, _ := w.status(other); c.StopUntil == 0 {
		w.t.Error("the other holder was not asked about")
	}
	if n := must2(w.svc.Work(w.ctx))(w); n != 0 {
		w.t.Errorf("at once again: got %d to do, want nothing until tomorrow", n)
	}
}

// TestDailyCap: a city's money for texts has a bound of its own.
func TestDailyCap(t *testing.T) {
	w := newWorld(t, "sqlite:"+t.TempDir()+"/x.db", func(c *pairing.Config) { c.DailyTexts = 3 })
	for i := range 5 {
		_, err := w.begin(w.rider("izmir"), pairing.Pair)
		want := error(nil)
		if i >= 3 {
			want = pairing.ErrSMSAway
		}
		w.is(fmt.Sprintf("code %d of the day", i+1), err, want)
	}
	_, err := w.begin(w.rider("istanbul"), pairing.Pair)
	w.is("another city's first", err, nil)
	w.pass(24 * time.Hour)
	_, err = w.begin(w.rider("izmir"), pairing.Pair)
	w.is("the next day", err, nil)
}

// TestTextsFitOnePart: each message of every city, with its longest values, in
// one part of a text in Turkish and English and at most two in Arabic.
func TestTextsFitOnePart(t *testing.T) {
	for _, lang := range []string{"tr", "en", "ar"} {
		w := newWorld(t, "sqlite:"+t.TempDir()+"/x.db")
		for id := range w.cities {
			drive(w, id, lang)
		}
		w.deliver()
		seen := 0
		for _, box := range w.texts {
			for _, m := range box {
				seen++
				f := sms.Fit(m.Text)
				if most := map[string]int{"tr": 1, "en": 1, "ar": 2}[lang]; f.Parts > most {
					t.Errorf("%s %s: got %d parts, want at most %d: %q", m.City, lang, f.Parts, most, m.Text)
				}
				if strings.Contains(m.Text, "[sms.") || strings.Contains(m.Text, "<no value>") {
					t.Errorf("%s %s: a hole: %q", m.City, lang, m.Text)
				}
			}
		}
		if seen < 50 {
			t.Errorf("%s: looked at %d texts, want every kind of every city", lang, seen)
		}
	}
}

// drive makes a city say everything it has to say.
func drive(w *world, id, lang string) {
	enter := func(r rider, k pairing.Kind) {
		w.pass(16 * time.Minute)
		in := r.input(k)
		in.Lang = lang
		v := must2(w.svc.Begin(w.ctx, in))(w)
		if v.Stage == pairing.StageCode {
			must2(w.svc.Enter(w.ctx, id, v.Token, w.lastCode(r.phone)))(w)
		}
	}
	r := w.rider(id)
	enter(r, pairing.Pair)
	enter(r, pairing.Status)
	enter(w.rider(id).with("card", r.card), pairing.Pair) // held, notice
	w.outside.set(r.hes, func(v *health.Verdict) { v.Answer.Risky = true })
	w.pass(24 * time.Hour)
	must2(w.svc.Work(w.ctx))(w) // stopped
	enter(r, pairing.Status)
	w.outside.set(r.hes, func(v *health.Verdict) { v.Err = health.ErrCodeExpired })
	w.pass(25 * time.Hour)
	must2(w.svc.Work(w.ctx))(w) // renew
	if id != "gaziantep" {
		enter(r.with("hes", w.code(r, false), "phone", w.rider(id).phone), pairing.Pair) // phone changed
	}
	m := w.rider(id)
	enter(m, pairing.Pair)
	enter(m.with("new_card", w.card(id, 3000)), pairing.Move)
	enter(m.with("card", w.card(id, 3000)), pairing.Unpair)
	late := w.rider(id)
	w.outside.leave(true)
	enter(late, pairing.Pair)
	w.pass(73 * time.Hour)
	must2(w.svc.Work(w.ctx))(w) // unanswered
	for _, err := range []error{health.ErrCodeUnknown, health.ErrCodeExpired, nil} {
		r := w.rider(id)
		enter(r, pairing.Pair)
		w.outside.set(r.hes, func(v *health.Verdict) {
			v.Err = err
			v.Answer.MaskedID, v.Answer.MaskedFirst = "********000", "ZZ****"
		})
	}
	w.outside.leave(false)
	w.pass(2 * time.Minute)
	must2(w.svc.Work(w.ctx))(w) // refused for each reason
}
