package api_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/api"
	"turnike/internal/city"
	"turnike/internal/pairing"
	"turnike/internal/sandbox"
)

func TestPairACard(t *testing.T) {
	w := newWorld(t)
	phone := w.phone()
	a := w.begin("istanbul", w.istanbul("3400 0000 0000 1234", phone)).want(201)
	if got, want := a.at("stage"), "code"; got != want {
		t.Errorf("stage: got %q, want %q", got, want)
	}
	if got, want := a.header.Get("Location"), "/api/v1/cities/istanbul/requests/"+a.at("token"); got != want {
		t.Errorf("Location: got %q, want %q", got, want)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control: got %q, want no-store", got)
	}
	b := w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(phone)}).want(200)
	if got := b.at("stage"); got != "received" {
		t.Errorf("stage after the code: got %q, want received\n%s", got, b.body)
	}
	w.deliver()
	texts := w.sandbox.Inbox("90"+phone, 0)
	if len(texts) != 2 {
		t.Fatalf("texts on the phone: got %d, want 2: the code and the result", len(texts))
	}
	c := w.call("GET", a.header.Get("Location"), nil).want(200)
	if got := c.at("reference"); got != a.at("reference") {
		t.Errorf("reference: got %q, want %q", got, a.at("reference"))
	}
}

// TestEveryCity pairs a card in each city by what its own description asks,
// as a client would that knows no city beforehand.
func TestEveryCity(t *testing.T) {
	w := newWorld(t)
	id := sandbox.TCKN("301234567").Reveal()
	cards := map[string]string{"istanbul": "3400000000005678", "turkiye": "0612345678901234"}
	for _, c := range w.call("GET", "/api/v1/cities", nil).want(200).json()["cities"].([]any) {
		name := c.(map[string]any)["id"].(string)
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			about := w.call("GET", "/api/v1/cities/"+name, nil).want(200).json()
			form := about["forms"].([]any)[0].(map[string]any)
			phone := w.phone()
			fields, boxes := map[string]string{}, map[string]bool{}
			for _, f := range form["fields"].([]any) {
				f := f.(map[string]any)
				if f["when"] != nil {
					continue
				}
				fields[f["name"].(string)] = map[string]string{
					"citizen": "tc", "province": "06", "doc": "tckn", "id": id, "first_name": "Ayşe", "last_name": "Yılmaz", "birth": "1985-03-12",
					"email": "ayse@example.com", "phone": phone, "hes": hesFor(t, id, "Ayşe", "Yılmaz", sandbox.Riskless), "card": cardOf(t, name, cards),
				}[f["name"].(string)]
			}
			if b, ok := form["boxes"].([]any); ok {
				for _, b := range b {
					boxes[b.(map[string]any)["id"].(string)] = true
				}
			}
			a := w.begin(name, map[string]any{"kind": "pair", "fields": fields, "boxes": boxes}).want(201)
			b := w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(phone)}).want(200)
			if got := b.at("stage"); got != "received" {
				t.Errorf("stage: got %q, want received\n%s", got, b.body)
			}
		})
	}
}

// TestForeigners pairs by the other two documents.
func TestForeigners(t *testing.T) {
	w := newWorld(t)
	for doc, id := range map[string]string{"ykn": sandbox.TCKN("991234567").Reveal(), "passport": "N01234567"} {
		t.Run(doc, func(t *testing.T) {
			w := w.in(t)
			phone := w.phone()
			form := w.istanbul("3400000000001234", phone)
			f := form["fields"].(map[string]any)
			f["doc"], f["first_name"], f["last_name"], f["birth"] = doc, "Layla", "Haddad", "1990-09-09"
			f["hes"] = hesFor(t, id, "Layla", "Haddad", sandbox.Riskless)
			if f["id"] = id; doc == "passport" {
				delete(f, "id")
				f["passport"] = id
				w.begin("istanbul", form).problem(422, "country.missing")
				f["country"] = "SY"
			}
			a := w.begin("istanbul", form).want(201)
			b := w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(phone)}).want(200)
			if got := b.at("stage"); got != "received" {
				t.Errorf("stage: got %q, want received\n%s", got, b.body)
			}
			f["doc"] = map[string]string{"ykn": "tckn", "passport": "ykn"}[doc]
			w.begin("istanbul", form).want(422)
		})
	}
}

