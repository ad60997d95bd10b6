package pairing

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/health"
	"turnike/internal/person"
)

// Input is a form as typed, by field name: the city's own fields, "doc" (tckn,
// ykn or passport), "country" and "passport" beside a passport, birth_day,
// birth_month and birth_year (or "birth" as YYYY-MM-DD), "box_" and a box's id,
// and "new_card" where a tie moves. Unknown names are ignored here; the API
// refuses them before.
type Input struct {
	City    string
	Kind    Kind
	Lang    string
	Channel string
	Key     string // idempotency key: the form's own, or the API caller's
	After   string // token of a request in state Amend, whose phone is proven
	Fields  map[string]string
}

// Form is an Input that was checked.
type Form struct {
	Person   person.Record
	Card     card.Number
	NewCard  card.Number
	Code     health.Code
	Province int
	Version  string // of the notice and terms that were shown
}

// Faults only a form has.
var (
	ErrUnissued   = fault.New(fault.Invalid, "card.unissued")
	ErrSameCard   = fault.New(fault.Invalid, "card.same")
	ErrCountry    = fault.New(fault.Invalid, "country.missing")
	ErrUnreadable = fault.New(fault.Invalid, "field.unreadable") // not UTF-8, or far too long
)

// MaxField is the longest any field may be, in bytes.
const MaxField = 400

// Parse checks an input against its city's form: every fault at once, each on
// its field, so that the person mends all in one go.
func Parse(p *city.Profile, in Input, now time.Time) (Form, error) {
	var f Form
	var wrong fault.List
	for name, v := range in.Fields {
		if len(v) > MaxField || !validText(v) {
			wrong = append(wrong, ErrUnreadable.On(name))
		}
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b *fault.Fault) int { return strings.Compare(a.Field, b.Field) })
		return f, wrong
	}
	f.Version = p.Legal.Version
	now = now.In(p.Location()) // who was born today was born today there
	for _, name := range Fields(p, in.Kind) {
		v := in.Fields[name]
		if p.Optional(name) && strings.TrimSpace(v) == "" {
			continue
		}
		if err := f.read(p, in, name, v, now, &wrong); err != nil {
			return f, err
		}
	}
	if in.Kind == Pair {
		for _, b := range p.Form.Boxes {
			if b.Required && in.Fields["box_"+b.ID] == "" {
				wrong = append(wrong, city.ErrBoxRequired.On("box_"+b.ID))
			}
		}
	}
	return f, wrong.Err()
}

// Fields lists what a kind of request asks, in the form's order: the names of
// Input.Fields without those a document brings along.
func Fields(p *city.Profile, k Kind) []string {
	var fields []string
	if k != Pair && p.Asks("province") {
		fields = append(fields, "province")
	}
	switch k {
	case Pair:
		return slices.Concat(p.Form.Fields, p.Form.Contact)
	case Move:
		return append(fields, "card", "new_card", "phone")
	case Renew:
		return append(fields, "card", "phone", "hes")
	default:
		return append(fields, "card", "phone")
	}
}

// read checks one field; only an error that is no fault is returned.
func (f *Form) read(p *city.Profile, in Input, name, v string, now time.Time, wrong *fault.List) (err error) {
	switch name {
	case "citizen":
		if v != "tc" && v != "other" {
			err = city.ErrCitizen
		}
	case "province":
		f.Province, err = city.ParseProvince(v)
	case "id":
		return f.readID(p, in, now, wrong)
	case "first_name":
		f.Person.First, err = person.ParseName(v)
	case "last_name":
		f.Person.Last, err = person.ParseName(v)
	case "birth":
		f.Person.Birth, err = readBirth(in, now)
	case "email":
		f.Person.Email, err = person.ParseEmail(v)
	case "phone":
		f.Person.Phone, err = person.ParsePhone(v)
	case "hes":
		f.Code, err = health.ParseCode(v)
	case "card":
		f.Card, err = readCard(p, v)
	case "new_card":
		f.NewCard, err = readCard(p, v)
		if err == nil && f.NewCard == f.Card {
			err = ErrSameCard
		}
	}
	return wrong.Add(name, err)
}

func readCard(p *city.Profile, v string) (card.Number, error) {
	n, err := p.ParseCard(v)
	if err != nil {
		return n, err
	}
	if _, ok := p.Place(n, shapeKey); !ok {
		return n, ErrUnissued
	}
	return n, nil
}

