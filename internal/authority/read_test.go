package authority

import (
	"errors"
	"testing"
	"time"

	"turnike/internal/health"
	"turnike/internal/peer"
)

const riskless = `{"expiration_date":"2070-12-30T00:00:00.000Z","current_health_status":"RISKLESS","masked_identity_number":"********146","masked_firstname":"AY****","masked_lastname":"YI**** "}`

func TestReadHESAnswer(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   string
		risky  bool
		err    error
	}{
		{"riskless", 200, riskless, false, nil},
		{"risky, blanks and unknown fields", 200, ` {"masked_firstname":"AY****","current_health_status":"RISKY","expiration_date":"2021-03-01T20:59:59Z","is_vaccinated":"false","x":1} `, true, nil},
		{"a date without a zone is UTC", 200, `{"masked_firstname":"AY****","current_health_status":"RISKY","expiration_date":"2021-03-01T20:59:59"}`, true, nil},
		{"a zone without a colon", 200, `{"masked_firstname":"AY****","current_health_status":"RISKY","expiration_date":"2021-03-01T20:59:59.000+0000"}`, true, nil},
		{"not found", 400, `{"status":400,"errorKey":"hescodenotfound"}`, false, health.ErrCodeUnknown},
		{"expired", 400, `{"status":400,"errorKey":"hescodehasbeenexpired","expiration_date":"2021-01-01T00:00:00Z"}`, false, health.ErrCodeExpired},
		{"error key under a success status", 200, `{"errorKey":"hescodenotfound"}`, false, health.ErrCodeUnknown},
		{"another error key", 400, `{"errorKey":"quota"}`, false, ErrNoAnswer},
		{"a state never seen", 200, `{"current_health_status":"CONTACT","expiration_date":"2021-03-01T20:59:59Z"}`, false, ErrNoAnswer},
		{"no state", 200, `{"expiration_date":"2021-03-01T20:59:59Z"}`, false, ErrNoAnswer},
		{"no date", 200, `{"current_health_status":"RISKY"}`, false, ErrNoAnswer},
		{"nobody's", 200, `{"current_health_status":"RISKLESS","expiration_date":"2021-03-01T20:59:59Z","masked_firstname":" "}`, false, ErrNoAnswer},
		{"two values", 200, riskless + riskless, false, ErrNoAnswer},
		{"cut", 200, riskless[:40], false, ErrNoAnswer},
		{"empty", 200, "", false, ErrNoAnswer},
		{"null", 200, "null", false, ErrNoAnswer},
		{"array", 200, "[]", false, ErrNoAnswer},
		{"password", 401, `{}`, false, ErrCredentials},
		{"teapot", 418, riskless, false, ErrNoAnswer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := readHESAnswer(peer.Answer{Status: tt.status, Body: []byte(tt.body)})
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) || a.Risky != tt.risky {
				t.Errorf("got risky %v, %v; want %v, %v", a.Risky, err, tt.risky, tt.err)
			}
			if err == nil && a.Expires.Location() != time.UTC {
				t.Errorf("expiry %v is not in UTC", a.Expires)
			}
		})
	}
}

func TestReadHESBatch(t *testing.T) {
	code := func(s string) health.Code { return health.RestoreCode(s) }
	a, b, c, d, e := code("AAAAAAAAA1"), code("AAAAAAAAA2"), code("AAAAAAAAA3"), code("AAAAAAAAA4"), code("AAAAAAAAA5")
	got, err := readHESBatch([]byte(`{"success_map":{"AAAA-AAAA-A1":`+riskless+`,"ZZZZZZZZZZ":`+riskless+`,"AAAAAAAAA3":`+riskless+`,"AAAAAAAAA5":7},
		"unsuccess_map":{"AAAAAAAAA2":"hescodenotfound","AAAAAAAAA3":"hescodenotfound"}}`), []health.Code{a, b, c, d, e})
	if err != nil || len(got) != 5 {
		t.Fatalf("got %v, %v", got, err)
	}
	for _, tt := range []struct {
		name string
		code health.Code
		err  error
	}{
		{"answered, with dashes", a, nil},
		{"refused", b, health.ErrCodeUnknown},
		{"in both maps", c, ErrNoAnswer},
		{"left out", d, ErrNoAnswer},
		{"no object", e, ErrNoAnswer},
	} {
		if v := got[tt.code]; !errors.Is(v.Err, tt.err) || (v.Err == nil) != (tt.err == nil) {
			t.Errorf("%s: got %+v, want %v", tt.name, v, tt.err)
		}
	}
	for _, bad := range []string{"", "{}", "[]", `{"success_map":[]}`, `{"success_map":{}} x`} {
		if _, err := readHESBatch([]byte(bad), []health.Code{a}); !errors.Is(err, ErrNoAnswer) {
			t.Errorf("%q: got %v, want %v", bad, err, ErrNoAnswer)
		}
	}
}

