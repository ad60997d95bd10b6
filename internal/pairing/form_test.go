package pairing_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/fault"
	"turnike/internal/health"
	"turnike/internal/pairing"
	"turnike/internal/person"
)

// TestEveryFieldWrong: all faults at once, each on its field.
func TestEveryFieldWrong(t *testing.T) {
	cities, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	in := pairing.Input{City: "istanbul", Kind: pairing.Pair, Fields: map[string]string{
		"first_name": "阿", "last_name": "", "id": "12345678901", "birth_day": "31", "birth_month": "2", "birth_year": "1980",
		"email": "x", "card": "12", "phone": "0212 444 11 22", "hes": "ABC",
	}}
	_, err = pairing.Parse(cities["istanbul"], in, began)
	want := map[string]error{
		"first_name": person.ErrNameLetters, "last_name": person.ErrNameMissing, "id": person.ErrIDChecksum, "birth": person.ErrBirthShape, "email": person.ErrEmailShape,
		"card": card.ErrLength, "phone": person.ErrPhoneLand, "hes": health.ErrCodeShape, "box_terms": city.ErrBoxRequired,
	}
	got := fault.Of(err)
	for field, w := range want {
		if !slices.ContainsFunc(got, func(f *fault.Fault) bool { return f.Field == field && errors.Is(f, w) }) {
			t.Errorf("%s: got %v, want %v among them", field, got, w)
		}
	}
	for id, p := range cities { // an empty form names every field that is asked
		_, err := pairing.Parse(p, pairing.Input{City: id, Kind: pairing.Pair, Fields: map[string]string{}}, began)
		for _, f := range pairing.Fields(p, pairing.Pair) {
			if !p.Optional(f) && !slices.ContainsFunc(fault.Of(err), func(x *fault.Fault) bool { return x.Field == f }) {
				t.Errorf("%s, empty form: got %v, want a fault on %s", id, err, f)
			}
		}
	}
}

// TestDocuments: the document chosen must be the one the number is of.
func TestDocuments(t *testing.T) {
	cities, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	const tckn, ykn = "10000000146", "99123456740"
	for _, c := range []struct {
		city   string
		fields map[string]string
		field  string
		want   error
	}{
		{"istanbul", map[string]string{"id": tckn}, "id", nil},
		{"istanbul", map[string]string{"id": ykn}, "id", nil},
		{"istanbul", map[string]string{"doc": "tckn", "id": ykn}, "id", person.ErrIDNotTCKN},
		{"istanbul", map[string]string{"doc": "ykn", "id": tckn}, "id", person.ErrIDNotYKN},
		{"istanbul", map[string]string{"doc": "passport", "passport": "N00123456"}, "country", pairing.ErrCountry},
		{"istanbul", map[string]string{"doc": "passport", "passport": "N00123456", "country": "sy"}, "country", nil},
		{"istanbul", map[string]string{"doc": "passport", "passport": "N00123456", "country": "S1"}, "country", pairing.ErrCountry},
		{"istanbul", map[string]string{"doc": "passport", "passport": "N0"}, "passport", person.ErrPassportShape},
		{"izmir", map[string]string{"doc": "passport", "passport": "N00123456", "country": "SY"}, "id", city.ErrDocument},
		{"antalya", map[string]string{"doc": "passport", "passport": "N00123456", "country": "SY"}, "birth", person.ErrBirthMissing},
		{"turkiye", map[string]string{"citizen": "tc", "id": ykn}, "id", person.ErrIDNotTCKN},
		{"turkiye", map[string]string{"citizen": "other", "id": tckn}, "id", person.ErrIDNotYKN},
		{"turkiye", map[string]string{"citizen": "martian", "id": tckn}, "citizen", city.ErrCitizen},
		{"turkiye", map[string]string{"province": "Atlantis"}, "province", city.ErrProvince},
	} {
		_, err := pairing.Parse(cities[c.city], pairing.Input{City: c.city, Kind: pairing.Pair, Fields: c.fields}, began)
		var on *fault.Fault
		for _, f := range fault.Of(err) {
			if f.Field == c.field {
				on = f
			}
		}
		if c.want == nil && on != nil || c.want != nil && !errors.Is(on, c.want) {
			t.Errorf("%s %v: got %v on %s, want %v", c.city, c.fields, on, c.field, c.want)
		}
	}
}

// FuzzParse: whatever is typed, a form is taken or every fault is one that can
// be told, on a field that was asked.
func FuzzParse(f *testing.F) {
	cities, err := city.Shipped()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("istanbul", "Ayşe", "10000000146", "1985-03-14", "3400000000000001", "05321112233", "K7X2-M9PQ-4W", "")
	f.Add("turkiye", "\u202eA", "99123456740", "\xff", "0612345678901234", "+49", "|", "passport")
	f.Add("antalya", "", "N00123456", "2020-02-30", "4111111111111111", "0212", "ıııııııııı", "passport")
	f.Fuzz(func(t *testing.T, id, name, number, birth, no, phone, hes, doc string) {
		p, ok := cities[id]
		if !ok {
			p = cities["istanbul"]
		}
		for _, k := range []pairing.Kind{pairing.Pair, pairing.Status, pairing.Renew, pairing.Move, pairing.Unpair} {
			in := pairing.Input{City: p.ID, Kind: k, Fields: map[string]string{
				"first_name": name, "last_name": name, "id": number, "passport": number, "birth": birth, "card": no, "new_card": hes, "phone": phone,
				"hes": hes, "doc": doc, "country": birth, "province": phone, "citizen": doc, "email": name, "box_terms": doc,
			}}
			form, err := pairing.Parse(p, in, began)
			if err == nil {
				if form.Card.IsZero() || form.Person.Phone.IsZero() {
					t.Errorf("taken without card or phone: %+v", in)
				}
				continue
			}
			l := fault.Of(err)
			if len(l) == 0 {
				t.Fatalf("got %v, want faults", err)
			}
			for _, x := range l {
				if x.Field == "" || x.Kind.Status() >= 500 {
					t.Errorf("got %+v, want a field and something to mend", x)
				}
				for what, v := range map[string]string{"number": number, "card": no, "code": hes} {
					if strings.ContainsAny(v, "0123456789") && len(v) > 5 && strings.Contains(x.Error(), v) {
						t.Errorf("the fault repeats the %s", what)
					}
				}
			}
		}
	})
}
