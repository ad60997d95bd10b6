package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/fault"
	"turnike/internal/i18n"
)

// operation registers h under op and writes down what it takes and gives. B is
// the shape of its body, struct{} for none; the body itself is read by us and
// not by the framework, whose refusals repeat what was sent. examples are
// bodies that are taken; failures are what can go wrong, one for each status.
func operation[B, I, O any](doc huma.API, op huma.Operation, answer string, example any, h func(context.Context, *I) (*O, error), examples map[string]any, failures ...*fault.Fault) {
	reg := doc.OpenAPI().Components.Schemas
	if op.DefaultStatus == 0 {
		op.DefaultStatus = http.StatusOK
	}
	op.SkipValidateBody, op.SkipValidateParams = true, true
	op.MaxBodyBytes = 2 * MaxBody // wrap has measured it
	op.BodyReadTimeout = -1       // and read it
	op.Responses = map[string]*huma.Response{}
	for _, f := range append(failures, errOurs) {
		op.Responses[strconv.Itoa(statusOf(f))] = problemResponse(reg, f)
	}
	ok := &huma.Response{Description: answer, Content: map[string]*huma.MediaType{}}
	op.Responses[strconv.Itoa(op.DefaultStatus)] = ok
	out := reflect.TypeFor[O]()
	if body, found := out.FieldByName("Body"); found {
		ok.Content["application/json"] = &huma.MediaType{Schema: reg.Schema(body.Type, true, ""), Example: example}
	}
	if _, found := out.FieldByName("ETag"); found {
		op.Responses["304"] = &huma.Response{Description: "Unchanged since the ETag sent as If-None-Match"}
	}
	if body := reflect.TypeFor[B](); body != reflect.TypeFor[struct{}]() {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{}}
		huma.Register(doc, op, h)
		media := &huma.MediaType{Schema: reg.Schema(body, true, ""), Examples: map[string]*huma.Example{}}
		for name, e := range examples {
			media.Examples[name] = &huma.Example{Value: e}
		}
		op.RequestBody.Content = map[string]*huma.MediaType{"application/json": media}
		op.RequestBody.Required = body.NumField() > 0
		return
	}
	huma.Register(doc, op, h)
}

// asText says that an operation answers with a file rather than JSON.
func asText(doc huma.API, path, media string) {
	r := doc.OpenAPI().Paths[path].Get.Responses["200"]
	r.Content = map[string]*huma.MediaType{media: {Schema: &huma.Schema{Type: "string"}}}
}

// problemTexts say when a status comes, for the reader of the document.
var problemTexts = map[int]string{
	401: "The key is missing, mistyped or revoked",
	400: "What was sent could not be read",
	403: "A rule or the key's scope says no; of a number, after a hundred wrong codes, that help desks alone serve it",
	404: "There is no such thing here, or it is another tenant's",
	409: "Somebody was first, the state has moved on, or a sending under the same key is still at work",
	410: "Its time is over, or its tries are used up: begin again",
	413: "The body is over 64 kB",
	415: "The body is not JSON in UTF-8",
	422: "Something that was sent needs mending, or the idempotency key was used for something else",
	429: "Too many codes for this number, or too many requests with this key; Retry-After says how long to wait",
	500: "A failure of ours; the reference finds it in our logs",
	503: "A part that is needed is away; Retry-After says when to try again",
}

// problemResponse describes a failure, with f as an English caller gets it.
func problemResponse(reg huma.Registry, f *fault.Fault) *huma.Response {
	p := bare(i18n.English, f)
	if f.Field != "" {
		p.Errors = []ProblemItem{item(i18n.English, f)}
	}
	if f == errOurs {
		p.Reference = "K7QX2M4D"
	}
	r := &huma.Response{
		Description: problemTexts[p.Status],
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema:  reg.Schema(reflect.TypeFor[Problem](), true, ""),
			Example: p,
		}},
	}
	if f.RetryAfter > 0 {
		r.Headers = map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait", Schema: &huma.Schema{Type: "integer"}}}
	}
	return r
}

// formExamples are forms that İstanbul takes; docs/sandbox.md knows the people.
func formExamples() map[string]any {
	return map[string]any{
		"istanbul": map[string]any{
			"kind": "pair", "lang": "en",
			"fields": map[string]any{
				"first_name": "Ayşe", "last_name": "Yılmaz", "id": "30123456712", "birth": "1985-03-12", "email": "ayse@example.com",
				"card": "3400 0000 0000 1234", "phone": "0532 123 45 67", "hes": "HHPF-FY5H-TS",
			},
			"boxes": map[string]any{"terms": true, "notice": true},
		},
		"passport": map[string]any{
			"kind": "pair", "lang": "ar",
			"fields": map[string]any{
				"doc": "passport", "passport": "N01234567", "country": "SY", "first_name": "Layla", "last_name": "Haddad", "birth": "1991-05-02",
				"email": "layla@example.com", "card": "3410000000005678", "phone": "5321234568", "hes": "A1B2C3D4E5",
			},
			"boxes": map[string]any{"terms": true, "notice": true},
		},
		"status": map[string]any{"kind": "status", "fields": map[string]any{"card": "3400000000001234", "phone": "5321234567"}},
		"move":   map[string]any{"kind": "move", "fields": map[string]any{"card": "3400000000001234", "new_card": "3400000000009876", "phone": "5321234567"}},
	}
}

// requestExample is a request at a stage.
func requestExample(stage string) any {
	r := map[string]any{
		"city": "istanbul", "kind": "pair", "token": "ab8e0c2d9f6h3j5k7m4n8p2q6r9s3t5v7w2x4y6z8", "reference": "K7QX2-M4D9A",
		"stage": stage, "lang": "en", "phone": "05** *** ** 67", "card": "1234", "created_at": "2021-01-10T12:00:00+03:00",
	}
	if stage == "code" {
		r["expires_at"], r["resend_at"], r["tries_left"] = "2021-01-10T12:05:00+03:00", "2021-01-10T12:01:00+03:00", 5
	}
	return r
}
