package citizen

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/pairing"
	"turnike/internal/web/assets"
)

// noon is three days before İstanbul's deadline of 15 January 2021.
var noon = time.Date(2021, 1, 12, 12, 0, 0, 0, time.FixedZone("+03", 3*3600))

// counter plays the pairing service: forms are judged by the real rules and the
// real city files; what happens after is what the test says.
type counter struct {
	cities city.Set
	begun  []pairing.Input
	view   pairing.View
	err    error // of Begin once the form is right, of Enter and Resend
	typed  string
}

func (c *counter) Begin(_ context.Context, in pairing.Input) (pairing.View, error) {
	c.begun = append(c.begun, in)
	if _, err := pairing.Parse(c.cities[in.City], in, noon); err != nil {
		return pairing.View{}, err
	}
	if c.err != nil {
		err := c.err
		if errors.Is(err, pairing.ErrKeyReused) {
			c.err = nil
		}
		return pairing.View{}, err
	}
	c.view.City, c.view.Kind, c.view.Token = in.City, in.Kind, "token"
	return c.view, nil
}

func (c *counter) Enter(_ context.Context, _, token, typed string) (pairing.View, error) {
	c.typed = typed
	if token != "token" {
		return pairing.View{}, pairing.ErrNoRequest
	}
	return c.view, c.err
}

func (c *counter) Resend(_ context.Context, _, token string) (pairing.View, error) {
	if token != "token" {
		return pairing.View{}, pairing.ErrNoRequest
	}
	return c.view, c.err
}

func (c *counter) Look(_ context.Context, _, token string) (pairing.View, error) {
	if token != "token" {
		return pairing.View{}, pairing.ErrNoRequest
	}
	return c.view, nil
}

// visit is one citizen's browser: it keeps cookies and follows nothing.
type visit struct {
	t       testing.TB
	c       *counter
	h       http.Handler
	cookies map[string]string
	lang    i18n.Lang
}

