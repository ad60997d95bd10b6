package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// planted stands for an identity number wherever it does not belong.
const planted = "19090909018"

// leaks tells where a planted number came out again.
func (w *world) leaks(a answer) {
	w.t.Helper()
	if bytes.Contains(a.body, []byte(planted)) {
		w.t.Errorf("the answer repeats the number: %s", a.body)
	}
	for name, v := range a.header {
		if strings.Contains(strings.Join(v, " "), planted) && name != "Location" {
			w.t.Errorf("header %s repeats the number: %s", name, v)
		}
	}
	if log := w.log.String(); strings.Contains(log, planted) {
		w.t.Errorf("the log holds the number:\n%.2000s", log)
	}
}

func TestNothingRefusedIsRepeated(t *testing.T) {
	w := newWorld(t)
	bodies := map[string]string{
		"not JSON":            planted,
		"broken":              `{"kind":"` + planted,
		"kind":                `{"kind":"` + planted + `","fields":{}}`,
		"kind as a number":    `{"kind":` + planted + `,"fields":{}}`,
		"lang":                `{"kind":"pair","lang":"` + planted + `","fields":{}}`,
		"after":               `{"kind":"pair","after":"` + planted + `","fields":{}}`,
		"unexpected":          `{"kind":"pair","fields":{},"tckn":"` + planted + `"}`,
		"unexpected name":     `{"kind":"pair","fields":{},"` + planted + `":1}`,
		"unexpected object":   `{"kind":"pair","fields":{},"x":{"y":["` + planted + `"]}}`,
		"fields as text":      `{"kind":"pair","fields":"` + planted + `"}`,
		"fields as a list":    `{"kind":"pair","fields":["` + planted + `"]}`,
		"unknown field":       `{"kind":"pair","fields":{"tc_kimlik":"` + planted + `"}}`,
		"unknown field name":  `{"kind":"pair","fields":{"` + planted + `":"x"}}`,
		"name stands twice":   `{"kind":"pair","fields":{"` + planted + `":"x","` + planted + `":"y"}}`,
		"box as text":         `{"kind":"pair","fields":{},"boxes":{"terms":"` + planted + `"}}`,
		"unknown box":         `{"kind":"pair","fields":{},"boxes":{"` + planted + `":true}}`,
		"field not asked for": `{"kind":"pair","fields":{"new_card":"` + planted + `"}}`,
	}
	for _, f := range []string{"citizen", "province", "doc", "id", "passport", "country", "first_name", "last_name", "birth", "email", "card", "new_card", "phone", "hes"} {
		for what, v := range map[string]string{
			"text": `"` + planted + `"`, "text with a letter": `"x` + planted + `"`, "number": planted, "list": `["` + planted + `"]`,
			"object": `{"` + planted + `":"` + planted + `"}`, "bidi": "\"\u202e" + planted + "\"", "half a pair": `"` + planted + `\ud800"`,
			"long": `"` + planted + strings.Repeat("9", 500) + `"`,
		} {
			for _, kind := range []string{"pair", "move"} {
				bodies[f+" as "+what+" in "+kind] = `{"kind":"` + kind + `","fields":{"` + f + `":` + v + `}}`
			}
		}
	}
	for what, body := range bodies {
		for i, c := range []string{"istanbul", "turkiye"} {
			l := []string{"tr", "en", "ar"}[(len(what)+i)%3] // each sees each somewhere; all of them would take a minute
			t.Run(what+"/"+c+"/"+l, func(t *testing.T) {
				w := w.in(t)
				a := w.begin(c, body, "Accept-Language", l)
				if a.status < 400 || a.status >= 500 {
					t.Errorf("status: got %d, want 4xx", a.status)
				}
				if got := a.header.Get("Content-Language"); got != l {
					t.Errorf("Content-Language: got %q, want %q", got, l)
				}
				w.leaks(a)
			})
		}
	}
	good, _ := json.Marshal(w.istanbul("3400000000001234", w.phone()))
	w.leaks(w.call("POST", "/api/v1/cities/istanbul/requests", good, "Idempotency-Key", planted+" "))
	w.leaks(w.call("POST", "/api/v1/cities/istanbul/requests", good, "Idempotency-Key", "k", "Content-Type", "text/"+planted))
	at := "/api/v1/cities/istanbul/requests/x"
	for _, body := range []string{`{"code":"` + planted + `"}`, `{"code":` + planted + `}`, `{"` + planted + `":1}`, `"` + planted + `"`} {
		w.leaks(w.call("POST", at+"/code", body))
		w.leaks(w.call("POST", at+"/resend", body))
	}
	w.leaks(w.call("GET", "/api/v1/cities?limit="+planted, nil))
	w.leaks(w.call("GET", "/api/v1/cities?limit=x"+planted, nil))
	w.leaks(w.call("GET", "/api/v1/cities?cursor="+planted, nil))
	w.leaks(w.call("GET", "/api/v1/cities/istanbul/desks?kind="+planted, nil))
	w.leaks(w.call("GET", "/api/v1/cities/"+planted, nil))
	w.leaks(w.call("GET", "/api/problems/"+planted, nil))
	w.leaks(w.call("GET", at+planted, nil))
}

