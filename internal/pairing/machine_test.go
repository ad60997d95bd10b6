package pairing_test

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"turnike/internal/card"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/sqlstore"
)

// asked is a request as the model knows it.
type asked struct {
	r       rider
	kind    pairing.Kind
	token   string
	code    string   // the newest that was sent; empty for a blind one
	old     []string // those before
	created time.Time
	expires time.Time
	wrongs  int
	state   string // waiting, dead, over
}

// machine drives requests, codes and time at random beside a model that knows
// nothing but the promises.
type machine struct {
	w      *world
	city   string
	people []rider // persons; each has a phone, a code and a card to begin with
	asked  []*asked
	sends  map[string][]time.Time // by phone
	days   map[string][]time.Time // by person: the start of the running day, then its sends
	ties   map[string]string      // card to live tie
	audits string                 // the newest audit row that was looked at
	seen   map[string]int         // what has come about, over all runs
}

func newMachine(w *world, city, audits string, seen map[string]int) *machine {
	m := &machine{w: w, city: city, audits: audits, seen: seen, sends: map[string][]time.Time{}, days: map[string][]time.Time{}, ties: map[string]string{}}
	for range 3 {
		m.people = append(m.people, w.rider(city))
	}
	return m
}

// mixed is a form with anyone's card, person, phone and code.
func (m *machine) mixed(t *rapid.T) rider {
	pick := func(what string) rider { return rapid.SampledFrom(m.people).Draw(t, what) }
	who, phone := pick("person"), pick("phone")
	if rapid.Bool().Draw(t, "own phone") {
		phone = who
	}
	r := who.with("card", pick("card").card, "phone", phone.phone, "hes", who.hes)
	if rapid.IntRange(0, 3).Draw(t, "another's code") == 0 {
		r = r.with("hes", pick("code").hes)
	}
	return r.with("new_card", pick("new card").card)
}

// maySend is the rule on codes, said a second time.
func (m *machine) maySend(r rider, kind pairing.Kind) bool {
	now := m.w.clock()
	sent := m.sends[r.phone]
	within := func(d time.Duration) (n int) {
		for _, s := range sent {
			if now.Sub(s) < d {
				n++
			}
		}
		return n
	}
	if within(time.Minute) >= 1 || within(15*time.Minute) >= 3 || within(24*time.Hour) >= 5 {
		return false
	}
	if kind != pairing.Pair { // other forms ask no identity number
		return true
	}
	day := m.days[r.id.Reveal()]
	return len(day) == 0 || now.Sub(day[0]) >= 24*time.Hour || len(day) < 10
}

func (m *machine) noteSend(r rider, kind pairing.Kind) {
	now := m.w.clock()
	m.sends[r.phone] = append(m.sends[r.phone], now)
	if kind != pairing.Pair {
		return
	}
	id := r.id.Reveal()
	if day := m.days[id]; len(day) > 0 && now.Sub(day[0]) >= 24*time.Hour {
		m.days[id] = nil
	}
	m.days[id] = append(m.days[id], now)
}

func (m *machine) begin(t *rapid.T) { m.beginAs(t, m.mixed(t)) }

// honest is somebody with their own things, who types what they are sent.
func (m *machine) honest(t *rapid.T) {
	who := rapid.SampledFrom(m.people).Draw(t, "person")
	r := who.with("card", rapid.SampledFrom(m.people).Draw(t, "card").card, "new_card", rapid.SampledFrom(m.people).Draw(t, "new card").card)
	// Where they hold a card, it is that one as often as not.
	for _, c := range m.people {
		p, live := m.w.live(c)
		if live && p.PhoneTag == m.w.keys.Tag(m.city, person.TagPhone, who.phone) && rapid.Bool().Draw(t, "the card they hold") {
			r = r.with("card", c.card)
		}
	}
	n := len(m.asked)
	m.beginAs(t, r)
	if len(m.asked) > n {
		m.typed(t, m.asked[n], m.asked[n].code)
	}
}

func (m *machine) beginAs(t *rapid.T, r rider) {
	kind := rapid.SampledFrom([]pairing.Kind{pairing.Pair, pairing.Pair, pairing.Pair, pairing.Renew, pairing.Unpair, pairing.Move}).Draw(t, "kind")
	if kind == pairing.Move && r.fields["new_card"] == r.card {
		kind = pairing.Unpair
	}
	texts := len(m.w.inbox(r.phone))
	may := m.maySend(r, kind)
	v, err := m.w.begin(r, kind)
	limited := errors.Is(err, pairing.ErrCodeSoon) || errors.Is(err, pairing.ErrCodeMany)
	if limited == may || err != nil && !limited {
		t.Fatalf("begin: got %v, want a code to be sent: %v", err, may)
	}
	box := m.w.inbox(r.phone)
	if err != nil {
		if len(box) != texts {
			t.Fatalf("refused, and yet a text was sent")
		}
		return
	}
	m.noteSend(r, kind)
	a := &asked{r: r, kind: kind, token: v.Token, created: m.w.clock(), expires: m.w.clock().Add(pairing.CodeLife), state: "waiting"}
	if len(box) > texts {
		a.code = sixDigits.FindString(box[len(box)-1])
	} else if kind == pairing.Pair {
		t.Fatalf("a code was asked for and none sent")
	}
	m.asked = append(m.asked, a)
}