func open(t testing.TB) *visit {
	t.Helper()
	cities, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{cities: cities, view: pairing.View{Stage: pairing.StageCode, Phone: "05** *** ** 67", Card: "3456", Reference: "ABCDE-12345", At: noon, Left: 5}}
	s, err := New(Config{Pairing: c, Cities: func() city.Set { return cities }, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &visit{t: t, c: c, h: s.Handler(), cookies: map[string]string{}, lang: i18n.Turkish}
}

func (v *visit) do(r *http.Request) (int, string, string) {
	v.t.Helper()
	r.Header.Set("Accept-Language", string(v.lang))
	for n, c := range v.cookies {
		r.AddCookie(&http.Cookie{Name: n, Value: c})
	}
	w := httptest.NewRecorder()
	v.h.ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		v.cookies[c.Name] = c.Value
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), string(body)
}

func (v *visit) get(path string) (int, string, string) {
	v.t.Helper()
	return v.do(httptest.NewRequest("GET", path, nil))
}

func (v *visit) post(path string, form url.Values) (int, string, string) {
	v.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.do(r)
}

// fields are the controls of the page's form and what they hold.
func fields(t testing.TB, body string) url.Values {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out := url.Values{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		a := map[string]string{}
		for _, x := range n.Attr {
			a[x.Key] = x.Val
		}
		_, checked := a["checked"]
		_, selected := a["selected"]
		switch {
		case n.Data == "input" && (a["type"] == "checkbox" || a["type"] == "radio"):
			if checked {
				out.Add(a["name"], a["value"])
			} else if _, there := out[a["name"]]; !there {
				out[a["name"]] = nil
			}
		case n.Data == "input":
			out.Set(a["name"], a["value"])
		case n.Data == "select":
			out[a["name"]] = nil
		case n.Data == "option" && selected && a["value"] != "":
			out.Set(nameOf(n), a["value"])
		}
	}
	return out
}

func nameOf(option *html.Node) string {
	for _, x := range option.Parent.Attr {
		if x.Key == "name" {
			return x.Val
		}
	}
	return ""
}

// ayse fills in whatever İstanbul asks. The numbers are well formed and
// nobody's.
func ayse() url.Values {
	return url.Values{
		"first_name": {"Ayşe"}, "last_name": {"Işık"}, "id": {"10000000146"}, "birth_day": {"27"}, "birth_month": {"3"}, "birth_year": {"1954"},
		"email": {"ayse@ornek.example"}, "card": {"3400000000000001"}, "phone": {"0532 123 45 67"}, "hes": {"A1B2-C3D4-E5"}, "box_terms": {"1"}, "box_notice": {"1"},
	}
}

// TestFormsAskWhatTheCityFileSays holds fields and order for every city, so a
// city goes live by its file alone.
func TestFormsAskWhatTheCityFileSays(t *testing.T) {
	v := open(t)
	for id, p := range v.c.cities {
		status, _, body := v.get("/" + id + "/pair")
		if status != http.StatusOK {
			t.Fatalf("%s: status %d", id, status)
		}
		last := 0
		for _, name := range append(append([]string{}, p.Form.Fields...), p.Form.Contact...) {
			if name == "birth" {
				name = "birth_day"
			}
			at := strings.Index(body, `name="`+name+`"`)
			if at < 0 {
				t.Errorf("%s: field %s is not asked", id, name)
			}
			if at < last {
				t.Errorf("%s: field %s stands before the one it should follow", id, name)
			}
			last = at
		}
		for _, b := range p.Form.Boxes {
			if !strings.Contains(body, `name="box_`+b.ID+`"`) || !strings.Contains(body, html.EscapeString(b.Text.In("tr"))) {
				t.Errorf("%s: box %s is missing", id, b.ID)
			}
		}
		if !strings.Contains(body, html.EscapeString(p.Form.Button.In("tr"))) {
			t.Errorf("%s: the button does not say %q", id, p.Form.Button.In("tr"))
		}
		asked := fields(t, body)
		if _, ok := asked["passport"]; ok != (p.Takes(3) && p.Asks("id")) && id != "gaziantep" {
			t.Errorf("%s: passport is asked %t", id, ok)
		}
		if !strings.Contains(body, assets.CSSPath(theme(p), i18n.Turkish)) {
			t.Errorf("%s: the page wears another city's colour", id)
		}
	}
}

func TestWholePairing(t *testing.T) {
	v := open(t)
	_, _, page := v.get("/istanbul/pair")
	form := ayse()
	form.Set("_key", fields(t, page).Get("_key"))
	status, to, _ := v.post("/istanbul/pair", form)
	if status != http.StatusSeeOther || to != "/istanbul/code" {
		t.Fatalf("form: got %d to %q, want 303 to /istanbul/code", status, to)
	}
	if in := v.c.begun[0]; in.Key == "" || in.Key != form.Get("_key") || in.Channel != "web" || in.Lang != "tr" || in.Fields["card"] != "3400000000000001" {
		t.Errorf("the service was given key %q, channel %q, language %q", in.Key, in.Channel, in.Lang)
	}
	_, _, page = v.get(to)
	if !strings.Contains(page, "05** *** ** 67") {
		t.Error("the code page does not say where the code went")
	}
	v.c.view.Stage = pairing.StageReceived
	status, to, _ = v.post("/istanbul/code", url.Values{"code": {"493028"}, "_request": {"token"}})
	if status != http.StatusSeeOther || to != "/istanbul/done" || v.c.typed != "493028" {
		t.Fatalf("code: got %d to %q with %q", status, to, v.c.typed)
	}
	status, _, page = v.get(to)
	for _, want := range []string{"ABCDE-12345", "3456", "12 Ocak 2021 12:00", "İstanbulkart"} {
		if !strings.Contains(page, want) {
			t.Errorf("receipt (%d) lacks %q", status, want)
		}
	}
	for _, secret := range []string{"10000000146", "3400000000000001", "Işık", "A1B2"} {
		if strings.Contains(page, secret) {
			t.Errorf("receipt shows %q", secret)
		}
	}
}

// TestEveryFault puts every wrong value into every field, in three languages:
// the sentence stands at the field and in the summary, the rest stays typed.
func TestEveryFault(t *testing.T) {
	v := open(t)
	for _, l := range i18n.Langs() {
		v.lang = l
		for _, c := range []struct{ field, value, code string }{
			{"first_name", "", "name.missing"}, {"first_name", "Ахмед", "name.letters"}, {"first_name", "Ay\u202eşe", "name.hidden"},
			{"last_name", strings.Repeat("a", 80), "name.long"},
			{"id", "", "id.missing"}, {"id", "1000000014", "id.length"}, {"id", "1000000014x", "id.digits"}, {"id", "10000000147", "id.checksum"},
			{"birth_day", "31x", "birth.shape"}, {"birth_year", "2150", "birth.future"}, {"birth_year", "1850", "birth.old"},
			{"email", "ayse", "email.shape"}, {"email", "", "email.missing"},
			{"card", "", "card.missing"}, {"card", "340000000000000x", "card.digits"}, {"card", "3400", "card.length"}, {"card", "3999999999999999", "card.unissued"},
			{"phone", "", "phone.missing"}, {"phone", "0212 123 45 67", "phone.landline"}, {"phone", "+44 7700 900123", "phone.foreign"}, {"phone", "532", "phone.shape"},
			{"hes", "", "hes.missing"}, {"hes", "A1B2", "hes.shape"},
			{"box_terms", "", "box.required"},
			{"first_name", strings.Repeat("a", 500), "field.unreadable"},
		} {
			form := ayse()
			form.Set(c.field, c.value)
			status, _, page := v.post("/istanbul/pair", form)
			if status != http.StatusUnprocessableEntity {
				t.Errorf("%s %s=%q: status %d, want 422", l, c.field, c.value, status)
				continue
			}
			id := c.field
			if strings.HasPrefix(id, "birth_") {
				id = "birth"
			}
			if !strings.Contains(page, `id="`+id+`-error"`) {
				t.Errorf("%s %s=%q: no message at the field", l, c.field, c.value)
			}
			if !strings.Contains(page, `class="t-error-summary"`) {
				t.Errorf("%s %s=%q: no summary", l, c.field, c.value)
			}
			plain := strings.NewReplacer("\u2066", "", "\u2068", "", "\u2069", "")
			start := plain.Replace(i18n.T(l, "fault."+c.code, "want", "16"))
			if !strings.Contains(plain.Replace(page), html.EscapeString(start)) {
				t.Errorf("%s %s=%q: the page does not say %q", l, c.field, c.value, start)
			}
			if strings.Contains(page, "&lt;no value&gt;") || regexp.MustCompile(`\[[a-z]+\.[a-z_.]+\]`).MatchString(page) {
				t.Errorf("%s %s=%q: a hole in a sentence", l, c.field, c.value)
			}
			kept := fields(t, page)
			for name, want := range form {
				if name != c.field && kept.Get(name) != want[0] {
					t.Errorf("%s %s=%q: %s came back as %q, want %q", l, c.field, c.value, name, kept.Get(name), want[0])
				}
			}
		}
	}
}

func TestLanguageSwitchJudgesNothing(t *testing.T) {
	v := open(t)
	form := url.Values{"first_name": {"Ayşe"}, "_lang": {"ar"}, "_key": {"key"}}
	status, _, page := v.post("/istanbul/pair", form)
	if status != http.StatusOK || !strings.Contains(page, `dir="rtl"`) || strings.Contains(page, `class="t-error-summary"`) {
		t.Errorf("status %d, right to left %t", status, strings.Contains(page, `dir="rtl"`))
	}
	kept := fields(t, page)
	if kept.Get("first_name") != "Ayşe" || kept.Get("_key") != "key" {
		t.Errorf("kept %v", kept)
	}
	if len(v.c.begun) != 0 {
		t.Errorf("a request was begun")
	}
	if v.cookies["lang"] != "ar" {
		t.Errorf("the language is not remembered: %v", v.cookies)
	}
}

// TestChangedFormIsAnotherRequest: somebody goes back, changes a field and sends
// the same page again.
func TestChangedFormIsAnotherRequest(t *testing.T) {
	v := open(t)
	v.c.err = pairing.ErrKeyReused
	status, to, _ := v.post("/istanbul/pair", ayse())
	if status != http.StatusSeeOther || to != "/istanbul/code" || len(v.c.begun) != 2 || v.c.begun[0].Key == v.c.begun[1].Key {
		t.Errorf("got %d to %q after %d attempts", status, to, len(v.c.begun))
	}
}

func TestCodeFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		form   url.Values
		status int
		says   string
		typed  string
	}{
		{"wrong", fault.List{pairing.ErrCodeWrong.On("code").With("left", 3)}, url.Values{"code": {"111111"}}, 422, "Kalan deneme hakkı: 3", "111111"},
		{"expired", fault.List{pairing.ErrCodeExpired.On("code")}, url.Values{"code": {"111111"}}, 410, i18n.T(i18n.Turkish, "fault.code.expired"), "111111"},
		{"dead", fault.List{pairing.ErrCodeDead}, url.Values{"code": {"111111"}}, 410, i18n.T(i18n.Turkish, "fault.code.dead"), ""},
		{"lapsed", pairing.ErrLapsed, url.Values{"again": {"1"}}, 410, i18n.T(i18n.Turkish, "fault.request.lapsed"), ""},
		{"too soon", pairing.ErrCodeSoon.After(42 * time.Second), url.Values{"again": {"1"}}, 429, "1 dakika", ""},
		{"away", pairing.ErrSMSAway, url.Values{"again": {"1"}}, 503, i18n.T(i18n.Turkish, "fault.sms.away"), ""},
	} {
		v := open(t)
		v.c.err = c.err
		c.form.Set("_request", "token")
		status, _, page := v.post("/istanbul/code", c.form)
		if status != c.status || !strings.Contains(page, html.EscapeString(c.says)) {
			t.Errorf("%s: status %d, want %d with %q", c.name, status, c.status, c.says)
		}
		if got := fields(t, page).Get("code"); got != c.typed {
			t.Errorf("%s: the field holds %q, want %q", c.name, got, c.typed)
		}
	}
}

