// Package city is a city as a file: how its cards are numbered, what its form
// asks, which documents it takes, who may hold how many cards, what its boards
// decided and when it takes effect, where its desks stand, on what law it
// rests. A city goes live by one TOML file that Check accepts, with no code.
package city

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a server without zone data would put Türkiye an hour off

	"github.com/BurntSushi/toml"

	"turnike/internal/card"
	"turnike/internal/fault"
	"turnike/internal/person"
	"turnike/statuslist"
)

//go:embed profiles/*.toml
var shipped embed.FS

// Text is one text in the three languages, keyed tr, en, ar.
type Text map[string]string

// In gives the text in a language, Turkish where that is missing.
func (t Text) In(lang string) string {
	if s := t[lang]; s != "" {
		return s
	}
	return t["tr"]
}

// Profile is one city's file. The zero values of rules mean "no such rule".
type Profile struct {
	ID       string `toml:"id"` // part of every address: lower case ASCII
	Name     Text   `toml:"name"`
	Plate    int    `toml:"plate"` // province code; 0 for a portal that serves many
	Zone     string `toml:"zone"`  // IANA name
	CardName string `toml:"card_name"`
	Operator string `toml:"operator"`
	Helpline string `toml:"helpline"`
	Site     string `toml:"site"` // domain named in text messages
	Intro    Text   `toml:"intro"`

	Look      Look       `toml:"look"`
	Form      Form       `toml:"form"`
	Rules     Rules      `toml:"rules"`
	Legal     Legal      `toml:"legal"`
	Gate      Gate       `toml:"gate"`
	Report    Report     `toml:"report"`
	Schemes   []Scheme   `toml:"scheme"`
	Decisions []Decision `toml:"decision"`
	Desks     []Desk     `toml:"desk"`

	zone   *time.Location
	ranges *statuslist.Ranges
	source string
}

// Look is how a city shows itself.
type Look struct {
	Color string `toml:"color"` // #rrggbb; must be readable under white text
	Logo  string `toml:"logo"`  // an SVG without script
}

// Form says what the city asks, in its order.
type Form struct {
	Fields    []string          `toml:"fields"`
	Contact   []string          `toml:"contact"` // asked below in a group of its own: where to send the result
	Optional  []string          `toml:"optional"`
	Documents []string          `toml:"documents"` // tckn, ykn, passport; the first is the form's own, passport a switch
	Passport  Text              `toml:"passport_switch"`
	Paper     map[string]string `toml:"paper"` // the Turkish word on the paper form or guide, by field
	Button    Text              `toml:"button"`
	Boxes     []Box             `toml:"box"`
}

// Box is a tick box of the form.
type Box struct {
	ID       string `toml:"id"`
	Kind     string `toml:"kind"` // terms, notice or consent; consent is never a condition of service
	Required bool   `toml:"required"`
	Text     Text   `toml:"text"`
}

// Rules are the city's own limits.
type Rules struct {
	CardsPerPerson int  `toml:"cards_per_person"` // 0 = no limit
	CardsPerCode   int  `toml:"cards_per_code"`   // 0 = no limit
	Register       bool `toml:"register"`         // ask the identity register, where the form has what it needs
	Health         bool `toml:"health"`           // ask the health authority
	Mandatory      bool `toml:"mandatory"`        // pairing is required here
	IsolationDays  int  `toml:"isolation_days"`   // how long a stop lasts unless it is renewed
	RecheckHours   int  `toml:"recheck_hours"`    // how often the authority is asked again
	AgeBands       bool `toml:"age_bands"`        // birth dates decide between 65+, under 20 and adult
}

// Legal is on what law the city processes what it asks.
type Legal struct {
	Basis        string `toml:"basis"` // legal_obligation or explicit_consent
	Controller   string `toml:"controller"`
	Notice       Text   `toml:"notice"`
	Terms        Text   `toml:"terms"`
	Version      string `toml:"version"` // of notice and terms, stored with each pairing
	RetainDays   int    `toml:"retain_days"`
	Circular     string `toml:"circular"`
	NoticeSource string `toml:"source"`
}

// Gate is what validators do when they cannot hear the city.
type Gate struct {
	StaleUnpaired string `toml:"stale_unpaired"` // ride, full_fare or refuse once the list is past its time
	StalePaired   string `toml:"stale_paired"`
	StaleStopped  string `toml:"stale_stopped"`
	AmberHours    int    `toml:"amber_hours"`
	AlarmHours    int    `toml:"alarm_hours"`
	MaxAgeHours   int    `toml:"max_age_hours"`
}

