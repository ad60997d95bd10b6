package citizen

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/a-h/templ"
	"github.com/gofrs/uuid/v5"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/web/httpx"
	"turnike/internal/web/ui"
)

// form is a form as it is drawn: of a kind, in a city, with what was typed.
type form struct {
	page   ui.Page
	city   *city.Profile
	kind   pairing.Kind
	key    string // idempotency key: one form, one request, however often it is sent
	after  string // token of the request whose fields are being mended
	values map[string]string
	faults fault.List
	own    *city.Profile // the chosen province's own page, offered in place of the portal's form
}

// fields are the form's fields in the city's order; contact is the group of its
// own below them, where the city has one.
func (f form) fields() []string {
	var fields []string
	if f.kind != pairing.Pair && f.city.Asks("province") {
		fields = append(fields, "province")
	}
	switch f.kind {
	case pairing.Pair:
		return f.city.Form.Fields
	case pairing.Move:
		return append(fields, "card", "new_card", "phone")
	case pairing.Renew:
		return append(fields, "card", "phone", "hes")
	}
	return append(fields, "card", "phone")
}

func (f form) contact() []string {
	if f.kind != pairing.Pair {
		return nil
	}
	return f.city.Form.Contact
}

func (f form) passport() bool { return f.city.Takes(person.Passport) }

// title is the key of the form's heading.
func (f form) title() string { return "kind.title." + string(f.kind) }

// wrong is the fault on a field, in words.
func (f form) wrong(ctx context.Context, field string) string {
	return ui.ProblemOf(ctx, f.faults, field)
}

// problems are the summary's lines, in the order the fields stand in.
func (f form) problems(ctx context.Context) []ui.Problem {
	order := append(slices.Clone(f.fields()), f.contact()...)
	place := func(x *fault.Fault) int {
		field := x.Field
		if field == "passport" || field == "country" || field == "birth" && !slices.Contains(order, "birth") {
			field = "id"
		}
		if i := slices.Index(order, field); i >= 0 {
			return i
		}
		return len(order)
	}
	sorted := slices.Clone(f.faults)
	slices.SortStableFunc(sorted, func(a, b *fault.Fault) int { return place(a) - place(b) })
	return ui.Problems(ctx, sorted, "birth")
}

// paper is the word for a field on the city's paper form.
func (f form) paper(field string) string { return f.city.Form.Paper[field] }

// cardHint says where the number is printed; a city with several kinds of card
// has several places.
func (f form) cardHint(ctx context.Context) string {
	var hints []string
	for _, s := range f.city.Schemes {
		if h := s.Hint.In(string(i18n.From(ctx))); h != "" && !slices.Contains(hints, h) {
			hints = append(hints, h)
		}
	}
	if len(hints) == 0 {
		return ui.T(ctx, "field.card.hint")
	}
	return strings.Join(hints, "; ") + "."
}

// button is the word on the form's button, the city's own on the pairing form.
func (f form) button(ctx context.Context) string {
	if b := f.city.Form.Button.In(string(i18n.From(ctx))); b != "" && f.kind == pairing.Pair {
		return b
	}
	return ui.T(ctx, "card.send")
}

// bakedForm names an empty form: the same for everybody but for its key.
type bakedForm struct {
	city *city.Profile
	kind pairing.Kind
}

func newKey() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// newForm is an empty form of a kind.
func (s *Server) newForm(r *http.Request, p *city.Profile, k pairing.Kind) (form, error) {
	key, err := newKey()
	if err != nil {
		return form{}, err
	}
	f := form{city: p, kind: k, key: key, values: map[string]string{}}
	f.page = s.frame(r, p, f.title())
	f.page.FormID = "form"
	f.page.Back = path(p, "")
	return f, nil
}

// showForm draws a form, filled in again when its holder comes back to change
// or mend what was typed.
func (s *Server) showForm(k pairing.Kind) func(http.ResponseWriter, *http.Request, *city.Profile) error {
	return func(w http.ResponseWriter, r *http.Request, p *city.Profile) error {
		f, err := s.newForm(r, p, k)
		if err != nil {
			return err
		}
		if r.URL.Query().Has("again") {
			if v, err := s.current(r, p); err == nil && v.Kind == k && v.Fields != nil {
				f.values = v.Fields
				if v.Stage == pairing.StageAmend {
					f.after, f.faults, f.page.Failed = v.Token, v.Faults, true
					return s.site.Render(w, r, http.StatusUnprocessableEntity, formPage(f))
				}
				return s.site.Render(w, r, http.StatusOK, formPage(f))
			}
		}
		return s.site.RenderBaked(w, r, bakedForm{p, k}, f.key, func(key string) templ.Component {
			f.key = key
			return formPage(f)
		})
	}
}

