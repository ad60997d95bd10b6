package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"turnike/gate"
	"turnike/internal/person"
	"turnike/internal/sandbox"
)

// Step is one line of the check.
type Step struct {
	City   string        `json:"city"`
	What   string        `json:"step"`
	OK     bool          `json:"ok"`
	Took   time.Duration `json:"-"`
	Millis int64         `json:"ms"`
	Why    string        `json:"why,omitempty"`
}

// Check drives the whole job over HTTP as citizens do: every city by every
// document, wrong and expired codes, the deadline, stops and their lifting. It
// tells each step as it ends and gives them all.
func (w *World) Check(ctx context.Context, tell func(Step)) []Step {
	c := &checker{w: w, tell: tell, phone: 5_320_000_000, card: map[string]uint64{}}
	for _, f := range []func(context.Context){
		c.centreDay, c.beforeDeadline, c.everyDocument, c.wrongCodes, c.expiredCode, c.twice, c.taken, c.onePerPerson, c.oneCode,
		c.mend, c.slowMinistry, c.holder, c.stopAndLift, c.deadline, c.serverGone,
	} {
		f(ctx)
	}
	return c.steps
}

// Date is the day the demo's clock starts on: two days before İstanbul's
// deadline, two after İzmir's.
func Date() time.Time {
	zone, err := time.LoadLocation("Europe/Istanbul")
	if err != nil {
		zone = time.FixedZone("TRT", 3*3600)
	}
	return time.Date(2021, 1, 13, 9, 0, 0, 0, zone)
}

type checker struct {
	w     *World
	tell  func(Step)
	steps []Step
	phone int64
	nine  int64
	card  map[string]uint64
}

func (c *checker) step(ctx context.Context, city, what string, f func() error) bool {
	start := time.Now()
	err := ctx.Err()
	if err == nil {
		err = f()
	}
	s := Step{City: city, What: what, OK: err == nil, Took: time.Since(start), Millis: time.Since(start).Milliseconds()}
	if err != nil {
		s.Why = err.Error()
	}
	c.steps = append(c.steps, s)
	c.tell(s)
	return err == nil
}

// rider is a made-up person with a card and a phone.
type rider struct {
	city   string
	phone  string // 905...
	card   string
	id     person.ID
	fields map[string]string
	code   string // HES
}

// rider makes a person up who has not been here before.
func (c *checker) rider(city, doc string, kind sandbox.Kind) rider {
	c.phone += 1_001 // another number, another block of a thousand
	c.nine++
	c.card[city]++
	r := rider{city: city, phone: fmt.Sprintf("90%d", c.phone), card: c.w.SampleCard(city, 100+c.card[city])}
	first, last := "Ayşe", "Yıldırım"
	fields := map[string]string{
		"first_name": first, "last_name": last, "birth_day": "14", "birth_month": "3", "birth_year": "1985",
		"email": "ayse@ornek.example", "phone": fmt.Sprintf("0%d", c.phone), "card": r.card, "province": "44", "citizen": "tc",
	}
	switch doc {
	case "ykn":
		r.id, fields["citizen"] = sandbox.TCKN(fmt.Sprintf("99%07d", 1_230_000+c.nine)), "other"
	case "passport":
		first, last = "Omar", "Haddad"
		r.id, _ = person.ParsePassport(fmt.Sprintf("N%08d", 1_000_000+c.nine))
		fields["first_name"], fields["last_name"] = first, last
		fields["doc"], fields["passport"], fields["country"], fields["citizen"] = "passport", r.id.Reveal(), "SY", "other"
	default:
		r.id = sandbox.TCKN(fmt.Sprintf("%09d", 251_000_000+c.nine*7))
	}
	if doc != "passport" {
		fields["id"] = r.id.Reveal()
	}
	fn, _ := person.ParseName(first)
	ln, _ := person.ParseName(last)
	r.code = sandbox.HESFor(r.id, fn, ln, kind).Reveal()
	fields["hes"] = r.code[:4] + "-" + r.code[4:8] + "-" + r.code[8:]
	for _, b := range c.w.App.Cities()[city].Form.Boxes {
		fields["box_"+b.ID] = "1"
	}
	r.fields = fields
	return r
}