// cardOf is a card number that a city issued.
func cardOf(t *testing.T, name string, known map[string]string) string {
	t.Helper()
	if n := known[name]; n != "" {
		return n
	}
	cities, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	sc := cities[name].Schemes[0]
	for last := range 1000 {
		n := fmt.Sprintf("%0*d", sc.Digits, last)
		if len(sc.Ranges) > 0 {
			n = fmt.Sprint(sc.Ranges[0].First)
			n = fmt.Sprintf("%0*s", int(sc.Digits)-len(fmt.Sprintf("%03d", last)), n)
			n = n[:int(sc.Digits)-3] + fmt.Sprintf("%03d", last)
		}
		if sc.Prefix != "" {
			n = sc.Prefix + n[len(sc.Prefix):]
		}
		if c, err := cities[name].ParseCard(n); err == nil {
			if _, issued := cities[name].Place(c, anyKey(t)); issued {
				return n
			}
		}
	}
	t.Fatalf("no card of %s found", name)
	return ""
}

// TestSameAnswer: an answer is the same to the byte, but for token and
// reference, whatever the card is and whoever holds it.
func TestSameAnswer(t *testing.T) {
	w := newWorld(t)
	const free, taken, stopped, lost = "3400000000001234", "3410000000001234", "3420000000001234", "3430000000001234"
	holder := w.phone()
	w.pair(taken, holder)
	w.pair(lost, w.phone())
	sick := w.istanbul(stopped, w.phone())
	f := sick["fields"].(map[string]any)
	f["hes"] = hesFor(t, f["id"].(string), "Ayşe", "Yılmaz", sandbox.Risky)
	a := w.begin("istanbul", sick).want(201)
	w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(f["phone"].(string))}).want(200)
	w.pass(25 * time.Hour)

	bare := func(kind, card, phone string) map[string]any {
		fields := map[string]any{"card": card, "phone": phone}
		switch kind {
		case "pair":
			return w.istanbul(card, phone)
		case "move":
			fields["new_card"] = "3400000000004321"
		case "renew":
			fields["hes"] = f["hes"]
		}
		return map[string]any{"kind": kind, "lang": "tr", "fields": fields}
	}
	for _, kind := range []string{"pair", "status", "unpair", "move", "renew"} {
		t.Run(kind, func(t *testing.T) {
			w := w.in(t)
			type steps struct{ begin, wrong, look string }
			var want steps
			for i, c := range []struct{ what, card, phone string }{
				{"free", free, w.phone()}, {"taken", taken, w.phone()}, {"stopped", stopped, w.phone()},
				{"taken, unknown phone", lost, w.phone()}, {"taken, the holder's phone", taken, holder},
			} {
				var got steps
				a := w.begin("istanbul", bare(kind, c.card, c.phone)).want(201)
				got.begin = masked(a)
				at := a.header.Get("Location")
				if kind != "status" {
					got.wrong = masked(w.call("POST", at+"/code", map[string]string{"code": "000000"}))
				}
				got.look = masked(w.call("GET", at, nil))
				if i == 0 {
					want = got
				}
				if got != want {
					t.Errorf("%s: got\n%+v\nwant, as for a free card,\n%+v", c.what, got, want)
				}
			}
			w.pass(25 * time.Hour)
		})
	}
}

// masked is an answer without what names the request.
func masked(a answer) string {
	m := a.json()
	s := fmt.Sprint(a.status) + " " + a.header.Get("Retry-After") + " " + string(a.body)
	for _, name := range []string{"token", "reference"} {
		if v, ok := m[name].(string); ok {
			s = strings.ReplaceAll(s, v, "<"+name+">")
		}
	}
	return s
}

// TestRightCodeSameAnswer: neither does the answer to the right code tell whose
// card it is; the pairing that was refused is told by SMS.
func TestRightCodeSameAnswer(t *testing.T) {
	w := newWorld(t)
	w.pair("3410000000001234", w.phone())
	var want string
	for i, card := range []string{"3400000000001234", "3410000000001234"} {
		phone := w.phone()
		a := w.begin("istanbul", w.istanbul(card, phone)).want(201)
		got := masked(w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(phone)}).want(200))
		if i == 0 {
			want = got
		}
		if got != want {
			t.Errorf("taken card: got\n%s\nwant, as for a free one,\n%s", got, want)
		}
	}
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	phone := w.phone()
	form := w.istanbul("3400000000001234", phone)
	const path = "/api/v1/cities/istanbul/requests"
	first := w.call("POST", path, form, "Idempotency-Key", `"the-same"`).want(201)
	for _, key := range []string{`"the-same"`, "the-same"} {
		again := w.call("POST", path, form, "Idempotency-Key", key).want(201)
		if !bytes.Equal(again.body, first.body) {
			t.Errorf("key %s again: got\n%s\nwant\n%s", key, again.body, first.body)
		}
	}
	w.deliver()
	if got := len(w.sandbox.Inbox("90"+phone, 0)); got != 1 {
		t.Errorf("texts after three sendings: got %d, want 1", got)
	}
	form["fields"].(map[string]any)["email"] = "other@example.com"
	w.call("POST", path, form, "Idempotency-Key", "the-same").problem(422, "idempotency.reused")
	w.call("POST", path, form).problem(400, "idempotency.missing")
	for _, bad := range []string{`""`, "two words", "çay", `"a"b"`, strings.Repeat("k", 201)} {
		w.call("POST", path, form, "Idempotency-Key", bad).problem(400, "idempotency.shape")
	}
}

