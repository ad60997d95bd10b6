package api

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/pairing"
	"turnike/internal/person"
)

// Request is a request as the holder of its token may see it: the same,
// whatever the card is.
type Request struct {
	City      string        `json:"city" example:"istanbul"`
	Kind      string        `json:"kind" enum:"pair,status,renew,move,unpair"`
	Token     string        `json:"token" doc:"Names the request from here on. Who has it may type the code; it says nothing about anyone." example:"ab8e0c2d9f6h3j5k7m4n8p2q6r9s3t5v7w2x4y6z8"`
	Reference string        `json:"reference" doc:"What a person reads out to a help desk." example:"K7QX2-M4D9A"`
	Stage     string        `json:"stage" enum:"code,amend,received,dead,lapsed" doc:"What comes next: type the code; mend the fields named in mend and send the form again with after; nothing, the result goes by text message; five wrong codes, begin again; too late, begin again."`
	Lang      string        `json:"lang" enum:"tr,en,ar" doc:"Language of the text messages."`
	Phone     string        `json:"phone,omitempty" doc:"Masked." example:"05** *** ** 67"`
	Card      string        `json:"card,omitempty" doc:"Last four digits." example:"1234"`
	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt *time.Time    `json:"expires_at,omitempty" doc:"Until when the newest code is good; with stage code."`
	ResendAt  *time.Time    `json:"resend_at,omitempty" doc:"From when another code may be asked for; with stage code."`
	TriesLeft *int          `json:"tries_left,omitempty" doc:"Wrong codes still allowed, over all codes of this request; with stage code."`
	Mend      []ProblemItem `json:"mend,omitempty" nullable:"false" doc:"What to mend; with stage amend."`
}

// newRequest is what a POST of a form carries, for the document; readForm reads it.
type newRequest struct {
	Kind   string          `json:"kind" enum:"pair,status,renew,move,unpair" doc:"pair ties a card to a person; status asks whether it is tied; renew gives a new HES code; move carries the tie to another card; unpair ends it."`
	Lang   string          `json:"lang,omitempty" enum:"tr,en,ar" doc:"Language of the text messages; that of Accept-Language where absent."`
	After  string          `json:"after,omitempty" doc:"Token of a request in stage amend: with the same phone, no new code is needed."`
	Fields newFields       `json:"fields" doc:"What the city's form asks for this kind; see the city's forms. All are text, so that leading zeros stay."`
	Boxes  map[string]bool `json:"boxes,omitempty" doc:"The city's tick boxes by id; with kind pair."`
}

type newFields struct {
	Citizen   string `json:"citizen,omitempty" maxLength:"400" doc:"tc or other" example:"tc"`
	Province  string `json:"province,omitempty" maxLength:"400" doc:"Plate code or name" example:"06"`
	Doc       string `json:"doc,omitempty" maxLength:"400" doc:"tckn, ykn or passport; needed for a passport" example:"tckn"`
	ID        string `json:"id,omitempty" maxLength:"400" doc:"Turkish or foreigner identity number, 11 digits"`
	Passport  string `json:"passport,omitempty" maxLength:"400" doc:"Passport number, with doc passport"`
	Country   string `json:"country,omitempty" maxLength:"400" doc:"Who issued the passport, ISO 3166-1 alpha-2" example:"SY"`
	FirstName string `json:"first_name,omitempty" maxLength:"400"`
	LastName  string `json:"last_name,omitempty" maxLength:"400"`
	Birth     string `json:"birth,omitempty" maxLength:"400" doc:"YYYY-MM-DD" example:"1954-03-27"`
	Email     string `json:"email,omitempty" maxLength:"400"`
	Card      string `json:"card,omitempty" maxLength:"400" doc:"Blanks and dashes do no harm"`
	NewCard   string `json:"new_card,omitempty" maxLength:"400" doc:"With kind move"`
	Phone     string `json:"phone,omitempty" maxLength:"400" doc:"Turkish mobile number, with or without 0 or +90"`
	HES       string `json:"hes,omitempty" maxLength:"400" doc:"HES code, with or without dashes"`
}

// codeBody is what a POST of a code carries; readCode reads it.
type codeBody struct {
	Code string `json:"code" maxLength:"400" doc:"Six digits" example:"493028"`
}

// noBody is an order without a body.
type noBody struct{}

type requestOut struct {
	Location string `header:"Location" doc:"Where the request is found from now on."`
	Body     Request
}

// RequestPath names a request.
type RequestPath struct {
	City  string `path:"city" doc:"A city's id" example:"istanbul"`
	Token string `path:"token" doc:"The request's token" example:"ab8e0c2d9f6h3j5k7m4n8p2q6r9s3t5v7w2x4y6z8"`
}