// pair leads a rider from the form to the message that the card is paired.
func (c *checker) pair(ctx context.Context, r rider) error {
	b, err := c.w.browser()
	if err != nil {
		return err
	}
	if err := b.begin(ctx, "/"+r.city+"/pair", r.fields); err != nil {
		return err
	}
	return c.finish(ctx, b, r)
}

func (c *checker) finish(ctx context.Context, b *browser, r rider) error {
	code, n, err := c.w.codeFor(ctx, r.phone, 0)
	if err != nil {
		return err
	}
	if err := b.enter(ctx, code); err != nil {
		return err
	}
	if err := b.received(); err != nil {
		return err
	}
	_, err = c.w.text(ctx, r.phone, n, isPaired)
	return err
}

func isPaired(s string) bool { return strings.Contains(s, "eslesti") }

// opens waits until a card's tap is answered as wanted, at most a minute.
func (c *checker) answers(ctx context.Context, city, card string, want gate.Decision) error {
	limit := time.Now().Add(time.Minute)
	for {
		got := c.w.Tap(city, card)
		if got == want {
			return nil
		}
		if time.Now().After(limit) || ctx.Err() != nil {
			return fmt.Errorf("gate says %q, want %q", got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (c *checker) beforeDeadline(ctx context.Context) {
	c.step(ctx, "istanbul", "before the deadline an unpaired card opens the gate", func() error {
		return c.answers(ctx, "istanbul", c.w.SampleCard("istanbul", 7), gate.Admit)
	})
	c.step(ctx, "izmir", "after the deadline of 11 January an unpaired card does not", func() error {
		return c.answers(ctx, "izmir", c.w.SampleCard("izmir", 7), gate.Refuse)
	})
	c.step(ctx, "istanbul", "a number never issued does not", func() error {
		return c.answers(ctx, "istanbul", "9999000011112222", gate.Refuse)
	})
}

func (c *checker) everyDocument(ctx context.Context) {
	names := map[string]string{"tckn": "T.C. number", "ykn": "foreigner number", "passport": "passport", "": "no document"}
	for _, city := range c.w.App.Cities().IDs() {
		docs := c.w.App.Cities()[city].Form.Documents
		if len(docs) == 0 {
			docs = []string{""}
		}
		for _, doc := range docs {
			r := c.rider(city, doc, sandbox.Riskless)
			ok := c.step(ctx, city, "pair by "+names[doc], func() error { return c.pair(ctx, r) })
			if ok {
				c.step(ctx, city, "  and the gate opens", func() error { return c.answers(ctx, city, r.card, gate.Admit) })
			}
		}
	}
	bank := c.rider("antalya", "tckn", sandbox.Riskless)
	bank.card = "4111111111111111"
	bank.fields["card"] = "4111 1111 1111 1111"
	if c.step(ctx, "antalya", "pair a contactless bank card", func() error { return c.pair(ctx, bank) }) {
		c.step(ctx, "antalya", "  and the gate opens", func() error { return c.answers(ctx, "antalya", bank.card, gate.Admit) })
	}
}

func (c *checker) wrongCodes(ctx context.Context) {
	r := c.rider("istanbul", "tckn", sandbox.Riskless)
	c.step(ctx, "istanbul", "a wrong code is refused, the right one then taken", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		if err := b.begin(ctx, "/istanbul/pair", r.fields); err != nil {
			return err
		}
		code, _, err := c.w.codeFor(ctx, r.phone, 0)
		if err != nil {
			return err
		}
		if err := b.enter(ctx, other(code)); err != nil {
			return err
		}
		if b.problems() == "" {
			return fmt.Errorf("a wrong code was not refused (%d at %s)", b.code, b.at)
		}
		return c.finish(ctx, b, r)
	})
	r = c.rider("istanbul", "tckn", sandbox.Riskless)
	c.step(ctx, "istanbul", "five wrong codes end the request", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		if err := b.begin(ctx, "/istanbul/pair", r.fields); err != nil {
			return err
		}
		code, _, err := c.w.codeFor(ctx, r.phone, 0)
		if err != nil {
			return err
		}
		form := b.hidden()
		for range 5 {
			form.Set("code", other(code))
			if err := b.post(ctx, "/istanbul/code", form); err != nil {
				return err
			}
		}
		form.Set("code", code)
		if err := b.post(ctx, "/istanbul/code", form); err != nil {
			return err
		}
		if b.received() == nil {
			return fmt.Errorf("the right code was taken after five wrong ones")
		}
		return nil
	})
}

// other is a code that differs in its first digit.
func other(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

func (c *checker) expiredCode(ctx context.Context) {
	r := c.rider("gaziantep", "", sandbox.Riskless)
	c.step(ctx, "gaziantep", "an expired code is refused, a new one taken", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		if err := b.begin(ctx, "/gaziantep/pair", r.fields); err != nil {
			return err
		}
		code, n, err := c.w.codeFor(ctx, r.phone, 0)
		if err != nil {
			return err
		}
		c.w.Clock.Set(c.w.Clock.Now().Add(6 * time.Minute))
		if err := b.enter(ctx, code); err != nil {
			return err
		}
		if b.received() == nil {
			return fmt.Errorf("a code of six minutes ago was taken")
		}
		form := b.hidden()
		form.Set("again", "1")
		if err := b.post(ctx, "/gaziantep/code", form); err != nil {
			return err
		}
		code, n, err = c.w.codeFor(ctx, r.phone, n)
		if err != nil {
			return err
		}
		if err := b.enter(ctx, code); err != nil {
			return err
		}
		if err := b.received(); err != nil {
			return err
		}
		_, err = c.w.text(ctx, r.phone, n, isPaired)
		return err
	})
}

func (c *checker) twice(ctx context.Context) {
	r := c.rider("istanbul", "tckn", sandbox.Riskless)
	c.step(ctx, "istanbul", "a double click and a back button give one code", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		if err := b.open(ctx, "/istanbul/pair"); err != nil {
			return err
		}
		form := b.hidden()
		for k, v := range r.fields {
			form.Set(k, v)
		}
		for range 3 {
			if err := b.post(ctx, "/istanbul/pair", form); err != nil {
				return err
			}
		}
		if err := c.finish(ctx, b, r); err != nil {
			return err
		}
		texts, err := c.w.inbox(ctx, r.phone, 0)
		if err != nil {
			return err
		}
		if len(texts) != 2 {
			return fmt.Errorf("%d messages, want a code and a result", len(texts))
		}
		return nil
	})
}

func (c *checker) taken(ctx context.Context) {
	owner := c.rider("istanbul", "tckn", sandbox.Riskless)
	if !c.step(ctx, "istanbul", "an owner pairs", func() error { return c.pair(ctx, owner) }) {
		return
	}
	thief := c.rider("istanbul", "tckn", sandbox.Riskless)
	thief.card, thief.fields["card"] = owner.card, owner.card
	c.step(ctx, "istanbul", "a stranger with the same card sees the same receipt; the owner is told", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		texts, err := c.w.inbox(ctx, owner.phone, 0)
		if err != nil {
			return err
		}
		since := texts[len(texts)-1].N
		if err := b.begin(ctx, "/istanbul/pair", thief.fields); err != nil {
			return err
		}
		code, n, err := c.w.codeFor(ctx, thief.phone, 0)
		if err != nil {
			return err
		}
		if err := b.enter(ctx, code); err != nil {
			return err
		}
		if err := b.received(); err != nil {
			return err
		}
		if _, err := c.w.text(ctx, owner.phone, since, func(s string) bool { return strings.Contains(s, "denendi") }); err != nil {
			return fmt.Errorf("owner's notice: %w", err)
		}
		_, err = c.w.text(ctx, thief.phone, n, func(s string) bool { return strings.Contains(s, "tamamlanamadi") })
		return err
	})
}

