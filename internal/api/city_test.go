package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"turnike/internal/city"
	"turnike/statuslist"
)

// names are the values of a name in a list of objects.
func names(list any, name string) []string {
	var out []string
	items, _ := list.([]any)
	for _, v := range items {
		out = append(out, fmt.Sprint(v.(map[string]any)[name]))
	}
	return out
}

func TestCities(t *testing.T) {
	w := newWorld(t)
	a := w.call("GET", "/api/v1/cities", nil).want(200)
	if got, want := fmt.Sprint(names(a.json()["cities"], "id")), "[antalya gaziantep istanbul izmir turkiye]"; got != want {
		t.Errorf("cities: got %s, want %s", got, want)
	}
	if got, want := a.at("cities.2.deadline"), "2021-01-15T00:00:00+03:00"; got != want {
		t.Errorf("İstanbul's deadline: got %s, want %s", got, want)
	}
	b := w.call("GET", "/api/v1/cities/istanbul", nil).want(200)
	for path, want := range map[string]string{
		"name.ar": "إسطنبول", "card_name": "İstanbulkart", "forms.0.kind": "pair", "forms.0.button.tr": "Kaydet",
		"forms.0.fields.0.name": "first_name", "forms.0.fields.0.paper": "Ad", "forms.0.fields.0.label.en": "First name",
		"forms.0.boxes.0.id": "terms", "schemes.0.digits": "16", "schemes.0.check": "none", "legal.basis": "legal_obligation",
		"decisions.0.from": "2021-01-15T00:00:00+03:00", "hes_help.0.example": "HES 10000000146 A123 365",
	} {
		if got := b.at(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	form := b.json()["forms"].([]any)[0].(map[string]any)
	if got, want := fmt.Sprint(names(form["fields"], "name")), "[first_name last_name id doc passport country birth email card phone hes]"; got != want {
		t.Errorf("İstanbul's fields: got %s, want %s", got, want)
	}
	// A decision of the 13th is not known on the 10th.
	if got := len(b.json()["decisions"].([]any)); got != 1 {
		t.Errorf("decisions known on 10 January: got %d, want 1", got)
	}
	w.pass(4 * 24 * time.Hour)
	if got := len(w.call("GET", "/api/v1/cities/istanbul", nil).want(200).json()["decisions"].([]any)); got != 2 {
		t.Errorf("decisions known on 14 January: got %d, want 2", got)
	}
}

func TestEveryTextIsThere(t *testing.T) {
	w := newWorld(t)
	for _, id := range names(w.call("GET", "/api/v1/cities", nil).json()["cities"], "id") {
		a := w.call("GET", "/api/v1/cities/"+id, nil).want(200)
		var walk func(path string, v any)
		walk = func(path string, v any) {
			switch v := v.(type) {
			case map[string]any:
				for n, x := range v {
					walk(path+"."+n, x)
				}
			case []any:
				for i, x := range v {
					walk(fmt.Sprint(path, ".", i), x)
				}
			case string:
				if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") || v == "" {
					t.Errorf("%s%s: no text: %q", id, path, v)
				}
			}
		}
		walk("", a.json())
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/cities/izmir/desks"
	all := names(w.call("GET", path, nil).want(200).json()["desks"], "id")
	if len(all) < 21 {
		t.Fatalf("İzmir's desks: got %d, want at least the text's 21", len(all))
	}
	var got []string
	cursor := ""
	for i := 0; ; i++ {
		if i > len(all) {
			t.Fatal("the pages do not end")
		}
		a := w.call("GET", path+"?limit=7&cursor="+cursor, nil).want(200)
		page := names(a.json()["desks"], "id")
		if len(page) > 7 {
			t.Errorf("page %d: got %d desks, want at most 7", i, len(page))
		}
		got = append(got, page...)
		if cursor = a.at("next"); cursor == "" {
			break
		}
	}
	if !slices.Equal(got, all) {
		t.Errorf("page by page: got %v, want %v", got, all)
	}
	kiosks := names(w.call("GET", path+"?kind=kiosk", nil).want(200).json()["desks"], "kind")
	if len(kiosks) == 0 || slices.Contains(kiosks, "desk") {
		t.Errorf("kiosks: got %v, want kiosks only", kiosks)
	}
	for query, code := range map[string]string{"limit=0": "query.shape", "limit=-1": "query.shape", "limit=201": "query.shape", "limit=x": "query.shape", "cursor=x": "query.cursor", "kind=tram": "query.shape"} {
		a := w.call("GET", path+"?"+query, nil).problem(422, code)
		if got, want := a.at("errors.0.parameter"), strings.Split(query, "=")[0]; got != want {
			t.Errorf("%s: parameter: got %q, want %q", query, got, want)
		}
	}
}

func TestCaching(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/api/v1/cities", "/api/v1/cities/izmir", "/api/v1/cities/izmir/desks", "/api/v1/provinces", "/api/openapi.json"} {
		a := w.call("GET", path, nil).want(200)
		tag := a.header.Get("ETag")
		if tag == "" || !strings.HasPrefix(a.header.Get("Cache-Control"), "public, max-age=") {
			t.Errorf("%s: ETag %q, Cache-Control %q; want both", path, tag, a.header.Get("Cache-Control"))
		}
		for _, have := range []string{tag, `"x", W/` + tag, "*"} {
			if b := w.call("GET", path, nil, "If-None-Match", have).want(http.StatusNotModified); len(b.body) > 0 || b.header.Get("ETag") != tag {
				t.Errorf("%s with %s: %d bytes, ETag %q; want none and %q", path, have, len(b.body), b.header.Get("ETag"), tag)
			}
		}
		w.call("GET", path, nil, "If-None-Match", `"other"`).want(200)
		if b := w.call("HEAD", path, nil).want(200); len(b.body) > 0 || b.header.Get("ETag") != tag {
			t.Errorf("HEAD %s: %d bytes, ETag %q; want none and %q", path, len(b.body), b.header.Get("ETag"), tag)
		}
	}
	if a := w.call("GET", "/api/v1/cities/atlantis", nil); a.header.Get("ETag") != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a problem may be kept: ETag %q, Cache-Control %q", a.header.Get("ETag"), a.header.Get("Cache-Control"))
	}
}

