package app_test

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"turnike/gate"
	"turnike/gate/agent"
	"turnike/gate/agent/door"
	"turnike/internal/app"
	"turnike/internal/audit"
	"turnike/internal/health"
	"turnike/internal/person"
	"turnike/internal/sandbox"
	"turnike/internal/storage/storagetest/pgtest"
	"turnike/internal/tap"
	"turnike/statuslist"
)

// validator is a turnstile of a city, enrolled by a token, as its maker would
// build it.
type validator struct {
	w       *world
	gate    *gate.Gate
	agent   *agent.Agent
	journal *gate.Journal
	place   door.Registration
	began   time.Time
}

func (w *world) validator(city string) *validator {
	t := w.t
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	operator := audit.Actor{Kind: "staff", Ref: "op-1", Channel: "console"}
	tokens, err := w.app.Gates().Issue(ctx, city, operator, []tap.Place{{Name: "A", Stop: 44, Mode: 2}}, w.clock())
	must(err)
	_, key, err := ed25519.GenerateKey(nil)
	must(err)
	id, err := door.NewIdentity(key)
	must(err)
	client, err := door.NewClient(door.ClientConfig{Server: w.site, City: city, Identity: id, Now: w.clock})
	must(err)
	v := &validator{w: w, began: w.clock()}
	v.place, err = client.Enrol(ctx, tokens[0].Text)
	must(err)
	secrets, err := id.Open(v.place)
	must(err)
	cfg := gate.Config{Dir: t.TempDir(), City: city, Anchor: statuslist.Anchor{Fingerprint: v.place.Fingerprint}}
	if len(secrets.TagKey) > 0 {
		cfg.TagKey, err = statuslist.NewTagKey(secrets.TagKey)
		must(err)
	}
	if len(secrets.ListSecret) > 0 {
		cfg.Secret, err = statuslist.NewSecret(secrets.ListSecret)
		must(err)
	}
	v.gate, err = gate.Open(cfg)
	must(err)
	v.journal, err = gate.OpenJournal(gate.JournalConfig{Dir: t.TempDir(), City: city, Key: key}, w.clock())
	must(err)
	v.agent, err = agent.New(agent.Config{Gate: v.gate, Base: w.site + v.place.Lists, City: city, Journal: v.journal, Door: client,
		Now: w.clock, Uptime: func() time.Duration { return w.clock().Sub(v.began) }})
	must(err)
	return v
}

// hold holds a card to the validator, once it has the newest list, and hands in
// what is in the journal.
func (v *validator) hold(printed string) gate.Decision {
	t := v.w.t
	t.Helper()
	if _, err := v.agent.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, ok := v.gate.Parse([]byte(printed))
	if !ok {
		t.Fatalf("the validator does not know the shape of the card")
	}
	now := v.w.clock()
	a := v.gate.Ask(n, now, v.place.Mode)
	if err := v.journal.Record(a, gate.Tap{At: now, Uptime: now.Sub(v.began), Stop: v.place.Stop, Mode: v.place.Mode}); err != nil {
		t.Fatal(err)
	}
	if err := v.agent.HandIn(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a.Decision
}

// until waits for something that workers do.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(30 * time.Millisecond) {
		if done() {
			return
		}
	}
	var log []string
	for line := range strings.Lines(w.log.String()) {
		if !strings.Contains(line, "list published") {
			log = append(log, line)
		}
	}
	w.t.Fatalf("%s: not within 20 s; the end of the log:\n%s", what, strings.Join(log[max(0, len(log)-20):], ""))
}

// TestReportOverTheWire: a holder pairs a card, the health ministry says stay at
// home, the card is held to a validator, and the interior ministry reads whose
// card it was; the ministry says free, and the report is called back. Every
// step over HTTP, on both engines.
func TestReportOverTheWire(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { reportOverTheWire(newWorld(t)) })
	t.Run("postgres", func(t *testing.T) {
		dsn := pgtest.Start(t).Database(t)
		reportOverTheWire(newWorld(t, func(c *app.Config) { c.DB = dsn }))
	})
}

func reportOverTheWire(w *world) {
	t := w.t
	c := w.client()
	r := w.rider()
	r.hes = sandbox.HESFor(r.id, person.RestoreName("Ayşe"), person.RestoreName("Yılmaz"), sandbox.Risky).Reveal()
	r.fields["hes"] = r.hes
	a := c.json("POST", "/api/v1/cities/istanbul/requests", r.api(), "Idempotency-Key", `"isolated"`)
	code, n := w.code(r.phone, 0)
	if b := c.json("POST", a.header.Get("Location")+"/code", map[string]string{"code": code}); b.status != 200 {
		t.Fatalf("pair: got %d\n%s", b.status, b.body)
	}
	w.until("the notice", func() bool {
		for _, m := range w.outside.Inbox(r.phone, n) {
			if strings.Contains(m.Text, "Icisleri") {
				return true
			}
		}
		return false
	})
	v := w.validator("istanbul")
	w.until("the stop at the validator", func() bool { return v.hold(r.card) == gate.Refuse })
	time.Sleep(3 * time.Second) // more than a look of the worker's
	if got := w.outside.Reports(); len(got) != 0 {
		t.Fatalf("a ride within minutes of the notice was reported: %s", got[0].Opened)
	}
	w.pass(2 * time.Hour)
	held := w.clock()
	w.until("the report", func() bool {
		if v.hold(r.card) != gate.Refuse {
			t.Fatal("the validator let a stopped card in")
		}
		return len(w.outside.Reports()) > 0
	})
	t.Logf("from the first tap to the ministry: %v", w.clock().Sub(held).Round(time.Millisecond))
	var says struct {
		Says, Number, City string
		Stop               uint32
		Earliest           time.Time `json:"tap_earliest"`
		Latest             time.Time `json:"tap_latest"`
		Told               time.Time `json:"notice"`
	}
	if err := json.Unmarshal(w.outside.Reports()[0].Opened, &says); err != nil {
		t.Fatal(err)
	}
	if says.Says != "card_registered_to" || says.Number != r.id.Reveal() || says.City != "istanbul" || says.Stop != 44 {
		t.Errorf("the report says %+v", says)
	}
	if !says.Earliest.After(says.Told) || says.Latest.Before(held.Add(-time.Second)) || says.Latest.After(w.clock()) {
		t.Errorf("the tap was from %v to %v, told %v, held %v", says.Earliest, says.Latest, says.Told, held)
	}
	if strings.Contains(w.log.String(), r.id.Reveal()) {
		t.Error("the log holds the holder's number")
	}

	w.outside.Flip(health.RestoreCode(r.hes), false)
	w.pass(24 * time.Hour)
	lifted := time.Now()
	w.until("the withdrawal", func() bool { rs := w.outside.Reports(); return !rs[0].Withdrawn.IsZero() })
	t.Logf("withdrawn %v after the clock reached the next question", time.Since(lifted).Round(time.Millisecond))
	w.until("the open gate", func() bool { return v.hold(r.card) == gate.Admit })

	resp, err := http.Get(w.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`turnike_reports{city="istanbul",state="withdrawn"} 1`, `turnike_attempts_considered_total{city="istanbul",why=""} 1`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("metrics: want %s among\n%s", want, grep(string(body), "turnike_report", "turnike_attempts"))
		}
	}
}

// grep keeps the lines that begin so.
func grep(text string, begins ...string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		for _, b := range begins {
			if strings.HasPrefix(line, b) {
				out.WriteString(line)
			}
		}
	}
	return out.String()
}