func (c *checker) onePerPerson(ctx context.Context) {
	r := c.rider("izmir", "tckn", sandbox.Riskless)
	if !c.step(ctx, "izmir", "a person pairs a card", func() error { return c.pair(ctx, r) }) {
		return
	}
	second := r
	second.card = c.w.SampleCard("izmir", 900)
	second.fields = maps.Clone(r.fields)
	second.fields["card"] = second.card
	c.step(ctx, "izmir", "a second card for the same person is not paired", func() error {
		c.w.Clock.Set(c.w.Clock.Now().Add(2 * time.Minute)) // the number's one code a minute
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		texts, err := c.w.inbox(ctx, r.phone, 0)
		if err != nil {
			return err
		}
		since := texts[len(texts)-1].N
		if err := b.begin(ctx, "/izmir/pair", second.fields); err != nil {
			return err
		}
		code, n, err := c.w.codeFor(ctx, r.phone, since)
		if err != nil {
			return err
		}
		if err := b.enter(ctx, code); err != nil {
			return err
		}
		if err := b.received(); err != nil {
			return err
		}
		if _, err := c.w.text(ctx, r.phone, n, func(s string) bool { return strings.Contains(s, "tamamlanamadi") }); err != nil {
			return err
		}
		return c.answers(ctx, "izmir", second.card, gate.Refuse)
	})
}