// slow is the real service, held up until it is let go.
type slow struct {
	*pairing.Service
	entered, free chan struct{}
}

func (s slow) Begin(ctx context.Context, in pairing.Input) (pairing.View, error) {
	s.entered <- struct{}{}
	<-s.free
	return s.Service.Begin(ctx, in)
}

func TestSameKeyAtOnce(t *testing.T) {
	w := newWorld(t)
	s := slow{w.service, make(chan struct{}), make(chan struct{})}
	cities, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	w.handler, err = api.New(api.Config{Pairing: s, Cities: func() city.Set { return cities }, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	form := w.istanbul("3400000000001234", w.phone())
	const path = "/api/v1/cities/istanbul/requests"
	var wg sync.WaitGroup
	var first answer
	wg.Go(func() { first = w.call("POST", path, form, "Idempotency-Key", "k") })
	<-s.entered
	second := w.call("POST", path, form, "Idempotency-Key", "k").problem(409, "idempotency.in_flight")
	if got := second.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After: got %q, want 1", got)
	}
	close(s.free)
	wg.Wait()
	first.want(201)
	go func() { <-s.entered }()
	if third := w.call("POST", path, form, "Idempotency-Key", "k").want(201); !bytes.Equal(third.body, first.body) {
		t.Errorf("after the first: got\n%s\nwant\n%s", third.body, first.body)
	}
}

func TestCodes(t *testing.T) {
	w := newWorld(t)
	phone := w.phone()
	a := w.begin("istanbul", w.istanbul("3400000000001234", phone)).want(201)
	at := a.header.Get("Location")
	code := w.code(phone)
	wrong := "000000"
	if code == wrong {
		wrong = "000001"
	}

	w.call("POST", at+"/code", map[string]string{"code": ""}).problem(422, "code.missing")
	w.call("POST", at+"/code", map[string]string{"code": "12345"}).problem(422, "code.shape")
	b := w.call("POST", at+"/code", map[string]string{"code": wrong}).problem(422, "code.wrong")
	if got, want := b.at("errors.0.pointer"), "#/code"; got != want {
		t.Errorf("pointer: got %q, want %q", got, want)
	}
	if got := b.at("errors.0.args.left"); got != "4" {
		t.Errorf("tries left in the problem: got %q, want 4", got)
	}
	if got := w.call("GET", at, nil).want(200).at("tries_left"); got != "4" {
		t.Errorf("tries left: got %q, want 4", got)
	}

	c := w.call("POST", at+"/resend", nil).problem(429, "code.too_soon")
	if got := c.header.Get("Retry-After"); got != "60" {
		t.Errorf("Retry-After: got %q, want 60", got)
	}
	w.pass(time.Minute)
	w.call("POST", at+"/resend", "{}").want(200)
	code2 := w.code(phone)
	if code2 == code {
		t.Fatal("the second code is the first; run again, this happens once in a million")
	}
	w.call("POST", at+"/code", map[string]string{"code": code}).problem(422, "code.wrong")

	w.pass(pairing.CodeLife)
	w.call("POST", at+"/code", map[string]string{"code": code2}).problem(410, "code.expired")
	w.call("POST", at+"/resend", nil).want(200)
	w.call("POST", at+"/code", map[string]string{"code": wrong}).problem(422, "code.wrong")
	w.call("POST", at+"/code", map[string]string{"code": wrong}).problem(422, "code.wrong")
	w.call("POST", at+"/code", map[string]string{"code": wrong}).problem(410, "code.dead")
	w.call("POST", at+"/code", map[string]string{"code": w.code(phone)}).problem(410, "code.dead")
	if got := w.call("GET", at, nil).want(200).at("stage"); got != "dead" {
		t.Errorf("stage: got %q, want dead", got)
	}
}

// TestDeskOnly: a hundred wrong codes in a row, over many requests, send a
// number to a desk.
func TestDeskOnly(t *testing.T) {
	w := newWorld(t)
	phone := w.phone()
	form := w.istanbul("3400000000001234", phone)
	var at string
	for range pairing.MaxFails / pairing.MaxTries {
		at = w.begin("istanbul", form).want(201).header.Get("Location")
		wrong := fmt.Sprint((w.code(phone)[0]-'0'+1)%10) + "00000"
		for range pairing.MaxTries {
			w.call("POST", at+"/code", map[string]string{"code": wrong})
		}
		w.pass(25 * time.Hour)
	}
	w.begin("istanbul", form).problem(403, "code.desk_only")
}

func TestLapsed(t *testing.T) {
	w := newWorld(t)
	phone := w.phone()
	a := w.begin("istanbul", w.istanbul("3400000000001234", phone)).want(201)
	at := a.header.Get("Location")
	code := w.code(phone)
	w.pass(31 * time.Minute)
	w.call("POST", at+"/code", map[string]string{"code": code}).problem(410, "request.lapsed")
	w.call("POST", at+"/resend", nil).problem(410, "request.lapsed")
	if got := w.call("GET", at, nil).want(200).at("stage"); got != "lapsed" {
		t.Errorf("stage: got %q, want lapsed", got)
	}
}

// TestMend: a field that the register or the ministry refuses is named, and
// mended without a new code.
func TestMend(t *testing.T) {
	w := newWorld(t)
	phone := w.phone()
	form := w.istanbul("3400000000001234", phone)
	fields := form["fields"].(map[string]any)
	good := fields["hes"]
	fields["hes"] = hesFor(t, fields["id"].(string), "Ayşe", "Yılmaz", sandbox.Expired)
	a := w.begin("istanbul", form).want(201)
	b := w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(phone)}, "Accept-Language", "en").want(200)
	if got, want := b.at("stage"), "amend"; got != want {
		t.Fatalf("stage: got %q, want %q\n%s", got, want, b.body)
	}
	if got, want := b.at("mend.0.pointer")+" "+b.at("mend.0.code"), "#/fields/hes hes.expired"; got != want {
		t.Errorf("to mend: got %q, want %q", got, want)
	}
	if got, want := b.at("mend.0.detail"), "This HES code has expired. Get a new one."; got != want {
		t.Errorf("sentence: got %q, want %q", got, want)
	}
	fields["hes"], form["after"] = good, b.at("token")
	c := w.begin("istanbul", form).want(201)
	if got, want := c.at("stage"), "received"; got != want {
		t.Errorf("stage after mending: got %q, want %q\n%s", got, want, c.body)
	}
}