// Scheme is one way the city's cards are numbered.
type Scheme struct {
	ID     uint8   `toml:"id"`
	Name   string  `toml:"name"`
	Digits uint8   `toml:"digits"`
	Check  string  `toml:"check"`  // none, luhn or mod97; never assumed
	Prefix string  `toml:"prefix"` // digits every number begins with, if any
	Tagged bool    `toml:"tagged"` // no issued ranges: kept as keyed tags (bank cards)
	Chips  bool    `toml:"chips"`  // no issued ranges, but a list of the chips' ids: kept as functions of them
	Hint   Text    `toml:"hint"`   // where the number is printed
	Ranges []Range `toml:"range"`
}

// Range is a run of issued payloads (check digits taken off), ends included.
type Range struct {
	First uint64 `toml:"first"`
	Last  uint64 `toml:"last"`
	Class string `toml:"class"` // what a card of this run is before anybody pairs it; unpaired if empty
	Note  string `toml:"note"`
}

// Decision is a dated decision of a board or a ministry, revisable: a later
// one supersedes it from its own announcement on.
type Decision struct {
	ID         string    `toml:"id"`
	Announced  time.Time `toml:"announced"` // before this nobody knew
	Supersedes string    `toml:"supersedes"`
	Classes    []string  `toml:"classes"`
	From       time.Time `toml:"from"`
	Until      time.Time `toml:"until"`   // zero = until superseded
	Hours      []string  `toml:"hours"`   // "10:00-14:00": only inside these; none = all day
	Outcome    string    `toml:"outcome"` // refuse, full_fare or ride
	Text       Text      `toml:"text"`
	Source     string    `toml:"source"`
}

// Desk is a place where people are served: a staffed help desk or a kiosk.
type Desk struct {
	ID    string  `toml:"id"`
	Kind  string  `toml:"kind"`  // desk or kiosk
	Place string  `toml:"place"` // metro, izban, pier, transfer, office, social
	Name  string  `toml:"name"`
	Hours string  `toml:"hours"`
	Lat   float64 `toml:"lat"`
	Lon   float64 `toml:"lon"`
}

// The fields a form may ask, and nothing else.
var fieldNames = []string{"citizen", "province", "id", "first_name", "last_name", "birth", "email", "card", "phone", "hes"}

// Faults of what only the city can judge.
var (
	ErrNoCity      = fault.New(fault.NotFound, "city.unknown")
	ErrProvince    = fault.New(fault.Invalid, "province.missing")
	ErrCitizen     = fault.New(fault.Invalid, "citizen.missing")
	ErrDocument    = fault.New(fault.Invalid, "document.not_taken")
	ErrBoxRequired = fault.New(fault.Invalid, "box.required")
)

// Location is the city's clock.
func (p *Profile) Location() *time.Location { return p.zone }

// Source is the text the profile was read from.
func (p *Profile) Source() string { return p.source }

// Asks tells whether the form has a field, in either group.
func (p *Profile) Asks(field string) bool {
	return slices.Contains(p.Form.Fields, field) || slices.Contains(p.Form.Contact, field)
}

// Optional tells whether a field may be left empty.
func (p *Profile) Optional(field string) bool { return slices.Contains(p.Form.Optional, field) }

// Takes tells whether the city takes a document.
func (p *Profile) Takes(k person.DocKind) bool {
	return slices.Contains(p.Form.Documents, k.String())
}

// ParseCard reads a card number as typed by the first scheme of the city that
// fits: blanks and dashes dropped. The faults tell a wrong length from a wrong
// digit, so that the person knows what to look at.
func (p *Profile) ParseCard(s string) (card.Number, error) {
	s = person.Digits(s)
	if s == "" {
		return card.Number{}, card.ErrMissing
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return card.Number{}, card.ErrDigits
		}
	}
	fits := error(card.ErrLength.With("want", p.lengths()))
	for _, sc := range p.Schemes {
		if len(s) != int(sc.Digits) {
			continue
		}
		if !strings.HasPrefix(s, sc.Prefix) {
			fits = card.ErrPrefix
			continue
		}
		if _, ok := sc.signed().Parse([]byte(s), anyTag); !ok {
			fits = card.ErrChecksum
			continue
		}
		return card.NewNumber(sc.ID, s), nil
	}
	return card.Number{}, fits
}

// anyTag satisfies tagged schemes where only the shape is looked at.
var anyTag = func() *statuslist.TagKey {
	k, err := statuslist.NewTagKey(make([]byte, 32))
	if err != nil {
		panic(err) // 32 bytes are in range
	}
	return k
}()

// lengths lists the lengths a card number may have, for the sentence.
func (p *Profile) lengths() string {
	var ls []string
	for _, sc := range p.Schemes {
		if l := fmt.Sprint(sc.Digits); !slices.Contains(ls, l) {
			ls = append(ls, l)
		}
	}
	return strings.Join(ls, " / ")
}

// CardLen is the longest number the city prints.
func (p *Profile) CardLen() int {
	n := 0
	for _, sc := range p.Schemes {
		n = max(n, int(sc.Digits))
	}
	return n
}

// CheckOf is how the numbers of a scheme prove themselves.
func CheckOf(s Scheme) statuslist.Check { return checks[s.Check] }