// one picks a request; while there is none the step is not one of the
// machine's, which rapid is told so.
func (m *machine) one(step *rapid.T) *asked {
	if len(m.asked) == 0 {
		step.Skip("nothing was asked for")
	}
	return rapid.SampledFrom(m.asked).Draw(step, "request")
}

func (m *machine) enter(t *rapid.T) {
	a := m.one(t)
	code := a.code
	switch rapid.SampledFrom([]string{"right", "right", "wrong", "wrong", "old", "another's"}).Draw(t, "code") {
	case "wrong":
		code = fmt.Sprintf("%06d", rapid.IntRange(0, 999_999).Draw(t, "digits"))
	case "old":
		if len(a.old) > 0 {
			code = a.old[len(a.old)-1]
		}
	case "another's":
		if c := m.one(t).code; c != "" {
			code = c
		}
	}
	m.typed(t, a, code)
}

// typed types a code and holds what comes of it against the model.
func (m *machine) typed(t *rapid.T, a *asked, code string) {
	if code == "" {
		code = "000000"
	}
	now := m.w.clock()
	v, err := m.w.svc.Enter(m.w.ctx, m.city, a.token, code)
	switch {
	case a.state == "over":
		if err != nil || v.Stage == pairing.StageCode {
			t.Fatalf("a code for what is over: got %q %v", v.Stage, err)
		}
	case a.state == "dead":
		if !errors.Is(err, pairing.ErrCodeDead) {
			t.Fatalf("a code after five wrong ones: got %v, want %v", err, pairing.ErrCodeDead)
		}
	case now.Sub(a.created) > 30*time.Minute:
		if !errors.Is(err, pairing.ErrLapsed) {
			t.Fatalf("after half an hour: got %v, want %v", err, pairing.ErrLapsed)
		}
	case !now.Before(a.expires):
		if !errors.Is(err, pairing.ErrCodeExpired) {
			t.Fatalf("after the code's life: got %v, want %v", err, pairing.ErrCodeExpired)
		}
	case a.code != "" && code == a.code:
		if err != nil || v.Stage != pairing.StageReceived && v.Stage != pairing.StageAmend {
			t.Fatalf("the right code: got %q %v, want it taken", v.Stage, err)
		}
		a.state = "over"
	default:
		a.wrongs++
		want := error(pairing.ErrCodeWrong)
		if a.wrongs == pairing.MaxTries {
			want, a.state = pairing.ErrCodeDead, "dead"
			m.seen["dead"]++
		}
		if !errors.Is(err, want) {
			t.Fatalf("wrong code %d: got %v, want %v", a.wrongs, err, want)
		}
	}
	if a.wrongs > pairing.MaxTries {
		t.Fatalf("%d wrong codes were taken, want at most %d", a.wrongs, pairing.MaxTries)
	}
}

func (m *machine) resend(t *rapid.T) {
	a := m.one(t)
	may := m.maySend(a.r, a.kind)
	texts := len(m.w.inbox(a.r.phone))
	v, err := m.w.svc.Resend(m.w.ctx, m.city, a.token)
	box := m.w.inbox(a.r.phone)
	switch {
	case a.state != "waiting":
		if err != nil || len(box) != texts {
			t.Fatalf("another code for what is %s: got %d texts and %v, want none", a.state, len(box)-texts, err)
		}
	case m.w.clock().Sub(a.created) > 30*time.Minute:
		if !errors.Is(err, pairing.ErrLapsed) {
			t.Fatalf("another code after half an hour: got %v", err)
		}
	case !may:
		if err == nil || len(box) != texts {
			t.Fatalf("another code over the limit: got %v and %d texts", err, len(box)-texts)
		}
	default:
		if err != nil || v.Left != pairing.MaxTries-a.wrongs {
			t.Fatalf("another code: got %v and %d tries left, want %d", err, v.Left, pairing.MaxTries-a.wrongs)
		}
		m.noteSend(a.r, a.kind)
		a.expires = m.w.clock().Add(pairing.CodeLife)
		if (len(box) > texts) != (a.code != "") {
			t.Fatalf("another code: got %d texts, want as with the first", len(box)-texts)
		}
		if a.code != "" {
			a.old, a.code = append(a.old, a.code), sixDigits.FindString(box[len(box)-1])
		}
	}
}