func TestProvinces(t *testing.T) {
	w := newWorld(t)
	a := w.call("GET", "/api/v1/provinces", nil).want(200)
	if got := len(a.json()["provinces"].([]any)); got != city.Plates {
		t.Errorf("provinces: got %d, want %d", got, city.Plates)
	}
	for i, want := range map[int]string{33: "istanbul", 34: "izmir", 26: "gaziantep", 6: "antalya", 5: "turkiye"} {
		if got := a.at(fmt.Sprintf("provinces.%d.city", i)); got != want {
			t.Errorf("plate %d: got %q, want %q", i+1, got, want)
		}
	}
	form := map[string]any{"kind": "status", "fields": map[string]any{"card": "3400000000001234", "phone": w.phone(), "province": "İSTANBUL"}}
	b := w.begin("turkiye", form, "Accept-Language", "en").problem(422, "province.own_form")
	if got, want := b.at("errors.0.pointer")+" "+b.at("errors.0.args.City"), "#/fields/province istanbul"; got != want {
		t.Errorf("where to go: got %q, want %q", got, want)
	}
	if got, want := b.at("detail"), "Istanbul has a form of its own; use that one (city “istanbul”)."; got != want {
		t.Errorf("detail: got %q, want %q", got, want)
	}
}

// TestRenewWithoutCodes: a city that asks no HES code has none to renew.
func TestRenewWithoutCodes(t *testing.T) {
	w := newWorld(t)
	text := w.cities["gaziantep"].Source()
	for old, now := range map[string]string{`["card", "phone", "hes"]`: `["card", "phone"]`, "health = true": "health = false"} {
		if !strings.Contains(text, old) {
			t.Fatalf("Gaziantep's file has no %s", old)
		}
		text = strings.Replace(text, old, now, 1)
	}
	p, err := city.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	w.cities["gaziantep"] = p
	a := w.call("GET", "/api/v1/cities/gaziantep", nil).want(200)
	if got, want := fmt.Sprint(names(a.json()["forms"], "kind")), "[pair status move unpair]"; got != want {
		t.Errorf("forms: got %s, want %s", got, want)
	}
	if got := a.json()["hes_help"]; got != nil {
		t.Errorf("help with a code nobody asks: %v", got)
	}
	b := w.begin("gaziantep", map[string]any{"kind": "renew", "fields": map[string]any{}}).problem(422, "field.choice")
	if got, want := b.at("errors.0.args.of"), "pair, status, move, unpair"; got != want {
		t.Errorf("offered: got %q, want %q", got, want)
	}
}