func (s *server) requestRoutes(doc huma.API) {
	const base = Prefix + "v1/cities/{city}/requests"
	// What the store says of itself when it is away (sqlstore.ErrBusy).
	errBusy := fault.New(fault.Unavailable, "store.busy").After(2 * time.Second)
	type begin struct {
		City    string `path:"city" doc:"A city's id" example:"istanbul"`
		Key     string `header:"Idempotency-Key" required:"true" doc:"Made by you for this form, for instance a UUID; at most 200 printable ASCII characters, in quotes or bare." example:"\"018f6b2e-1c9a-7d3e-9b2a-5f0c7e1d4a66\""`
		RawBody []byte `contentType:"application/json"`
	}
	operation[newRequest](doc, huma.Operation{
		OperationID: "begin-request", Method: http.MethodPost, Path: base, Tags: []string{"requests"},
		Summary:       "Send a form",
		Description:   "Checks the form and sends a code to the phone. All faults come at once. A question after the status of a card needs no code: its answer goes to the phone the card is paired with, and to no other.",
		DefaultStatus: http.StatusCreated,
	}, "The request, new or as it stands under this key", requestExample("code"), func(ctx context.Context, in *begin) (*requestOut, error) {
		return s.begin(ctx, in.City, in.Key, in.RawBody)
	}, formExamples(),
		ErrKeyMissing.On(":Idempotency-Key"), pairing.ErrPhoneDesk, city.ErrNoCity, pairing.ErrKeyInFlight.After(time.Second), ErrTooLarge, ErrMedia,
		card.ErrLength.On("card").With("want", "16"), pairing.ErrCodeSoon.After(time.Minute), pairing.ErrSMSAway.After(time.Minute))

	operation[struct{}](doc, huma.Operation{
		OperationID: "look-at-request", Method: http.MethodGet, Path: base + "/{token}", Tags: []string{"requests"},
		Summary:     "See how far a request is",
		Description: "Requests are kept for a day.",
	}, "The request", requestExample("received"), func(ctx context.Context, in *RequestPath) (*requestOut, error) {
		v, err := s.cfg.Pairing.Look(ctx, in.City, in.Token)
		return s.show(ctx, v, err)
	}, nil, pairing.ErrNoRequest, errBusy)

	type enter struct {
		RequestPath
		RawBody []byte `contentType:"application/json"`
	}
	operation[codeBody](doc, huma.Operation{
		OperationID: "enter-code", Method: http.MethodPost, Path: base + "/{token}/code", Tags: []string{"requests"},
		Summary:     "Type the code",
		Description: "A right code leads to stage received, or to amend where a register could say at once that a field is wrong. The same code a second time changes nothing. Wrong codes are counted; the fifth ends the request.",
	}, "The request, one stage further", requestExample("received"), func(ctx context.Context, in *enter) (*requestOut, error) {
		code, err := readCode(in.RawBody)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		v, err := s.cfg.Pairing.Enter(ctx, in.City, in.Token, code)
		return s.show(ctx, v, err)
	}, map[string]any{"code": map[string]any{"code": "493028"}},
		ErrJSON, pairing.ErrNoRequest, pairing.ErrCodeDead, ErrTooLarge, ErrMedia, pairing.ErrCodeWrong.On("code").With("left", 4), errBusy)

	operation[noBody](doc, huma.Operation{
		OperationID: "resend-code", Method: http.MethodPost, Path: base + "/{token}/resend", Tags: []string{"requests"},
		Summary:     "Send another code",
		Description: "Within the limits of the number: one a minute, three in a quarter of an hour, ten a day. The count of wrong codes stays.",
	}, "The request with its new code", requestExample("code"), func(ctx context.Context, in *enter) (*requestOut, error) {
		if err := readNothing(in.RawBody); err != nil {
			return nil, s.problem(ctx, err)
		}
		v, err := s.cfg.Pairing.Resend(ctx, in.City, in.Token)
		return s.show(ctx, v, err)
	}, map[string]any{"none": map[string]any{}},
		ErrJSON, pairing.ErrPhoneDesk, pairing.ErrNoRequest, pairing.ErrLapsed, ErrTooLarge, ErrMedia, ErrNoField.On("#"), pairing.ErrCodeSoon.After(time.Minute), pairing.ErrSMSAway.After(time.Minute))
}

// begin takes a form.
func (s *server) begin(ctx context.Context, id, header string, raw []byte) (*requestOut, error) {
	cities := s.cfg.Cities()
	p, ok := cities[id]
	if !ok {
		return nil, s.problem(ctx, city.ErrNoCity)
	}
	key, err := readKey(header)
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	f, err := readForm(raw, boxIDs(p))
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	kind := pairing.Kind(f.kind)
	if offered := kindsOf(p); !slices.Contains(offered, f.kind) {
		return nil, s.problem(ctx, fault.List{ErrChoice.On("#/kind").With("of", strings.Join(offered, ", "))})
	}
	if err := f.fits(p, kind); err != nil {
		return nil, s.problem(ctx, err)
	}
	if err := ownForm(ctx, cities, p, f.fields["province"]); err != nil {
		return nil, s.problem(ctx, err)
	}
	leave, ok := s.busy.enter(p.ID + "\x00" + key)
	if !ok {
		return nil, s.problem(ctx, pairing.ErrKeyInFlight.After(time.Second))
	}
	defer leave()
	if f.lang == "" {
		f.lang = string(i18n.From(ctx))
	}
	v, err := s.cfg.Pairing.Begin(ctx, pairing.Input{
		City: p.ID, Kind: kind, Lang: f.lang, Channel: "api", Key: key, After: f.after, Fields: f.input(),
	})
	out, err := s.show(ctx, v, err)
	if err == nil {
		out.Location = Prefix + "v1/cities/" + p.ID + "/requests/" + v.Token
	}
	return out, err
}