func (m *machine) wait(t *rapid.T) {
	m.w.pass(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 4 * time.Minute, 16 * time.Minute, 2 * time.Hour, 25 * time.Hour}).Draw(t, "time"))
	// What was asked a day ago is swept, and the model forgets it too.
	if _, err := m.w.svc.Work(m.w.ctx); err != nil {
		t.Fatalf("work: %v", err)
	}
	kept := m.asked[:0]
	for _, a := range m.asked {
		if m.w.clock().Sub(a.created) < 24*time.Hour {
			kept = append(kept, a)
		}
	}
	m.asked = kept
}

// fate changes what the ministry says of somebody.
func (m *machine) fate(t *rapid.T) {
	r := rapid.SampledFrom(m.people).Draw(t, "whose")
	risky := rapid.Bool().Draw(t, "risky")
	m.w.outside.mu.Lock()
	defer m.w.outside.mu.Unlock()
	for c, v := range m.w.outside.codes {
		if c.Reveal() == r.hes {
			v.Answer.Risky = risky
			m.w.outside.codes[c] = v
		}
	}
}

// check holds the promises after every step.
func (m *machine) check(t *rapid.T) {
	w := m.w
	ties, byCode := map[string]string{}, map[person.Tag]int{}
	for _, r := range m.people {
		p, live := w.live(r)
		if live {
			ties[r.card] = p.ID
			byCode[p.HESTag]++
		}
		c, row := w.status(r)
		var reasons []card.Reason
		w.view(func(tx *sqlstore.Tx) (err error) {
			reasons, err = tx.Reasons(w.ctx, m.city, w.tag(r))
			return err
		})
		base := card.Unpaired
		if live {
			base = card.Paired
		}
		if want := card.StatusOf(base, reasons); row && (c.Class != want.Class || c.StopUntil != want.StopUntil) || live && !row {
			t.Fatalf("card row: got %v until %d (there: %v), want %v until %d as follows from its reasons", c.Class, c.StopUntil, row, want.Class, want.StopUntil)
		}
		if live && c.Class == card.Dead {
			t.Fatal("a dead card has a holder")
		}
		w.view(func(tx *sqlstore.Tx) error {
			held, err := tx.LiveByPerson(w.ctx, m.city, r.id2(w))
			if m.city == "izmir" && len(held) > 1 {
				t.Fatalf("a person holds %d cards in İzmir, want one", len(held))
			}
			return err
		})
	}
	for _, n := range byCode {
		if m.city == "antalya" && n > 1 {
			t.Fatalf("a code is tied to %d cards in Antalya, want one", n)
		}
	}
	// Whatever changed, somebody did it.
	log := w.logAfter(m.city, m.audits)
	changed := fmt.Sprint(ties) != fmt.Sprint(m.ties)
	done := 0
	for _, e := range log {
		m.audits = e.ID
		m.seen[e.Action+" "+e.Result]++
		if strings.HasPrefix(e.Action, "pairing.") && e.Result == "ok" {
			done++
		}
		if e.Check() != nil {
			t.Fatalf("an audit row without an actor: %+v", e)
		}
	}
	if changed != (done > 0) {
		t.Fatalf("ties changed: %v, and the audit tells of %d deeds", changed, done)
	}
	m.ties = ties
}

// id2 is a person's blind index in their city.
func (r rider) id2(w *world) person.Tag {
	return person.Record{ID: r.id}.TagOf(w.keys, r.city)
}

// TestMachine: whatever is asked, typed and waited for, in whatever order.
func TestMachine(t *testing.T) {
	if underRace {
		if err := flag.Set("rapid.checks", "3"); err != nil {
			t.Fatal(err)
		}
	}
	for _, city := range []string{"izmir", "antalya"} {
		t.Run(city, func(t *testing.T) {
			w := newWorld(t, "sqlite:"+t.TempDir()+"/x.db")
			audits, seen := "", map[string]int{}
			rapid.Check(t, func(rt *rapid.T) {
				w.t = rt
				w.pass(48 * time.Hour) // clear of the run before
				if _, err := w.svc.Work(w.ctx); err != nil {
					rt.Fatal(err)
				}
				m := newMachine(w, city, audits, seen)
				defer func() { audits = m.audits }()
				rt.Repeat(map[string]func(*rapid.T){"begin": m.begin, "honest": m.honest, "honest again": m.honest, "enter": m.enter, "enter again": m.enter, "resend": m.resend, "wait": m.wait, "fate": m.fate, "": m.check})
			})
			// A run that never got anywhere proves nothing.
			for _, what := range []string{"pairing.pair ok", "pairing.pair held", "pairing.pair renewed", "pairing.unpair ok", "pairing.move ok", "pairing.renew renewed", "dead", "card.recheck stopped"} {
				if seen[what] == 0 && !underRace {
					t.Errorf("%q never came about: got %v", what, seen)
				}
			}
		})
	}
}