func (c *checker) oneCode(ctx context.Context) {
	r := c.rider("antalya", "tckn", sandbox.Riskless)
	if !c.step(ctx, "antalya", "a code is tied to a card", func() error { return c.pair(ctx, r) }) {
		return
	}
	again := c.rider("antalya", "tckn", sandbox.Riskless)
	again.id, again.fields["id"], again.fields["hes"] = r.id, r.fields["id"], r.fields["hes"]
	c.step(ctx, "antalya", "the same code does not pair a second card", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		if err := b.begin(ctx, "/antalya/pair", again.fields); err != nil {
			return err
		}
		code, n, err := c.w.codeFor(ctx, again.phone, 0)
		if err != nil {
			return err
		}
		if err := b.enter(ctx, code); err != nil {
			return err
		}
		_, err = c.w.text(ctx, again.phone, n, func(s string) bool { return strings.Contains(s, "tamamlanamadi") })
		return err
	})
}

func (c *checker) mend(ctx context.Context) {
	r := c.rider("istanbul", "tckn", sandbox.Riskless)
	right := r.fields["hes"]
	c.step(ctx, "istanbul", "a HES code the ministry does not know is mended without a new SMS", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		r.fields["hes"] = "ZZZZ-ZZZZ-ZZ"
		if err := b.begin(ctx, "/istanbul/pair", r.fields); err != nil {
			return err
		}
		code, n, err := c.w.codeFor(ctx, r.phone, 0)
		if err != nil {
			return err
		}
		if err := b.enter(ctx, code); err != nil {
			return err
		}
		if b.problems() == "" || !strings.Contains(b.page, html16(r.card)) {
			return fmt.Errorf("the form did not come back with what was typed (%d at %s)", b.code, b.at)
		}
		form := b.hidden()
		for k, v := range r.fields {
			form.Set(k, v)
		}
		form.Set("hes", right)
		if err := b.post(ctx, "/istanbul/pair", form); err != nil {
			return err
		}
		if err := b.received(); err != nil {
			return err
		}
		_, err = c.w.text(ctx, r.phone, n, isPaired)
		return err
	})
	// Everything wrong at once: each fault named, nothing typed lost.
	c.step(ctx, "istanbul", "eight wrong fields give eight messages beside them", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		if err := b.open(ctx, "/istanbul/pair"); err != nil {
			return err
		}
		form := b.hidden()
		for k, v := range map[string]string{"first_name": "阿", "last_name": "", "id": "12345678901", "birth_day": "31", "birth_month": "2", "birth_year": "1980",
			"email": "x", "card": "12", "phone": "0212 444 11 22", "hes": "ABC"} {
			form.Set(k, v)
		}
		if err := b.post(ctx, "/istanbul/pair", form); err != nil {
			return err
		}
		if n := strings.Count(b.page, `class="t-error-message"`); n < 8 {
			return fmt.Errorf("%d messages beside fields, want at least 8", n)
		}
		return nil
	})
}

func html16(card string) string { return `value="` + card + `"` }