func readBirth(in Input, now time.Time) (person.Birth, error) {
	if iso := in.Fields["birth"]; iso != "" {
		return person.ParseBirthISO(iso, now)
	}
	return person.ParseBirth(in.Fields["birth_day"], in.Fields["birth_month"], in.Fields["birth_year"], now)
}

// readID reads the identity number by the document chosen. Without a choice an
// 11-digit number is what its digits say it is.
func (f *Form) readID(p *city.Profile, in Input, now time.Time, wrong *fault.List) error {
	doc := in.Fields["doc"]
	if in.Fields["citizen"] == "other" && doc == "" && in.Fields["passport"] != "" {
		doc = "passport"
	}
	if doc == "passport" {
		if !p.Takes(person.Passport) {
			return wrong.Add("id", city.ErrDocument)
		}
		v := in.Fields["passport"]
		if v == "" {
			v = in.Fields["id"] // the seed's form has one box for either number
		}
		id, err := person.ParsePassport(v)
		f.Person.ID = id
		if err := wrong.Add("passport", err); err != nil {
			return err
		}
		f.Person.Country = strings.ToUpper(strings.TrimSpace(in.Fields["country"]))
		if len(f.Person.Country) != 2 || strings.Trim(f.Person.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return wrong.Add("country", ErrCountry)
		}
		if !p.Asks("birth") { // passport numbers repeat in the world; the birth date tells holders apart
			f.Person.Birth, err = readBirth(in, now)
			return wrong.Add("birth", err)
		}
		return nil
	}
	id, err := person.ParseTCKN(in.Fields["id"])
	switch {
	case err != nil:
	case !p.Takes(id.Kind()):
		err = city.ErrDocument
	case doc == "ykn" && id.Kind() != person.YKN, in.Fields["citizen"] == "other" && id.Kind() != person.YKN:
		err = person.ErrIDNotYKN
	case doc == "tckn" && id.Kind() != person.TCKN, in.Fields["citizen"] == "tc" && id.Kind() != person.TCKN:
		err = person.ErrIDNotTCKN
	}
	f.Person.ID = id
	return wrong.Add("id", err)
}

// validText refuses what no keyboard sends: broken UTF-8 and control
// characters other than blanks.
func validText(s string) bool {
	for _, r := range s {
		if r == '\uFFFD' || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return false
		}
	}
	return true
}

// formWire is a form as it is sealed while its request waits.
type formWire struct {
	Person   []byte `json:"p"`
	Scheme   uint8  `json:"s"`
	Card     string `json:"c"`
	NewSch   uint8  `json:"t,omitempty"`
	NewCard  string `json:"d,omitempty"`
	Code     string `json:"h,omitempty"`
	Province int    `json:"r,omitempty"`
	Version  string `json:"v,omitempty"`
	// Fields is the form as typed, kept so that a field the authority refuses
	// can be mended with nothing typed lost.
	Fields map[string]string `json:"f,omitempty"`
}

func (f Form) revealBytes(fields map[string]string) ([]byte, error) {
	b, err := json.Marshal(formWire{f.Person.RevealBytes(), f.Card.Scheme, f.Card.Reveal(), f.NewCard.Scheme, f.NewCard.Reveal(), f.Code.Reveal(), f.Province, f.Version, fields})
	if err != nil {
		return nil, fmt.Errorf("form: %w", err)
	}
	return b, nil
}

func restoreForm(b []byte) (Form, map[string]string, error) {
	var w formWire
	if err := json.Unmarshal(b, &w); err != nil {
		return Form{}, nil, fmt.Errorf("form: %w", err)
	}
	rec, err := person.RestoreRecord(w.Person)
	if err != nil {
		return Form{}, nil, err
	}
	f := Form{Person: rec, Card: card.NewNumber(w.Scheme, w.Card), Province: w.Province, Version: w.Version}
	if w.NewCard != "" {
		f.NewCard = card.NewNumber(w.NewSch, w.NewCard)
	}
	if w.Code != "" {
		f.Code = health.RestoreCode(w.Code)
	}
	return f, w.Fields, nil
}

// cardValue is what a card's tag is made of. The portal's numbers are one
// province's own, so the province goes in.
func cardValue(province int, n card.Number) string {
	return fmt.Sprintf("%d:%d:%s", province, n.Scheme, n.Reveal())
}