func TestReadNVI(t *testing.T) {
	wrap := func(s string) string {
		return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="x"><soap:Body><R xmlns="` + nviSpace + `">` + s + `</R></soap:Body></soap:Envelope>`
	}
	const result = "TCKimlikNoDogrulaResult"
	for _, tt := range []struct {
		name string
		body string
		yes  bool
		ok   bool
	}{
		{"yes", wrap("<" + result + ">true</" + result + ">"), true, true},
		{"no", wrap("<" + result + "> false\n</" + result + ">"), false, true},
		{"one", wrap("<" + result + ">1</" + result + ">"), true, true},
		{"two results", wrap("<" + result + ">true</" + result + "><" + result + ">true</" + result + ">"), false, false},
		{"no result", wrap(""), false, false},
		{"empty result", wrap("<" + result + "/>"), false, false},
		{"maybe", wrap("<" + result + ">maybe</" + result + ">"), false, false},
		{"nested", wrap("<" + result + "><b>true</b></" + result + ">"), false, false},
		{"other namespace", `<R><` + result + `>true</` + result + `></R>`, false, false},
		{"fault beside", wrap("<Fault/><" + result + ">true</" + result + ">"), false, false},
		{"entity", `<!DOCTYPE a [<!ENTITY t "true">]>` + wrap("<"+result+">&t;</"+result+">"), false, false},
		{"document type", `<!DOCTYPE a>` + wrap("<"+result+">true</"+result+">"), false, false},
		{"other charset declared", `<?xml version="1.0" encoding="iso-8859-9"?><R xmlns="` + nviSpace + `"><` + result + `>true</` + result + `></R>`, false, false},
		{"cut", wrap("<" + result + ">true</" + result + ">")[:150], false, false},
		{"not XML", "true", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			yes, err := readNVI([]byte(tt.body), result)
			if yes != tt.yes || (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrNoAnswer) {
				t.Errorf("got %v, %v; want %v, answered %v", yes, err, tt.yes, tt.ok)
			}
		})
	}
}

// FuzzReadAnswers: no body makes a reader panic, conclude without a full
// answer, or hang.
func FuzzReadAnswers(f *testing.F) {
	f.Add(200, []byte(riskless))
	f.Add(400, []byte(`{"errorKey":"hescodenotfound"}`))
	f.Add(200, []byte(`{"success_map":{"AAAAAAAAA1":`+riskless+`},"unsuccess_map":{}}`))
	f.Add(200, []byte(`<R xmlns="`+nviSpace+`"><TCKimlikNoDogrulaResult>true</TCKimlikNoDogrulaResult></R>`))
	one := health.RestoreCode("AAAAAAAAA1")
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		a, err := readHESAnswer(peer.Answer{Status: status, Body: body})
		if err == nil && (status != 200 || a.Expires.IsZero()) {
			t.Errorf("%d %q taken for an answer: %+v", status, body, a)
		}
		if got, err := readHESBatch(body, []health.Code{one}); err == nil && len(got) != 1 {
			t.Errorf("%q gives %d verdicts for one code", body, len(got))
		}
		if yes, err := readNVI(body, "TCKimlikNoDogrulaResult"); yes && err != nil {
			t.Errorf("%q: yes together with %v", body, err)
		}
	})
}
