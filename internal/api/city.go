package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/city"
	"turnike/internal/i18n"
	"turnike/internal/pairing"
	"turnike/internal/person"
)

// How long answers may be kept by whoever stands between. A revised city is
// seen within a minute; the provinces change by law.
const (
	cityCache     = "public, max-age=60"
	provinceCache = "public, max-age=86400"
)

// Texts is a text in the three languages.
type Texts struct {
	TR string `json:"tr"`
	EN string `json:"en"`
	AR string `json:"ar"`
}

// CityRow is a city in the list of cities.
type CityRow struct {
	ID       string     `json:"id" example:"istanbul"`
	Name     Texts      `json:"name"`
	Plate    int        `json:"plate" minimum:"0" maximum:"81" doc:"The province's plate code; 0 for the portal that serves every province without a form of its own."`
	CardName string     `json:"card_name" example:"İstanbulkart"`
	Deadline *time.Time `json:"deadline,omitempty" doc:"From when unpaired cards no longer open gates, as known now; absent where nothing was decided."`
	Href     string     `json:"href" format:"uri-reference" example:"/api/v1/cities/istanbul"`
}

// City is everything a client needs to draw the city's forms by itself.
type City struct {
	CityRow
	Zone      string     `json:"zone" example:"Europe/Istanbul"`
	Operator  string     `json:"operator"`
	Helpline  string     `json:"helpline,omitempty"`
	Site      string     `json:"site,omitempty" doc:"The domain named in text messages"`
	Intro     *Texts     `json:"intro,omitempty"`
	Color     string     `json:"color" pattern:"^#[0-9a-fA-F]{6}$" doc:"Readable under white text"`
	Logo      string     `json:"logo,omitempty" doc:"An SVG without script"`
	Forms     []Form     `json:"forms" nullable:"false" doc:"What each kind of request asks"`
	Documents []string   `json:"documents" nullable:"false" enum:"tckn,ykn,passport" doc:"Identity documents taken"`
	Schemes   []Scheme   `json:"schemes" nullable:"false" doc:"How cards are numbered"`
	Rules     Rules      `json:"rules"`
	Legal     Legal      `json:"legal"`
	Decisions []Decision `json:"decisions" nullable:"false" doc:"What was decided and still stands, as known now"`
	HESHelp   []Help     `json:"hes_help,omitempty" nullable:"false" doc:"How a person gets a HES code, where the form asks one"`
}

// Form is what a kind of request asks.
type Form struct {
	Kind   string      `json:"kind" enum:"pair,status,renew,move,unpair"`
	Title  Texts       `json:"title"`
	Fields []FormField `json:"fields" nullable:"false" doc:"In the city's order"`
	Boxes  []Box       `json:"boxes,omitempty" nullable:"false"`
	Button Texts       `json:"button"`
}

// FormField is one field of a form.
type FormField struct {
	Name     string   `json:"name" example:"card"`
	Label    Texts    `json:"label"`
	Hint     *Texts   `json:"hint,omitempty"`
	Paper    string   `json:"paper,omitempty" doc:"The Turkish word on the city's paper form"`
	Required bool     `json:"required"`
	Group    string   `json:"group" enum:"main,contact" doc:"contact stands in a group of its own: where the result goes"`
	Input    string   `json:"input" enum:"text,digits,code,phone,email,date,choice"`
	When     string   `json:"when,omitempty" enum:"passport" doc:"Asked only where doc is this"`
	Choices  []Choice `json:"choices,omitempty" nullable:"false" doc:"With input choice; provinces are listed at /api/v1/provinces, countries are ISO 3166-1 alpha-2"`
}

// Choice is one of several to pick from.
type Choice struct {
	Value string `json:"value"`
	Label Texts  `json:"label"`
}

// Box is a tick box.
type Box struct {
	ID       string `json:"id" example:"terms"`
	Kind     string `json:"kind" enum:"terms,notice,consent" doc:"consent is never a condition of service"`
	Required bool   `json:"required"`
	Text     Texts  `json:"text"`
}

// Scheme is one way the city's cards are numbered.
type Scheme struct {
	Name   string `json:"name"`
	Digits int    `json:"digits" minimum:"1" maximum:"40" example:"16"`
	Prefix string `json:"prefix,omitempty" doc:"Digits every number begins with"`
	Check  string `json:"check" enum:"none,luhn,mod97" doc:"The check digits' rule"`
	Hint   Texts  `json:"hint" doc:"Where the number is printed"`
}