func TestBadInput(t *testing.T) {
	w := newWorld(t)
	fields := func(change func(map[string]any)) map[string]any {
		form := w.istanbul("3400000000001234", w.phone())
		change(form["fields"].(map[string]any))
		return form
	}
	set := func(name string, v any) map[string]any { return fields(func(f map[string]any) { f[name] = v }) }
	form := func(change func(map[string]any)) map[string]any {
		f := w.istanbul("3400000000001234", w.phone())
		change(f)
		return f
	}
	for what, c := range map[string]struct {
		body          any
		status        int
		code, pointer string
	}{
		"empty":             {"", 400, "body.empty", ""},
		"blank":             {" \n", 400, "body.empty", ""},
		"not JSON":          {"kind=pair", 400, "body.json", ""},
		"cut off":           {`{"kind":"pair"`, 400, "body.json", ""},
		"two values":        {`{} {}`, 400, "body.json", ""},
		"not UTF-8":         {"{\"kind\":\"pa\xffir\"}", 400, "body.json", ""},
		"UTF-16":            {"{\x00\"\x00", 400, "body.json", ""},
		"deep":              {strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000), 400, "body.json", ""},
		"a list":            {"[]", 422, "field.type", "#"},
		"null":              {"null", 422, "field.type", "#"},
		"name twice":        {`{"kind":"pair","kind":"pair"}`, 400, "body.twice", ""},
		"empty object":      {"{}", 422, "form.invalid", "#/kind"},
		"no fields":         {`{"kind":"pair"}`, 422, "field.missing", "#/fields"},
		"null fields":       {`{"kind":"pair","fields":null}`, 422, "field.type", "#/fields"},
		"unknown kind":      {form(func(f map[string]any) { f["kind"] = "steal" }), 422, "field.choice", "#/kind"},
		"unknown language":  {form(func(f map[string]any) { f["lang"] = "de" }), 422, "field.choice", "#/lang"},
		"unknown name":      {form(func(f map[string]any) { f["extra"] = 1 }), 422, "field.unknown", "#"},
		"unknown field":     {set("extra", "x"), 422, "field.unknown", "#/fields"},
		"field of others":   {set("citizen", "tc"), 422, "field.unknown", "#/fields/citizen"},
		"number":            {set("card", 3400000000001234), 422, "field.type", "#/fields/card"},
		"unticked":          {form(func(f map[string]any) { f["boxes"] = map[string]any{"terms": true, "notice": false} }), 422, "box.required", "#/boxes/notice"},
		"unknown box":       {form(func(f map[string]any) { f["boxes"].(map[string]any)["more"] = true }), 422, "field.unknown", "#/boxes"},
		"box with status":   {map[string]any{"kind": "status", "fields": map[string]any{"card": "3400000000001234", "phone": "5320000111"}, "boxes": map[string]any{"terms": true}}, 422, "field.unknown", "#/boxes/terms"},
		"card too short":    {set("card", "34000000"), 422, "card.length", "#/fields/card"},
		"card never issued": {set("card", "3499000000000000"), 422, "card.unissued", "#/fields/card"},
		"bad check digit":   {set("id", "10000000145"), 422, "id.checksum", "#/fields/id"},
		"signed remainder":  {set("id", "1909090901"), 422, "id.length", "#/fields/id"},
		"landline":          {set("phone", "02123456789"), 422, "phone.landline", "#/fields/phone"},
		"birth":             {set("birth", "1985-02-30"), 422, "birth.shape", "#/fields/birth"},
		"bidi control":      {set("first_name", "A\u202eyşe"), 422, "name.hidden", "#/fields/first_name"},
		"half a pair":       {strings.Replace(string(must(json.Marshal(w.istanbul("3400000000001234", w.phone())))), "Ayşe", `\ud83dAyşe`, 1), 422, "field.unreadable", "#/fields/first_name"},
		"control character": {set("email", "a\x00b@example.com"), 422, "field.unreadable", "#/fields/email"},
		"too long":          {set("email", strings.Repeat("e", 401)), 422, "field.unreadable", "#/fields/email"},
		"no such document":  {set("doc", "driving licence"), 422, "document.not_taken", "#/fields/doc"},
	} {
		t.Run(what, func(t *testing.T) {
			w := w.in(t)
			a := w.begin("istanbul", c.body, "Accept-Language", "en")
			a.problem(c.status, c.code)
			if got := a.at("errors.0.pointer"); got != c.pointer {
				t.Errorf("pointer: got %q, want %q\n%s", got, c.pointer, a.body)
			}
			if c.pointer != "" && a.at("errors.0.detail") == "" {
				t.Errorf("no sentence beside the field: %s", a.body)
			}
		})
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestManyFaultsAtOnce: everything that is wrong comes in one answer.
func TestManyFaultsAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.begin("istanbul", map[string]any{"kind": "pair", "fields": map[string]any{"card": "1", "phone": "1"}}, "Accept-Language", "en").problem(422, "form.invalid")
	got := map[string]string{}
	for _, e := range a.json()["errors"].([]any) {
		e := e.(map[string]any)
		got[fmt.Sprint(e["pointer"])] = fmt.Sprint(e["code"])
	}
	want := map[string]string{
		"#/fields/first_name": "name.missing", "#/fields/last_name": "name.missing", "#/fields/id": "id.missing", "#/fields/birth": "birth.missing",
		"#/fields/email": "email.missing", "#/fields/card": "card.length", "#/fields/phone": "phone.shape", "#/fields/hes": "hes.missing",
		"#/boxes/terms": "box.required", "#/boxes/notice": "box.required",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("faults: got\n%v\nwant\n%v", got, want)
	}
}