func TestList(t *testing.T) {
	w := newWorld(t)
	const path = "/api/v1/cities/istanbul/list"
	w.call("GET", path, nil).problem(404, "list.none")
	w.head = &statuslist.Head{City: "istanbul", Sequence: 1610269200, Issued: w.clock(), NotAfter: w.clock().Add(time.Hour), Cards: 34260087}
	w.pass(90 * time.Second)
	a := w.call("GET", path, nil).want(200)
	for name, want := range map[string]string{"sequence": "1.6102692e+09", "age_seconds": "90", "fresh": "true", "cards": "3.4260087e+07", "issued_at": "2021-01-10T12:00:00+03:00"} {
		if got := a.at(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	w.pass(time.Hour)
	if got := w.call("GET", path, nil).want(200).at("fresh"); got != "false" {
		t.Errorf("fresh after its time: got %s, want false", got)
	}
	w.call("GET", "/api/v1/cities/izmir/list", nil).problem(404, "list.none")
}

func TestLanguages(t *testing.T) {
	w := newWorld(t)
	for header, want := range map[string]string{
		"":                                "Kart numaranızı girin.",
		"tr":                              "Kart numaranızı girin.",
		"en-GB,en;q=0.9":                  "Enter your card number.",
		"de, en;q=0.5":                    "Enter your card number.",
		"fi":                              "Kart numaranızı girin.",
		"ar-SY":                           "أدخل رقم بطاقتك.",
		strings.Repeat("en;q=0.1,", 5000): "",
	} {
		a := w.begin("gaziantep", map[string]any{"kind": "status", "fields": map[string]any{"phone": w.phone()}}, "Accept-Language", header).problem(422, "card.missing")
		if got := a.at("detail"); got != want && want != "" {
			t.Errorf("%.20q: got %q, want %q", header, got, want)
		}
	}
}

func TestPagesForPeople(t *testing.T) {
	w := newWorld(t)
	a := w.call("GET", "/api/", nil, "Accept-Language", "ar").want(200)
	for _, want := range []string{`lang="ar" dir="rtl"`, "/api/openapi.json", "POST /api/v1/cities/{city}/requests", "Type the code"} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	sheet := string(a.body)[strings.Index(string(a.body), "<style>")+7 : strings.Index(string(a.body), "</style>")]
	sum := sha256.Sum256([]byte(sheet))
	if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(a.header.Get("Content-Security-Policy"), hash) {
		t.Errorf("the policy %q refuses the page's own sheet, sha256-%s", a.header.Get("Content-Security-Policy"), hash)
	}
	if strings.Contains(string(a.body), "<script") || strings.Contains(string(a.body), "//") {
		t.Errorf("the page reaches out: %s", a.body)
	}
	b := w.call("GET", "/api/problems/card.length", nil, "Accept-Language", "en").want(200)
	if !strings.Contains(string(b.body), "Enter it as printed on the card.") {
		t.Errorf("the problem is not told: %s", b.body)
	}
}

// TestDocument: the examples are of the shape that is written, no schema is
// the framework's own, and every operation says what can go wrong.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	if got := w.doc.OpenAPI; !strings.HasPrefix(got, "3.1") {
		t.Errorf("version: got %s, want 3.1", got)
	}
	for name := range w.doc.Components.Schemas {
		if name == "ErrorModel" || name == "ErrorDetail" {
			t.Errorf("the document has the framework's %s", name)
		}
	}
	examples := 0
	hold := func(where string, m *openapi3.MediaType) {
		if m == nil {
			t.Errorf("%s: no JSON", where)
			return
		}
		values := map[string]any{}
		for n, e := range m.Examples {
			values[n] = e.Value.Value
		}
		if m.Example != nil {
			values["example"] = m.Example
		}
		for n, v := range values {
			examples++
			if err := m.Schema.Value.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
				t.Errorf("%s, example %s: %v", where, n, err)
			}
		}
	}
	for path, item := range w.doc.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 {
				t.Errorf("%s: summary %q, id %q, tags %v; want each", where, op.Summary, op.OperationID, op.Tags)
			}
			if op.RequestBody != nil {
				hold(where, op.RequestBody.Value.Content["application/json"])
			}
			problems := 0
			for status, r := range op.Responses.Map() {
				kind := "application/json"
				if status == "304" {
					continue
				}
				if status >= "400" {
					kind, problems = "application/problem+json", problems+1
				}
				if status == "202" || status == "204" {
					kind = "" // says nothing
				}
				for media := range r.Value.Content {
					if media == "text/calendar" {
						kind = "" // is no JSON
					}
				}
				if kind != "" {
					hold(where+" "+status, r.Value.Content[kind])
				}
			}
			if problems == 0 {
				t.Errorf("%s: nothing can go wrong?", where)
			}
		}
	}
	// The forms shown are forms that are taken.
	for name, e := range w.doc.Paths.Value("/api/v1/cities/{city}/requests").Post.RequestBody.Value.Content["application/json"].Examples {
		w.pass(2 * time.Minute)
		if a := w.begin("istanbul", e.Value.Value); a.status != 201 {
			t.Errorf("example %s: got %d, want 201\n%s", name, a.status, a.body)
		}
	}
	if examples < 20 {
		t.Errorf("examples: got %d, want at least 20", examples)
	}
	if err := w.doc.Validate(context.Background()); err != nil {
		t.Error(err)
	}
}