func TestNoSuchThing(t *testing.T) {
	w := newWorld(t)
	form := w.istanbul("3400000000001234", w.phone())
	w.begin("atlantis", form).problem(404, "city.unknown")
	w.call("GET", "/api/v1/cities/atlantis", nil).problem(404, "city.unknown")
	w.call("GET", "/api/v1/cities/atlantis/desks", nil).problem(404, "city.unknown")
	w.call("GET", "/api/v1/cities/istanbul/requests/nothing", nil).problem(404, "request.unknown")
	w.call("POST", "/api/v1/cities/istanbul/requests/nothing/code", map[string]string{"code": "123456"}).problem(404, "request.unknown")
	w.call("POST", "/api/v1/cities/istanbul/requests/nothing/resend", nil).problem(404, "request.unknown")
	w.call("GET", "/api/v2", nil).problem(404, "path.unknown")
	w.call("GET", "/api/problems/no.such", nil).problem(404, "path.unknown")
	a := w.call("DELETE", "/api/v1/cities", nil).problem(405, "method.unknown")
	if got := a.header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow: got %q, want \"GET, HEAD\"", got)
	}
	// A token of one city says nothing in another.
	token := w.begin("istanbul", form).want(201).at("token")
	w.call("GET", "/api/v1/cities/izmir/requests/"+token, nil).problem(404, "request.unknown")
}

func TestOurFailure(t *testing.T) {
	w := newWorld(t)
	cities, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	h, err := api.New(api.Config{Pairing: broken{}, Cities: func() city.Set { return cities }, Now: w.clock, Log: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/cities/istanbul/requests/fails", "/api/v1/cities/istanbul/requests/panics"} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		a := answer{t, rec.Code, rec.Header(), rec.Body.Bytes()}.problem(500, "ours")
		if a.at("reference") == "" {
			t.Errorf("%s: no reference", path)
		}
		if strings.Contains(rec.Body.String(), "disk") {
			t.Errorf("%s: the cause is told: %s", path, rec.Body)
		}
		if ref := a.at("reference"); !strings.Contains(w.log.String(), ref) {
			t.Errorf("%s: the log does not have reference %s", path, ref)
		}
	}
}

// broken fails as a store with a bad disk would, and as a bug would.
type broken struct{ *pairing.Service }

func (broken) Look(_ context.Context, _, token string) (pairing.View, error) {
	if token == "panics" {
		panic("disk")
	}
	return pairing.View{}, fmt.Errorf("look at request: %w", http.ErrBodyNotAllowed)
}