// TestBothForms: composed and decomposed letters are one name.
func TestBothForms(t *testing.T) {
	w := newWorld(t)
	for what, first := range map[string]string{"NFC": "Ay\u015fe", "NFD": "Ays\u0327e"} {
		form := w.istanbul("3400000000001234", w.phone())
		form["fields"].(map[string]any)["first_name"] = first
		phone := form["fields"].(map[string]any)["phone"].(string)
		a := w.begin("istanbul", form).want(201)
		b := w.call("POST", a.header.Get("Location")+"/code", map[string]string{"code": w.code(phone)}).want(200)
		if got := b.at("stage"); got != "received" {
			t.Errorf("%s: stage: got %q, want received\n%s", what, got, b.body)
		}
	}
}

func TestBodies(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/cities/istanbul/requests"
	form := must(json.Marshal(w.istanbul("3400000000001234", w.phone())))
	for _, ct := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=utf-16", "application/jsonx", "application", ""} {
		w.call("POST", path, form, "Idempotency-Key", "k", "Content-Type", ct).problem(415, "body.media")
	}
	w.call("POST", path, form, "Idempotency-Key", "k", "Content-Encoding", "gzip").problem(415, "body.media")
	w.call("POST", path, form, "Idempotency-Key", "k", "Content-Type", "application/json;charset=UTF-8").want(201)

	big := append(bytes.Repeat([]byte(" "), 64<<10-len(form)), form...)
	w.call("POST", path, big, "Idempotency-Key", "k").want(201)
	w.call("POST", path, append([]byte(" "), big...), "Idempotency-Key", "k").problem(413, "body.too_large")
	// Without a length the body is measured as it comes.
	r := httptest.NewRequest("POST", path, struct{ *bytes.Reader }{bytes.NewReader(append([]byte(" "), big...))})
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	answer{t, rec.Code, rec.Header(), rec.Body.Bytes()}.problem(413, "body.too_large")
}

// FuzzBody: whatever is sent, the answer is a request or a problem, in UTF-8
// and of the shape that is written; never a failure of ours.
func FuzzBody(f *testing.F) {
	w := newWorld(f)
	f.Add(must(json.Marshal(w.istanbul("3400000000001234", "5320000001"))), "istanbul", "key")
	f.Add([]byte(`{"kind":"status","fields":{"card":"0612345678901234","phone":"5320000002","province":"06"}}`), "turkiye", `"k"`)
	f.Add([]byte(`{"kind":"move","lang":"ar","after":"x","fields":{"card":"1","new_card":"\ud800","phone":"\u202e"},"boxes":{"terms":null}}`), "izmir", "ü")
	f.Add([]byte(`{"kind":"pair","fields":{"doc":"passport","passport":"N1","country":"\u0000"}}`), "gaziantep", "")
	f.Add([]byte("{\"kind\":\"pair\",\"fields\":{\"first_name\":\"\xff\"}}"), "antalya", "k")
	f.Add([]byte(`[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]`), "istanbul", "k")
	f.Add([]byte(`{"kind":"renew","fields":{"card":"34000000000012340000000000000000","phone":"+90 (532) 000-00-03","hes":"----------"}}`), "istanbul", "k")
	f.Fuzz(func(t *testing.T, body []byte, city, key string) {
		w := w.in(t)
		r := httptest.NewRequest("POST", "/api/v1/cities/x/requests", bytes.NewReader(body))
		r.URL.Path = "/api/v1/cities/" + city + "/requests"
		r.Header["Content-Type"] = []string{"application/json"}
		r.Header["Idempotency-Key"] = []string{key}
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		a := answer{t, rec.Code, rec.Header(), rec.Body.Bytes()}
		switch {
		case a.status >= 500:
			t.Errorf("status %d for %q: %s", a.status, body, a.body)
		case a.status >= 300 && a.status < 400: // the path was no path
		case a.status != http.StatusCreated && a.header.Get("Content-Type") != "application/problem+json":
			t.Errorf("status %d came as %q", a.status, a.header.Get("Content-Type"))
		case !utf8.Valid(a.body) || !json.Valid(a.body):
			t.Errorf("answer is not JSON in UTF-8: %q", a.body)
		}
		if strings.Contains(city, "/") || a.status < 200 || a.status >= 300 && a.status < 400 {
			return
		}
		w.hold(r, body, a)
	})
}