func TestResendSaysSo(t *testing.T) {
	v := open(t)
	v.c.view.Token = "token"
	_, to, _ := v.post("/istanbul/code", url.Values{"again": {"1"}, "_request": {"token"}})
	_, _, page := v.get(to)
	if !strings.Contains(page, i18n.T(i18n.Turkish, "code.resent")) {
		t.Errorf("%s does not say that a code was sent", to)
	}
}

// TestAmend: the ministry refused a field after the phone was proven.
func TestAmend(t *testing.T) {
	v := open(t)
	v.c.view.Kind, v.c.view.Stage, v.c.view.Token = pairing.Pair, pairing.StageAmend, "token"
	v.c.view.Faults = fault.List{fault.New(fault.Invalid, "hes.unknown").On("hes")}
	v.c.view.Fields = map[string]string{"first_name": "Ayşe", "hes": "NONE123456"}
	status, to, _ := v.post("/istanbul/code", url.Values{"code": {"493028"}, "_request": {"token"}})
	if status != http.StatusSeeOther || to != "/istanbul/pair?again" {
		t.Fatalf("got %d to %q", status, to)
	}
	status, _, page := v.get(to)
	got := fields(t, page)
	if status != http.StatusUnprocessableEntity || got.Get("_after") != "token" || got.Get("first_name") != "Ayşe" || !strings.Contains(page, `id="hes-error"`) {
		t.Errorf("status %d, after %q, name %q", status, got.Get("_after"), got.Get("first_name"))
	}
}

