package person_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"turnike/internal/card"
	"turnike/internal/health"
	"turnike/internal/person"
)

// The values that must not be seen.
var (
	id       = person.RestoreID(person.TCKN, "10000000146")
	passport = person.RestoreID(person.Passport, "N00123456")
	first    = person.RestoreName("Şerafettin")
	last     = person.RestoreName("Kızılırmak")
	birth    = person.RestoreBirth("1973-11-29")
	phone    = person.RestorePhone("905321112233")
	email    = person.RestoreEmail("serafettin@ornek.com")
	number   = card.NewNumber(1, "3400000000001234")
	code     = health.RestoreCode("K7X2M9PQ4W")
)

// secrets are the values and the parts of them that nobody may read.
var secrets = []string{
	"10000000146", "100000001", "00000014", "N00123456", "N001234", "Şerafettin", "erafettin", "Kızılırmak", "ızılırmak",
	"1973-11-29", "1973", "905321112233", "5321112233", "321112", "serafettin", "3400000000001234", "34000000", "K7X2M9PQ4W", "K7X2M9PQ",
}

type holder struct {
	ID     person.ID
	Any    any
	List   []person.Phone
	Map    map[string]person.Name
	Ptr    *person.Birth
	Card   card.Number
	Code   health.Code
	Record person.Record
	Claim  person.Claim
}

func values() map[string]any {
	rec := person.Record{ID: id, Country: "SY", First: first, Last: last, Birth: birth, Phone: phone, Email: email}
	b := birth
	return map[string]any{
		"id": id, "passport": passport, "first": first, "last": last, "birth": birth, "phone": phone, "email": email, "card": number, "code": code,
		"record": rec, "claim": person.Claim{ID: id, First: first, Last: last, Birth: birth},
		"holder": holder{id, passport, []person.Phone{phone}, map[string]person.Name{"x": last}, &b, number, code, rec, person.Claim{ID: id, First: first}},
		"list":   []any{id, phone, &b, number, code, email},
		"answer": health.Answer{Risky: true, MaskedID: "********146", MaskedFirst: "ŞE****"},
	}
}

// TestNothingPrints: by no verb, encoder or log does a value come out.
func TestNothingPrints(t *testing.T) {
	for name, v := range values() {
		t.Run(name, func(t *testing.T) {
			out := map[string]string{}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
				out[verb] = fmt.Sprintf(verb, v)
			}
			out["print"] = fmt.Sprint(v)
			out["println"] = fmt.Sprintln(v)
			out["error"] = fmt.Errorf("deed: %v: %w", v, errors.New("x")).Error()
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			out["json"] = string(b)
			b, err = json.Marshal(map[string]any{"a": []any{v}, "b": &v})
			if err != nil {
				t.Fatal(err)
			}
			out["json inside"] = string(b)
			for kind, handler := range map[string]func(*bytes.Buffer) slog.Handler{
				"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
				"slog json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
			} {
				var b bytes.Buffer
				log := slog.New(handler(&b))
				log.Info("x", "v", v, "ptr", &v, slog.Group("g", "v", v), "list", []any{v})
				log.With("v", v).WithGroup("g").Info("x", slog.Any("v", v))
				out[kind] = b.String()
			}
			for how, s := range out {
				for _, secret := range secrets {
					for form, look := range map[string]string{"as it is": secret, "in hex": fmt.Sprintf("%x", secret)} {
						if strings.Contains(strings.ToLower(s), strings.ToLower(look)) {
							t.Errorf("%s: got %q, want it without %q (%s)", how, s, secret, form)
						}
					}
				}
				if how != "%T" && how != "%d" && s == "" {
					t.Errorf("%s: got nothing, want at least the mask", how)
				}
			}
		})
	}
}

// TestMasks: enough to tell one's own apart.
func TestMasks(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{id.String(), "*********46"}, {passport.String(), "*******56"}, {first.String(), "Ş***"}, {email.String(), "***@ornek.com"},
		{birth.String(), "****-**-**"}, {phone.String(), "05** *** ** 33"}, {number.String(), "**** 1234"}, {code.String(), "****-****-4W"},
		{person.ID{}.String(), ""}, {person.Name{}.String(), ""}, {person.Phone{}.String(), ""}, {person.Email{}.String(), ""},
		{person.Birth{}.String(), ""}, {card.Number{}.String(), ""}, {health.Code{}.String(), ""},
	} {
		if c.got != c.want {
			t.Errorf("mask: got %q, want %q", c.got, c.want)
		}
	}
}

func TestRecordIsSealedWhole(t *testing.T) {
	for name, r := range map[string]person.Record{
		"all":      {ID: id, First: first, Last: last, Birth: birth, Phone: phone, Email: email},
		"passport": {ID: passport, Country: "SY", Birth: birth, Phone: phone},
		"short":    {Phone: phone},
		"nothing":  {},
	} {
		got, err := person.RestoreRecord(r.RevealBytes())
		if err != nil || got != r {
			t.Errorf("%s: got %v %v, want what was sealed", name, got, err)
		}
	}
	if _, err := person.RestoreRecord([]byte("{")); err == nil {
		t.Error("half a record: got no error")
	} else if strings.Contains(err.Error(), "10000000146") {
		t.Errorf("half a record: got %v", err)
	}
}

func FuzzRestoreRecord(f *testing.F) {
	f.Add([]byte(`{"k":1,"n":"10000000146","b":"1973-11-29","p":"905321112233"}`))
	f.Add([]byte(`{"k":300}`))
	f.Add([]byte(`{"b":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := person.RestoreRecord(b)
		if err != nil {
			return
		}
		again, err := person.RestoreRecord(r.RevealBytes())
		if err != nil || again != r {
			t.Errorf("%q: got %v, then %v %v", b, r, again, err)
		}
	})
}