// Rules are the city's own limits.
type Rules struct {
	CardsPerPerson int  `json:"cards_per_person" minimum:"0" doc:"0 is no limit"`
	CardsPerCode   int  `json:"cards_per_code" minimum:"0" doc:"Cards per HES code; 0 is no limit"`
	Mandatory      bool `json:"mandatory" doc:"Pairing is required here"`
}

// Legal is on what law the city asks, and in what words it says so.
type Legal struct {
	Basis      string `json:"basis" enum:"legal_obligation,explicit_consent"`
	Controller string `json:"controller"`
	Notice     Texts  `json:"notice"`
	Terms      Texts  `json:"terms"`
	Version    string `json:"version" doc:"Of notice and terms; kept with each pairing"`
	RetainDays int    `json:"retain_days" minimum:"0" doc:"How long details outlive a pairing"`
	Circular   string `json:"circular,omitempty"`
}

// Decision is a dated decision of a board or a ministry.
type Decision struct {
	ID        string     `json:"id"`
	Announced time.Time  `json:"announced"`
	From      time.Time  `json:"from"`
	Until     *time.Time `json:"until,omitempty"`
	Hours     []string   `json:"hours,omitempty" nullable:"false" doc:"Only inside these hours of the day, as 10:00-14:00"`
	Outcome   string     `json:"outcome" enum:"refuse,full_fare,ride"`
	Classes   []string   `json:"classes" nullable:"false" doc:"Classes of card it is about"`
	Text      Texts      `json:"text"`
	Source    string     `json:"source"`
}

// Help is one way to something.
type Help struct {
	Title   Texts  `json:"title"`
	Body    Texts  `json:"body"`
	Example string `json:"example,omitempty" doc:"As it is to be typed"`
}

// Desk is a place where people are served.
type Desk struct {
	ID    string   `json:"id"`
	Kind  string   `json:"kind" enum:"desk,kiosk" doc:"Staffed, or a machine"`
	Place string   `json:"place" enum:"metro,izban,pier,transfer,office,social,bus"`
	Name  string   `json:"name"`
	Hours string   `json:"hours,omitempty"`
	Lat   *float64 `json:"lat,omitempty" minimum:"-90" maximum:"90"`
	Lon   *float64 `json:"lon,omitempty" minimum:"-180" maximum:"180"`
}

// Province is one of the 81.
type Province struct {
	Plate int    `json:"plate" minimum:"1" maximum:"81" example:"34"`
	Name  string `json:"name" example:"İstanbul"`
	City  string `json:"city" doc:"Whose form its cards are paired on: its own, or the portal's; empty where neither is served here" example:"istanbul"`
}

// Cacheable is the head of answers that anyone may keep.
type Cacheable struct {
	CacheControl string `header:"Cache-Control"`
	ETag         string `header:"ETag" doc:"Send it back as If-None-Match"`
}

// Page is where a list is to be read from.
type Page struct {
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"200" doc:"How many at most"`
	Cursor string `query:"cursor" doc:"The next of the page before"`
}

// Cities is a page of the list of cities.
type Cities struct {
	Cities []CityRow `json:"cities" nullable:"false" doc:"By name, portals last"`
	Next   string    `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
}

// Desks is a page of a city's desks.
type Desks struct {
	Desks []Desk `json:"desks" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last"`
}

// Provinces is the list of provinces.
type Provinces struct {
	Provinces []Province `json:"provinces" nullable:"false" doc:"By plate code"`
}