func (c *checker) slowMinistry(ctx context.Context) {
	r := c.rider("istanbul", "tckn", sandbox.Riskless)
	c.step(ctx, "istanbul", "with the ministry away the pairing completes by itself", func() error {
		if err := c.w.Outside.SetFault("hes", sandbox.Fault{Mode: sandbox.Errors, Times: 3}); err != nil {
			return err
		}
		defer c.w.Outside.SetFault("hes", sandbox.Fault{})
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		if err := b.begin(ctx, "/istanbul/pair", r.fields); err != nil {
			return err
		}
		code, n, err := c.w.codeFor(ctx, r.phone, 0)
		if err != nil {
			return err
		}
		if err := b.enter(ctx, code); err != nil {
			return err
		}
		if err := b.received(); err != nil {
			return err
		}
		if err := c.w.Outside.SetFault("hes", sandbox.Fault{}); err != nil {
			return err
		}
		c.w.Clock.Set(c.w.Clock.Now().Add(2 * time.Minute))
		_, err = c.w.text(ctx, r.phone, n, isPaired)
		return err
	})
}

// holder is what the paired phone, and no other, may ask and do.
func (c *checker) holder(ctx context.Context) {
	r := c.rider("istanbul", "tckn", sandbox.Riskless)
	if !c.step(ctx, "istanbul", "a holder pairs", func() error { return c.pair(ctx, r) }) {
		return
	}
	ask := func(kind string, fields map[string]string, want string) error {
		c.w.Clock.Set(c.w.Clock.Now().Add(16 * time.Minute))
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		texts, err := c.w.inbox(ctx, r.phone, 0)
		if err != nil {
			return err
		}
		since := texts[len(texts)-1].N
		if err := b.begin(ctx, "/istanbul/card/"+kind, fields); err != nil {
			return err
		}
		if kind != "status" {
			code, n, err := c.w.codeFor(ctx, r.phone, since)
			if err != nil {
				return err
			}
			if err := b.enter(ctx, code); err != nil {
				return err
			}
			since = n
		}
		if err := b.received(); err != nil {
			return err
		}
		_, err = c.w.text(ctx, r.phone, since, func(s string) bool { return strings.Contains(s, want) })
		return err
	}
	base := map[string]string{"card": r.card, "phone": r.fields["phone"]}
	c.step(ctx, "istanbul", "the paired phone is told that the card is paired", func() error { return ask("status", base, "eslesmis") })
	c.step(ctx, "istanbul", "another phone sees the same page and is told nothing", func() error {
		b, err := c.w.browser()
		if err != nil {
			return err
		}
		c.phone += 1_001
		phone := fmt.Sprintf("90%d", c.phone)
		if err := b.begin(ctx, "/istanbul/card/status", map[string]string{"card": r.card, "phone": phone}); err != nil {
			return err
		}
		if err := b.received(); err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
		texts, err := c.w.inbox(ctx, phone, 0)
		if err == nil && len(texts) > 0 {
			err = fmt.Errorf("a stranger's phone got %d messages", len(texts))
		}
		return err
	})
	next := c.w.SampleCard("istanbul", 5000)
	moved := maps.Clone(base)
	moved["new_card"] = next
	if c.step(ctx, "istanbul", "the tie moves to a replacement card", func() error { return ask("move", moved, "tasindi") }) {
		c.step(ctx, "istanbul", "  the new card opens, the old one does not", func() error {
			if err := c.answers(ctx, "istanbul", next, gate.Admit); err != nil {
				return err
			}
			return c.answers(ctx, "istanbul", r.card, gate.Refuse)
		})
		base["card"] = next
	}
	c.step(ctx, "istanbul", "the tie is ended by its holder", func() error { return ask("unpair", base, "kaldirildi") })
}