func TestNobodyElsesRequest(t *testing.T) {
	v := open(t)
	for _, path := range []string{"/istanbul/code", "/istanbul/done"} {
		status, _, page := v.get(path)
		if status != http.StatusNotFound || !strings.Contains(page, i18n.T(i18n.Turkish, "fault.request.unknown")) {
			t.Errorf("%s without a request: status %d", path, status)
		}
	}
	// A form asked for again without a request of one's own is an empty one.
	v.c.view.Fields = map[string]string{"first_name": "Ayşe"}
	if _, _, page := v.get("/istanbul/pair?again"); fields(t, page).Get("first_name") != "" {
		t.Error("somebody's name came back to a browser without their request")
	}
}

func TestKinds(t *testing.T) {
	for kind, want := range map[pairing.Kind][]string{
		pairing.Status: {"card", "phone"}, pairing.Unpair: {"card", "phone"}, pairing.Renew: {"card", "phone", "hes"}, pairing.Move: {"card", "new_card", "phone"},
	} {
		v := open(t)
		_, _, page := v.get("/istanbul/card/" + string(kind))
		got := fields(t, page)
		for _, f := range want {
			if _, ok := got[f]; !ok {
				t.Errorf("%s does not ask %s", kind, f)
			}
		}
		if len(got) != len(want)+1 { // and the key
			t.Errorf("%s asks %v, want %v", kind, got, want)
		}
		form := ayse()
		form.Set("new_card", "3400000000000002")
		if status, to, _ := v.post("/istanbul/card/"+string(kind), form); status != http.StatusSeeOther || to != "/istanbul/code" {
			t.Errorf("%s: got %d to %q", kind, status, to)
		}
		if in := v.c.begun[0]; in.Kind != kind || in.Fields["first_name"] != "" {
			t.Errorf("%s: the service was given %s and fields nobody asked: %v", kind, in.Kind, in.Fields["first_name"] != "")
		}
	}
}