var checks = map[string]statuslist.Check{"": statuslist.CheckNone, "none": statuslist.CheckNone, "luhn": statuslist.CheckLuhn, "mod97": statuslist.Check97}

func (s Scheme) signed() statuslist.Scheme {
	return statuslist.Scheme{ID: s.ID, Name: s.Name, Digits: s.Digits, Check: checks[s.Check], Tagged: s.Tagged, Chips: s.Chips}
}

// Ranges is the table of issued cards that the list is built on.
func (p *Profile) Ranges() *statuslist.Ranges { return p.ranges }

func (p *Profile) makeRanges() (*statuslist.Ranges, error) {
	var schemes []statuslist.Scheme
	var issued []statuslist.Range
	for _, s := range p.Schemes {
		schemes = append(schemes, s.signed())
		for _, r := range s.Ranges {
			issued = append(issued, statuslist.Range{Scheme: s.ID, First: r.First, Last: r.Last})
		}
	}
	return statuslist.NewRanges(schemes, issued...)
}

// ClassAt is what the card of a list index is before anybody pairs it.
func (p *Profile) ClassAt(index uint32) card.Class {
	var start uint64
	for _, s := range p.Schemes {
		for _, r := range s.Ranges {
			n := r.Last - r.First + 1
			if uint64(index) < start+n {
				c, _ := card.ClassOf(r.Class)
				return c
			}
			start += n
		}
	}
	return card.Unpaired
}

// Place is where the list keeps a card: its index, or for a scheme without
// ranges its tag under the given key. ok is false for a number that was never
// issued.
func (p *Profile) Place(n card.Number, key *statuslist.TagKey) (place int64, ok bool) {
	for _, s := range p.Schemes {
		if s.ID != n.Scheme {
			continue
		}
		num, ok := s.signed().Parse([]byte(n.Reveal()), key)
		if !ok || s.Tagged || s.Chips {
			return int64(num.Value), ok
		}
		i, ok := p.ranges.Index(num)
		return int64(i), ok
	}
	return 0, false
}

// Tagged tells whether a scheme keeps tags instead of indices, of numbers or
// of chips.
func (p *Profile) Tagged(scheme uint8) bool {
	for _, s := range p.Schemes {
		if s.ID == scheme {
			return s.Tagged || s.Chips
		}
	}
	return false
}

// Set is the cities an installation serves, by id.
type Set map[string]*Profile

// IDs lists the cities by name, portals last.
func (s Set) IDs() []string {
	ids := make([]string, 0, len(s))
	for id := range s {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if pa, pb := s[a].Plate == 0, s[b].Plate == 0; pa != pb {
			if pa {
				return 1
			}
			return -1
		}
		return strings.Compare(person.Fold(s[a].Name["tr"]), person.Fold(s[b].Name["tr"]))
	})
	return ids
}

// ByPlate finds the city of a province that has a profile of its own.
func (s Set) ByPlate(plate int) (*Profile, bool) {
	for _, p := range s {
		if p.Plate == plate && plate != 0 {
			return p, true
		}
	}
	return nil, false
}

// Shipped are the cities that come with the product: İstanbul, İzmir,
// Gaziantep, Antalya and the portal of all provinces.
func Shipped() (Set, error) {
	sub, err := fs.Sub(shipped, "profiles")
	if err != nil {
		return nil, err
	}
	return LoadFS(sub)
}

// LoadFS reads every .toml file of a folder.
func LoadFS(dir fs.FS) (Set, error) {
	names, err := fs.Glob(dir, "*.toml")
	if err != nil {
		return nil, err
	}
	set := Set{}
	var errs []error
	for _, n := range names {
		b, err := fs.ReadFile(dir, n)
		if err != nil {
			return nil, err
		}
		p, err := Parse(b)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", n, err))
			continue
		}
		if p.ID != strings.TrimSuffix(path.Base(n), ".toml") {
			errs = append(errs, fmt.Errorf("%s: id is %q; a city's file carries its id as its name", n, p.ID))
			continue
		}
		set[p.ID] = p
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(set) == 0 {
		return nil, errors.New("no city files (*.toml) found")
	}
	return set, nil
}

// Parse reads one city file and checks it whole; the error lists everything
// that is wrong, each with the place and what to do.
func Parse(b []byte) (*Profile, error) {
	var p Profile
	md, err := toml.NewDecoder(bytes.NewReader(b)).Decode(&p)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return nil, fmt.Errorf("line %d: %s", pe.Position.Line, pe.Message)
		}
		return nil, err
	}
	p.source = string(b)
	var wrong []error
	for _, k := range md.Undecoded() {
		wrong = append(wrong, fmt.Errorf("%s: no such setting; see docs/city-file.md for the settings there are", k))
	}
	wrong = append(wrong, p.check()...)
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return &p, nil
}