func (c *checker) stopAndLift(ctx context.Context) {
	r := c.rider("istanbul", "tckn", sandbox.Risky)
	if !c.step(ctx, "istanbul", "a person who should be at home pairs like anybody", func() error { return c.pair(ctx, r) }) {
		return
	}
	c.step(ctx, "istanbul", "  and the card does not open", func() error { return c.answers(ctx, "istanbul", r.card, gate.Refuse) })
	c.step(ctx, "istanbul", "  told two hours ago, refused again: the interior ministry has a report", func() error { return c.reported(ctx, r) })
	c.step(ctx, "istanbul", "the ministry lifts it: the card opens again", func() error {
		if err := c.flip(ctx, r.code, false); err != nil {
			return err
		}
		c.w.Clock.Set(c.w.Clock.Now().Add(25 * time.Hour)) // the next day's question
		return c.answers(ctx, "istanbul", r.card, gate.Admit)
	})
}

// flip changes what the ministry says of a code.
func (c *checker) flip(ctx context.Context, code string, risky bool) error {
	status := "RISKLESS"
	if risky {
		status = "RISKY"
	}
	body, err := json.Marshal(map[string]string{"hes_code": code, "status": status})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.w.SMSBox+"/hes/state", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the sandbox answered %d", res.StatusCode)
	}
	return nil
}

func (c *checker) deadline(ctx context.Context) {
	zone := c.w.App.Cities()["istanbul"].Location()
	late := c.w.SampleCard("istanbul", 8)
	c.step(ctx, "istanbul", "one minute before midnight the unpaired card still opens", func() error {
		c.w.Clock.Set(time.Date(2021, 1, 14, 23, 59, 0, 0, zone))
		return c.answers(ctx, "istanbul", late, gate.Admit)
	})
	c.step(ctx, "istanbul", "at midnight of 15 January it does not, and nothing had to be sent", func() error {
		c.w.Clock.Set(time.Date(2021, 1, 15, 0, 0, 1, 0, zone))
		if got := c.w.Tap("istanbul", late); got != gate.Refuse {
			return fmt.Errorf("gate says %q, want refuse", got)
		}
		return nil
	})
	r := c.rider("istanbul", "tckn", sandbox.Riskless)
	if c.step(ctx, "istanbul", "a rider at the gate pairs on the phone", func() error { return c.pair(ctx, r) }) {
		c.step(ctx, "istanbul", "  and the gate opens within the minute", func() error { return c.answers(ctx, "istanbul", r.card, gate.Admit) })
	}
	old := c.rider("istanbul", "tckn", sandbox.Riskless)
	old.fields["birth_year"] = "1950"
	if c.step(ctx, "istanbul", "a rider of 70 pairs", func() error { return c.pair(ctx, old) }) {
		c.step(ctx, "istanbul", "  and is refused by the rule of the day, 65 and over", func() error { return c.answers(ctx, "istanbul", old.card, gate.Refuse) })
	}
}

// serverGone asks a gate that reads its own folder and nobody else.
func (c *checker) serverGone(ctx context.Context) {
	c.step(ctx, "istanbul", "a gate cut off from the server decides as before", func() error {
		anchor, err := c.w.App.Anchor("istanbul")
		if err != nil {
			return err
		}
		// What a bus carries away: a copy of a gate's folder, no address.
		away := filepath.Join(c.w.cfg.Dir, "away", "istanbul")
		if err := os.CopyFS(away, os.DirFS(filepath.Join(c.w.cfg.Dir, "gates", "istanbul"))); err != nil {
			return err
		}
		secret, err := c.w.App.ListSecret("istanbul")
		if err != nil {
			return err
		}
		g, err := gate.Open(gate.Config{Dir: filepath.Dir(away), City: "istanbul", Anchor: anchor, Secret: secret})
		if err != nil {
			return err
		}
		n, ok := g.Parse([]byte(c.w.SampleCard("istanbul", 8)))
		if !ok {
			return fmt.Errorf("the cut-off gate does not read the number")
		}
		if got := g.Decide(n, c.w.Clock.Now(), 0); got != gate.Refuse {
			return fmt.Errorf("unpaired card: gate says %q, want refuse", got)
		}
		n, _ = g.Parse([]byte(c.w.SampleCard("istanbul", 101)))
		if got := g.Decide(n, c.w.Clock.Now(), 0); got != gate.Admit {
			return fmt.Errorf("paired card: gate says %q, want open", got)
		}
		return nil
	})
}