func (s *server) cityRoutes(doc huma.API) {
	type out[T any] struct {
		Cacheable
		Body T
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "list-cities", Method: http.MethodGet, Path: Prefix + "v1/cities", Tags: []string{"cities"},
		Summary: "List the cities",
	}, "A page of cities", nil, func(ctx context.Context, in *Page) (*out[Cities], error) {
		all, ids := s.cfg.Cities(), s.cfg.Cities().IDs()
		ids, next, err := in.cut(ids)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		c := Cities{Cities: []CityRow{}, Next: next}
		for _, id := range ids {
			if p, ok := all[id]; ok {
				c.Cities = append(c.Cities, row(p, s.cfg.Now()))
			}
		}
		return &out[Cities]{Cacheable{CacheControl: cityCache}, c}, nil
	}, nil, ErrCursor.On("?cursor"))

	type onePath struct {
		City string `path:"city" doc:"A city's id" example:"istanbul"`
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "get-city", Method: http.MethodGet, Path: Prefix + "v1/cities/{city}", Tags: []string{"cities"},
		Summary:     "See what a city asks",
		Description: "Forms with fields in order, documents, boxes, how cards are numbered, texts in three languages, legal basis, decisions.",
	}, "The city", nil, func(ctx context.Context, in *onePath) (*out[City], error) {
		p, ok := s.cfg.Cities()[in.City]
		if !ok {
			return nil, s.problem(ctx, city.ErrNoCity)
		}
		return &out[City]{Cacheable{CacheControl: cityCache}, describeCity(p, s.cfg.Now())}, nil
	}, nil, city.ErrNoCity)

	type desksIn struct {
		Page
		City string `path:"city" doc:"A city's id" example:"izmir"`
		Kind string `query:"kind" enum:"desk,kiosk" doc:"Only these"`
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "list-desks", Method: http.MethodGet, Path: Prefix + "v1/cities/{city}/desks", Tags: []string{"cities"},
		Summary: "Find help desks and kiosks",
	}, "A page of desks", nil, func(ctx context.Context, in *desksIn) (*out[Desks], error) {
		p, ok := s.cfg.Cities()[in.City]
		if !ok {
			return nil, s.problem(ctx, city.ErrNoCity)
		}
		if in.Kind != "" && in.Kind != "desk" && in.Kind != "kiosk" {
			return nil, s.problem(ctx, ErrQuery.On("?kind"))
		}
		byID := map[string]city.Desk{}
		var ids []string
		for _, d := range p.Desks {
			if in.Kind == "" || in.Kind == d.Kind {
				byID[d.ID], ids = d, append(ids, d.ID)
			}
		}
		ids, next, err := in.cut(ids)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		list := Desks{Desks: []Desk{}, Next: next}
		for _, id := range ids {
			list.Desks = append(list.Desks, desk(byID[id]))
		}
		return &out[Desks]{Cacheable{CacheControl: cityCache}, list}, nil
	}, nil, city.ErrNoCity, ErrQuery.On("?limit"))

	operation[struct{}](doc, huma.Operation{
		OperationID: "list-provinces", Method: http.MethodGet, Path: Prefix + "v1/provinces", Tags: []string{"cities"},
		Summary: "List the 81 provinces and whose form serves each",
	}, "The provinces", nil, func(context.Context, *struct{}) (*out[Provinces], error) {
		return &out[Provinces]{Cacheable{CacheControl: provinceCache}, provinces(s.cfg.Cities())}, nil
	}, nil)
}

// cut is the page of ids behind the cursor, and the cursor of the next. A
// cursor names the last id that was given, so that what is added or taken away
// meanwhile moves nothing.
func (p Page) cut(ids []string) (page []string, next string, err error) {
	if p.Limit < 1 || p.Limit > 200 {
		return nil, "", ErrQuery.On("?limit")
	}
	if p.Cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(p.Cursor)
		i := slices.Index(ids, string(last))
		if err != nil || i < 0 {
			return nil, "", ErrCursor.On("?cursor")
		}
		ids = ids[i+1:]
	}
	if len(ids) > p.Limit {
		ids = ids[:p.Limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(ids[p.Limit-1]))
	}
	return ids, next, nil
}

func row(p *city.Profile, now time.Time) CityRow {
	r := CityRow{ID: p.ID, Name: texts(p.Name), Plate: p.Plate, CardName: p.CardName, Href: Prefix + "v1/cities/" + p.ID}
	if at, ok := p.Deadline(now); ok {
		at = at.In(p.Location())
		r.Deadline = &at
	}
	return r
}

func describeCity(p *city.Profile, now time.Time) City {
	c := City{
		CityRow: row(p, now), Zone: p.Zone, Operator: p.Operator, Helpline: p.Helpline, Site: p.Site,
		Color: p.Look.Color, Logo: p.Look.Logo, Documents: slices.Clone(p.Form.Documents), Schemes: []Scheme{}, Decisions: []Decision{},
		Rules: Rules{p.Rules.CardsPerPerson, p.Rules.CardsPerCode, p.Rules.Mandatory},
		Legal: Legal{p.Legal.Basis, p.Legal.Controller, texts(p.Legal.Notice), texts(p.Legal.Terms), p.Legal.Version, p.Legal.RetainDays, p.Legal.Circular},
	}
	if c.Documents == nil {
		c.Documents = []string{}
	}
	if len(p.Intro) > 0 {
		t := texts(p.Intro)
		c.Intro = &t
	}
	for _, k := range kindsOf(p) {
		c.Forms = append(c.Forms, describeForm(p, pairing.Kind(k)))
	}
	for _, sc := range p.Schemes {
		check := sc.Check
		if check == "" {
			check = "none"
		}
		c.Schemes = append(c.Schemes, Scheme{sc.Name, int(sc.Digits), sc.Prefix, check, texts(sc.Hint)})
	}
	for _, d := range p.Known(now) {
		v := Decision{d.ID, d.Announced.In(p.Location()), d.From.In(p.Location()), nil, d.Hours, d.Outcome, d.Classes, texts(d.Text), d.Source}
		if !d.Until.IsZero() {
			until := d.Until.In(p.Location())
			v.Until = &until
		}
		c.Decisions = append(c.Decisions, v)
	}
	if p.Asks("hes") {
		for _, way := range []string{"sms", "app", "web"} {
			h := Help{Title: say3("hes." + way + ".title"), Body: say3("hes." + way + ".body")}
			if way == "sms" {
				h.Example = i18n.T(i18n.Turkish, "hes.sms.example")
			}
			c.HESHelp = append(c.HESHelp, h)
		}
	}
	return c
}