// input is the form under the names the pairing service knows.
func (f form) input() map[string]string {
	in := f.fields
	for b, ticked := range f.boxes {
		if ticked {
			in["box_"+b] = "on"
		}
	}
	return in
}

// fits refuses what this city does not ask for this kind: a field that is sent
// and ignored would be personal data nobody needed.
func (f form) fits(p *city.Profile, k pairing.Kind) error {
	var wrong fault.List
	asked := names(p, k)
	for _, n := range fieldNames {
		if _, sent := f.fields[n]; sent && !slices.Contains(asked, n) {
			wrong = append(wrong, ErrNoField.On(n))
		}
	}
	if doc, sent := f.fields["doc"]; sent && slices.Contains(asked, "doc") && !slices.Contains(p.Form.Documents, doc) {
		wrong = append(wrong, city.ErrDocument.On("doc"))
	}
	for b, ticked := range f.boxes {
		if ticked && k != pairing.Pair {
			wrong = append(wrong, ErrNoField.On("#/boxes/"+b))
		}
	}
	return wrong.Err()
}

// kindsOf are the kinds of request a city offers: where no HES code is asked
// there is none to renew.
func kindsOf(p *city.Profile) []string {
	if p.Asks("hes") {
		return kinds
	}
	return slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == string(pairing.Renew) })
}

// names are the fields a form of a kind may carry in a city.
func names(p *city.Profile, k pairing.Kind) []string {
	asked := pairing.Fields(p, k)
	if !slices.Contains(asked, "id") {
		return asked
	}
	asked = append(slices.Clone(asked), "doc")
	if p.Takes(person.Passport) {
		asked = append(asked, "passport", "country", "birth")
	}
	return asked
}

func boxIDs(p *city.Profile) []string {
	ids := make([]string, len(p.Form.Boxes))
	for i, b := range p.Form.Boxes {
		ids[i] = b.ID
	}
	return ids
}

// ownForm sends a province that has a form of its own there: it asks what that
// city's rules need, and the portal's does not.
func ownForm(ctx context.Context, cities city.Set, p *city.Profile, province string) error {
	if p.Plate != 0 || province == "" {
		return nil
	}
	plate, err := city.ParseProvince(province)
	if err != nil {
		return nil // the form says so, with everything else
	}
	own, ok := cities.ByPlate(plate)
	if !ok {
		return nil
	}
	return fault.List{ErrOwnForm.On("province").With("Name", own.Name.In(string(i18n.From(ctx)))).With("City", own.ID)}
}

// readKey reads an Idempotency-Key: a string in quotes as structured fields
// have it (RFC 9651, 3.3.3), or bare, as most send it.
func readKey(h string) (string, error) {
	if h == "" {
		return "", fault.List{ErrKeyMissing.On(":Idempotency-Key")}
	}
	k := h
	if len(h) >= 2 && h[0] == '"' && h[len(h)-1] == '"' {
		k = h[1 : len(h)-1]
	}
	ok := len(k) > 0 && len(k) <= 200 && !strings.ContainsFunc(k, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' })
	if !ok {
		return "", fault.List{ErrKeyShape.On(":Idempotency-Key")}
	}
	return k, nil
}

// show is a request as it goes out, or the problem.
func (s *server) show(ctx context.Context, v pairing.View, err error) (*requestOut, error) {
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	zone := time.UTC
	if p, ok := s.cfg.Cities()[v.City]; ok {
		zone = p.Location()
	}
	at := func(t time.Time) *time.Time { t = t.In(zone).Truncate(time.Second); return &t }
	r := Request{
		City: v.City, Kind: string(v.Kind), Token: v.Token, Reference: v.Reference, Stage: string(v.Stage),
		Lang: v.Lang, Phone: v.Phone, Card: v.Card, CreatedAt: *at(v.At),
	}
	switch v.Stage {
	case pairing.StageCode:
		r.ExpiresAt, r.ResendAt, r.TriesLeft = at(v.ExpiresAt), at(v.ResendAt), &v.Left
	case pairing.StageAmend:
		for _, f := range v.Faults {
			r.Mend = append(r.Mend, item(i18n.From(ctx), f))
		}
	}
	return &requestOut{Body: r}, nil
}