// sendForm takes a form. Whatever is wrong with it, it comes back as it was
// typed, every fault beside its field.
func (s *Server) sendForm(k pairing.Kind) func(http.ResponseWriter, *http.Request, *city.Profile) error {
	return func(w http.ResponseWriter, r *http.Request, p *city.Profile) error {
		typed, r, err := s.site.Form(w, r)
		if err != nil {
			return err
		}
		f, err := s.newForm(r, p, k)
		if err != nil {
			return err
		}
		if key := typed.Get("_key"); key != "" {
			f.key = key
		}
		f.after = typed.Get("_after")
		for _, name := range f.names() {
			if v := typed.Get(name); v != "" {
				f.values[name] = v
			}
		}
		if typed.Switch {
			return s.site.Render(w, r, http.StatusOK, formPage(f))
		}
		if own, ok := s.ownPage(p, f.values["province"]); ok {
			f.own = own
			return s.site.Render(w, r, http.StatusUnprocessableEntity, formPage(f))
		}
		in := pairing.Input{City: p.ID, Kind: k, Lang: string(i18n.From(r.Context())), Channel: "web", Key: f.key, After: f.after, Fields: f.values}
		v, err := s.cfg.Pairing.Begin(r.Context(), in)
		if errors.Is(err, pairing.ErrKeyReused) {
			// Somebody went back and changed the form: that is another request.
			if in.Key, err = newKey(); err != nil {
				return err
			}
			v, err = s.cfg.Pairing.Begin(r.Context(), in)
		}
		if err != nil {
			faults := fault.Of(err)
			if len(faults) == 0 {
				return err
			}
			f.faults, f.page.Failed = faults, true
			if wait := faults[0].RetryAfter; wait > 0 {
				httpx.RetryAfter(w, wait)
			}
			return s.site.Render(w, r, faults[0].Kind.Status(), formPage(f))
		}
		return s.next(w, r, p, v)
	}
}

// names are the names a form of this kind may send, and nothing else is taken.
func (f form) names() []string {
	names := append(slices.Clone(f.fields()), f.contact()...)
	if slices.Contains(names, "id") {
		names = append(names, "doc", "passport", "country")
	}
	names = append(names, "birth_day", "birth_month", "birth_year")
	if f.kind == pairing.Pair {
		for _, b := range f.city.Form.Boxes {
			names = append(names, "box_"+b.ID)
		}
	}
	return names
}

// ownPage is the page of the province chosen on the general portal, where that
// province has one: its form asks what its own rules need.
func (s *Server) ownPage(p *city.Profile, province string) (*city.Profile, bool) {
	if p.Plate != 0 || province == "" {
		return nil, false
	}
	plate, err := city.ParseProvince(province)
	if err != nil {
		return nil, false
	}
	return s.cfg.Cities().ByPlate(plate)
}

// provinces are the choices of the province field, in Turkish order.
var provinces = sync.OnceValue(func() []ui.Choice {
	var cs []ui.Choice
	for plate := 1; plate <= city.Plates; plate++ {
		name, _ := city.Province(plate)
		cs = append(cs, ui.Choice{Value: name, Label: name})
	}
	byLabel(cs, language.Turkish)
	return cs
})

// countries are the choices of the country that issued a passport, by their
// names in each language (ISO 3166-1; names from CLDR).
var countries = sync.OnceValue(func() map[i18n.Lang][]ui.Choice {
	all := map[i18n.Lang][]ui.Choice{}
	for _, l := range i18n.Langs() {
		names := display.Regions(l.Tag())
		var cs []ui.Choice
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				region, err := language.ParseRegion(string(a) + string(b))
				if err != nil || !region.IsCountry() || region.Canonicalize() != region || region.String() != string(a)+string(b) || region.String() == "TR" || region.String() == "ZZ" {
					continue
				}
				if name := names.Name(region); name != "" {
					cs = append(cs, ui.Choice{Value: region.String(), Label: name})
				}
			}
		}
		byLabel(cs, l.Tag())
		all[l] = cs
	}
	return all
})

func byLabel(cs []ui.Choice, t language.Tag) {
	c := collate.New(t)
	slices.SortFunc(cs, func(a, b ui.Choice) int { return c.CompareString(a.Label, b.Label) })
}

// choose puts an empty choice in front and ticks the chosen one.
func choose(empty string, cs []ui.Choice, value string) []ui.Choice {
	out := append([]ui.Choice{{Label: empty}}, cs...)
	for i := range out {
		out[i].Checked = value != "" && strings.EqualFold(out[i].Value, value)
	}
	return out
}

// idTexts are label and hint of the identity number: some cities take
// citizens' numbers only.
func (f form) idTexts(ctx context.Context) (label, hint string) {
	if f.city.Takes(person.YKN) {
		return ui.T(ctx, "field.id.label"), ui.T(ctx, "field.id.hint")
	}
	return ui.T(ctx, "field.tckn.label"), ui.T(ctx, "field.tckn.hint")
}