// inputs say what a field takes; what is not here is plain text.
var inputs = map[string]string{
	"citizen": "choice", "province": "choice", "id": "digits", "birth": "date", "email": "email",
	"card": "digits", "new_card": "digits", "phone": "phone", "hes": "code", "doc": "choice", "passport": "code", "country": "choice",
}

func describeForm(p *city.Profile, k pairing.Kind) Form {
	f := Form{Kind: string(k), Title: say3("kind.title." + string(k)), Fields: []FormField{}, Button: say3("card.send")}
	passport := p.Takes(person.Passport)
	asked := pairing.Fields(p, k)
	for _, n := range asked {
		f.Fields = append(f.Fields, field(p, k, n))
		if n != "id" {
			continue
		}
		if len(p.Form.Documents) > 1 {
			d := FormField{Name: "doc", Label: say3("field.doc.label"), Group: "main", Input: "choice"}
			for _, doc := range p.Form.Documents {
				d.Choices = append(d.Choices, Choice{doc, say3("document." + doc)})
			}
			f.Fields = append(f.Fields, d)
		}
		if passport {
			more := []string{"passport", "country"}
			if !slices.Contains(asked, "birth") {
				more = append(more, "birth") // passport numbers repeat in the world
			}
			for _, n := range more {
				d := field(p, k, n)
				d.When = "passport"
				f.Fields = append(f.Fields, d)
			}
		}
	}
	if k != pairing.Pair {
		return f
	}
	f.Button = texts(p.Form.Button)
	for _, b := range p.Form.Boxes {
		f.Boxes = append(f.Boxes, Box{b.ID, b.Kind, b.Required, texts(b.Text)})
	}
	return f
}

func field(p *city.Profile, k pairing.Kind, name string) FormField {
	key := "field." + name
	if name == "id" && !p.Takes(person.YKN) {
		key = "field.tckn"
	}
	f := FormField{Name: name, Label: say3(key + ".label"), Paper: p.Form.Paper[name], Required: !p.Optional(name), Group: "main", Input: inputs[name]}
	if f.Input == "" {
		f.Input = "text"
	}
	if i18n.Has(i18n.Turkish, key+".hint") {
		h := say3(key + ".hint")
		f.Hint = &h
	}
	if k == pairing.Pair && slices.Contains(p.Form.Contact, name) {
		f.Group = "contact"
	}
	if name == "citizen" {
		f.Choices = []Choice{{"tc", say3("field.citizen.tc")}, {"other", say3("field.citizen.other")}}
	}
	return f
}

func desk(d city.Desk) Desk {
	v := Desk{ID: d.ID, Kind: d.Kind, Place: d.Place, Name: d.Name, Hours: d.Hours}
	if d.Lat != 0 || d.Lon != 0 {
		v.Lat, v.Lon = &d.Lat, &d.Lon
	}
	return v
}

func provinces(cities city.Set) Provinces {
	portal := ""
	for id, p := range cities {
		if p.Plate == 0 {
			portal = id
		}
	}
	var list Provinces
	for plate := 1; plate <= city.Plates; plate++ {
		name, _ := city.Province(plate)
		v := Province{plate, name, portal}
		if own, ok := cities.ByPlate(plate); ok {
			v.City = own.ID
		}
		list.Provinces = append(list.Provinces, v)
	}
	return list
}

func texts(t city.Text) Texts { return Texts{t.In("tr"), t.In("en"), t.In("ar")} }

// say3 is a sentence of the catalogues in all three languages.
func say3(key string) Texts {
	return Texts{i18n.T(i18n.Turkish, key), i18n.T(i18n.English, key), i18n.T(i18n.Arabic, key)}
}