func TestDeadline(t *testing.T) {
	cities, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	p := cities["istanbul"]
	ctx := i18n.With(t.Context(), i18n.English)
	for _, c := range []struct {
		now    time.Time
		want   string
		passed bool
	}{
		{noon, "You have 2 days 12 hours left to pair your card. Last day: Thursday 14 January 2021.", false},
		{time.Date(2021, 1, 14, 23, 59, 30, 0, p.Location()), "You have 1 minute left to pair your card. Last day: Thursday 14 January 2021.", false},
		{time.Date(2021, 1, 15, 0, 0, 0, 0, p.Location()), "The deadline passed on 15 January 2021.", true},
		{time.Date(2020, 11, 1, 0, 0, 0, 0, p.Location()), "", false},
	} {
		got, passed := deadline(ctx, p, c.now)
		if !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") || passed != c.passed {
			t.Errorf("%v: got %q, passed %t, want %q, %t", c.now, got, passed, c.want, c.passed)
		}
	}
}

func TestCountries(t *testing.T) {
	for l, want := range map[i18n.Lang]string{i18n.Turkish: "Suriye", i18n.English: "Syria", i18n.Arabic: "سوريا"} {
		cs := countries()[l]
		if len(cs) < 190 || len(cs) > 260 {
			t.Errorf("%s: %d countries", l, len(cs))
		}
		found := false
		for _, c := range cs {
			found = found || c.Value == "SY" && c.Label == want
			if c.Value == "TR" {
				t.Errorf("%s: Türkiye is offered as a foreign passport's country", l)
			}
		}
		if !found {
			t.Errorf("%s: no %s", l, want)
		}
	}
	if n := len(provinces()); n != 81 {
		t.Errorf("%d provinces, want 81", n)
	}
}

// FuzzPair posts any text in any field: the form comes back or goes on; it is
// never a fault of ours, and nothing typed becomes markup.
func FuzzPair(f *testing.F) {
	f.Add("first_name", `"><script>alert(1)</script>`)
	f.Add("card", "３４０００００００００００００１")
	f.Add("birth_day", "\u202e1")
	f.Add("province", "İzmir")
	f.Add("doc", "passport")
	f.Add("_lang", "ar")
	v := open(f)
	f.Fuzz(func(t *testing.T, name, value string) {
		v.t, v.lang, v.cookies, v.c.begun = t, i18n.Turkish, map[string]string{}, nil
		form := ayse()
		form.Set(name, value)
		status, _, page := v.post("/istanbul/pair", form)
		if status >= 500 {
			t.Errorf("%q=%q: status %d", name, value, status)
		}
		if strings.Contains(page, "<script>alert") {
			t.Errorf("%q=%q became markup", name, value)
		}
	})
}

// BenchmarkPages is what drawing the pages of one pairing costs a server, zipped
// as they go out.
func BenchmarkPages(b *testing.B) {
	v := open(b)
	v.cookies[requestCookie] = "token"
	v.c.view.Token, v.c.view.Kind = "token", pairing.Pair
	for _, path := range []string{"/istanbul/", "/istanbul/pair", "/izmir/pair", "/istanbul/code"} {
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest("GET", path, nil)
				r.Header.Set("Accept-Encoding", "gzip")
				r.AddCookie(&http.Cookie{Name: requestCookie, Value: "token"})
				w := httptest.NewRecorder()
				v.h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("%s: status %d", path, w.Code)
				}
				b.SetBytes(int64(w.Body.Len()))
			}
		})
	}
}
