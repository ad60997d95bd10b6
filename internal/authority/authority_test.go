package authority_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"turnike/internal/authority"
	"turnike/internal/health"
	"turnike/internal/person"
	"turnike/internal/sandbox"
)

// world is a sandbox on loopback and the clients that talk to it.
type world struct {
	*sandbox.Sandbox
	hes *authority.HES
	nvi *authority.NVI
	url string
}

func newWorld(t testing.TB) world {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{HangFor: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	hes, err := authority.NewHES(authority.HESConfig{BaseURL: srv.URL + sandbox.HESPath, User: sandbox.User, Password: sandbox.Password, Timeout: time.Second, PerSecond: 1000})
	if err != nil {
		t.Fatal(err)
	}
	nvi, err := authority.NewNVI(authority.NVIConfig{BaseURL: srv.URL + sandbox.NVIPath, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return world{s, hes, nvi, srv.URL}
}

func name(t *testing.T, s string) person.Name {
	t.Helper()
	n, err := person.ParseName(s)
	if err != nil {
		t.Fatalf("name %q: %v", s, err)
	}
	return n
}

var (
	id    = sandbox.TCKN("123123123")
	birth = person.RestoreBirth("1980-02-29")
)

func code(t *testing.T, k sandbox.Kind) health.Code {
	return sandbox.HESFor(id, name(t, "Işıl"), name(t, "Çelik"), k)
}

func TestHESCheck(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	for _, tt := range []struct {
		kind  sandbox.Kind
		risky bool
		err   error
	}{
		{sandbox.Riskless, false, nil},
		{sandbox.Risky, true, nil},
		{sandbox.Ending, false, nil},
		{sandbox.Expired, false, health.ErrCodeExpired},
		{sandbox.Blocked, false, health.ErrCodeUnknown},
		{sandbox.Slowly, false, authority.ErrNoAnswer}, // slower than this client waits
		{sandbox.Broken, false, authority.ErrNoAnswer},
		{sandbox.Garbled, false, authority.ErrNoAnswer},
	} {
		t.Run(tt.kind.String(), func(t *testing.T) {
			a, err := w.hes.Check(ctx, code(t, tt.kind))
			if !errors.Is(err, tt.err) || a.Risky != tt.risky {
				t.Fatalf("got risky %v, error %v; want %v, %v", a.Risky, err, tt.risky, tt.err)
			}
			if err == nil && (!person.FitsMask(id.Reveal(), a.MaskedID) || !person.FitsMask("Işıl", a.MaskedFirst) || !person.FitsMask("Çelik", a.MaskedLast) || a.Expires.Before(time.Now())) {
				t.Errorf("answer does not fit the person: %+v", a)
			}
			if errors.Is(err, health.ErrCodeExpired) && !a.Expires.Before(time.Now()) {
				t.Errorf("expired code without its date: %v", a.Expires)
			}
		})
	}
	if _, err := w.hes.Check(ctx, health.RestoreCode("0000000000")); !errors.Is(err, health.ErrCodeUnknown) {
		t.Errorf("made-up code: got %v, want %v", err, health.ErrCodeUnknown)
	}
}

func TestHESFlip(t *testing.T) {
	w := newWorld(t)
	c := code(t, sandbox.Riskless)
	for _, risky := range []bool{true, false} {
		if !w.Flip(c, risky) {
			t.Fatal("code is not known")
		}
		a, err := w.hes.Check(context.Background(), c)
		if err != nil || a.Risky != risky {
			t.Errorf("after flip: got risky %v, %v; want %v", a.Risky, err, risky)
		}
	}
}

func TestHESCheckMany(t *testing.T) {
	w := newWorld(t)
	var cs []health.Code
	want := map[health.Code]sandbox.Kind{}
	for i := range 1203 {
		k := []sandbox.Kind{sandbox.Riskless, sandbox.Risky, sandbox.Expired, sandbox.Blocked, sandbox.Broken, sandbox.Garbled}[i%6]
		c := sandbox.HESFor(sandbox.TCKN(fmt.Sprint(200000000+i)), name(t, string(rune('A'+i%26))), name(t, string(rune('A'+i/26%26))), k)
		cs = append(cs, c, c)
		want[c] = k
	}
	got, err := w.hes.CheckMany(context.Background(), cs)
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %d verdicts, %v; want %d", len(got), err, len(want))
	}
	for c, k := range want {
		v := got[c]
		var fault error
		switch k {
		case sandbox.Expired:
			fault = health.ErrCodeExpired
		case sandbox.Blocked:
			fault = health.ErrCodeUnknown
		case sandbox.Broken, sandbox.Garbled:
			fault = authority.ErrNoAnswer
		}
		if !errors.Is(v.Err, fault) || v.Answer.Risky != (k == sandbox.Risky) {
			t.Fatalf("%v: got %+v", k, v)
		}
	}
	if n := w.Calls("hes"); n != 3 {
		t.Errorf("%d calls for %d codes, want 3", n, len(want))
	}
}

func TestHESCheckManyKeepsWhatWasAnswered(t *testing.T) {
	w := newWorld(t)
	if err := w.SetFault("hes", sandbox.Fault{Mode: sandbox.Errors, Every: 2}); err != nil {
		t.Fatal(err)
	}
	var cs []health.Code
	for i := range 2000 {
		cs = append(cs, sandbox.HESFor(sandbox.TCKN(fmt.Sprint(200000000+i)), name(t, string(rune('A'+i%26))), name(t, string(rune('A'+i/26%26))), sandbox.Riskless))
	}
	got, err := w.hes.CheckMany(context.Background(), cs)
	if err != nil {
		t.Fatal(err)
	}
	good := 0
	for _, v := range got {
		switch {
		case v.Err == nil:
			good++
		case !errors.Is(v.Err, authority.ErrNoAnswer):
			t.Fatalf("got %v, want %v", v.Err, authority.ErrNoAnswer)
		}
	}
	if good != 1000 || len(got) != 2000 {
		t.Errorf("got %d good of %d, want 1000 of 2000", good, len(got))
	}
}

func TestWrongPassword(t *testing.T) {
	w := newWorld(t)
	h, err := authority.NewHES(authority.HESConfig{BaseURL: w.url + sandbox.HESPath, User: sandbox.User, Password: "wrong"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Check(context.Background(), code(t, sandbox.Riskless)); !errors.Is(err, authority.ErrCredentials) || !errors.Is(err, authority.ErrNoAnswer) {
		t.Errorf("got %v, want %v", err, authority.ErrCredentials)
	}
}

// TestFaults: whatever a service does, no call concludes anything, none takes
// longer than its time, and the error names neither code nor number.
func TestFaults(t *testing.T) {
	for _, mode := range sandbox.Modes() {
		if mode == sandbox.Off || mode == sandbox.Slow {
			continue
		}
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, s := range []string{"hes", "nvi"} {
				if err := w.SetFault(s, sandbox.Fault{Mode: mode}); err != nil {
					t.Fatal(err)
				}
			}
			c := code(t, sandbox.Risky)
			check := func(what string, began time.Time, err error) {
				t.Helper()
				if !errors.Is(err, authority.ErrNoAnswer) {
					t.Errorf("%s: got %v, want %v", what, err, authority.ErrNoAnswer)
				}
				if d := time.Since(began); d > 8*time.Second {
					t.Errorf("%s took %v", what, d)
				}
				if err != nil && (strings.Contains(err.Error(), c.Reveal()) || strings.Contains(err.Error(), id.Reveal()) || strings.Contains(err.Error(), "127.0.0.1")) {
					t.Errorf("%s: error tells too much: %v", what, err)
				}
			}
			ctx := context.Background()
			began := time.Now()
			a, err := w.hes.Check(ctx, c)
			check("check", began, err)
			if a != (health.Answer{}) {
				t.Errorf("got an answer: %+v", a)
			}
			began = time.Now()
			yes, err := w.nvi.Verify(ctx, person.Claim{ID: id, First: name(t, "Işıl"), Last: name(t, "Çelik"), Birth: birth})
			check("verify", began, err)
			if yes {
				t.Error("verified out of thin air")
			}
			if mode == sandbox.Hang || mode == sandbox.LoseAnswer {
				return // batches wait six times as long
			}
			began = time.Now()
			vs, err := w.hes.CheckMany(ctx, []health.Code{c})
			check("check many", began, err)
			if len(vs) != 0 {
				t.Errorf("got verdicts: %v", vs)
			}
		})
	}
}

func TestDelayIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	if err := w.SetFault("hes", sandbox.Fault{Mode: sandbox.Slow, Delay: 200}); err != nil {
		t.Fatal(err)
	}
	if a, err := w.hes.Check(context.Background(), code(t, sandbox.Risky)); err != nil || !a.Risky {
		t.Errorf("got %+v, %v", a, err)
	}
}

// TestLeftAlone: a dead ministry is noticed, calls then fail at once, and one
// trial call is enough to come back.
func TestLeftAlone(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	if err := w.SetFault("hes", sandbox.Fault{Mode: sandbox.Errors, Status: 503}); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		_, _ = w.hes.Check(ctx, code(t, sandbox.Riskless))
	}
	if n := w.Calls("hes"); n >= 30 {
		t.Errorf("%d calls reached a dead service, want about 20", n)
	}
	if err := w.SetFault("hes", sandbox.Fault{}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(8 * time.Second)
	for {
		_, err := w.hes.Check(ctx, code(t, sandbox.Riskless))
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still failing: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func TestNVI(t *testing.T) {
	w := newWorld(t)
	soap12, err := authority.NewNVI(authority.NVIConfig{BaseURL: w.url + sandbox.NVIPath, SOAP12: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	people := sandbox.Citizens()
	claim := func(id person.ID, first, last, birth string) person.Claim {
		return person.Claim{ID: id, First: name(t, first), Last: name(t, last), Birth: person.RestoreBirth(birth)}
	}
	passport, _ := person.ParsePassport("AB12345")
	for _, tt := range []struct {
		name  string
		claim person.Claim
		yes   bool
		err   error
	}{
		{"anybody", claim(id, "Işıl", "Çelik", "1980-02-29"), true, nil},
		{"known by name, i dotted right", claim(people[1].ID, "ismail", "ışık", "1954-01-01"), true, nil},
		{"dots wrong", claim(people[1].ID, "Ismail", "İşik", "1954-11-02"), false, nil},
		{"wrong year", claim(people[0].ID, "Ayşe", "Yılmaz", "1986-03-12"), false, nil},
		{"two given names", claim(people[4].ID, "Mehmet Ali", "Ağaoğlu", "1948-05-19"), true, nil},
		{"foreigner", claim(people[5].ID, "Layla", "Haddad", "1990-09-09"), true, nil},
		{"foreigner, wrong day", claim(people[5].ID, "Layla", "Haddad", "1990-09-10"), false, nil},
		{"register says no", claim(sandbox.TCKN("123456404"), "Işıl", "Çelik", "1980-02-29"), false, nil},
		{"register faults", claim(sandbox.TCKN("123456500"), "Işıl", "Çelik", "1980-02-29"), false, authority.ErrNoAnswer},
		{"register slow", claim(sandbox.TCKN("123456503"), "Işıl", "Çelik", "1980-02-29"), false, authority.ErrNoAnswer},
		{"passport", claim(passport, "John", "Doe", "1980-02-29"), false, authority.ErrNoRegister},
		{"mark-up in a name", person.Claim{ID: id, First: person.RestoreName(`A</Ad><Ad>&"'`), Last: name(t, "Çelik"), Birth: birth}, true, nil},
		{"no birth date", person.Claim{ID: id, First: name(t, "Işıl"), Last: name(t, "Çelik")}, false, authority.ErrClaimIncomplete},
	} {
		for v, n := range map[string]*authority.NVI{"1.1": w.nvi, "1.2": soap12} {
			t.Run(tt.name+" SOAP "+v, func(t *testing.T) {
				yes, err := n.Verify(context.Background(), tt.claim)
				if yes != tt.yes || !errors.Is(err, tt.err) {
					t.Errorf("got %v, %v; want %v, %v", yes, err, tt.yes, tt.err)
				}
			})
		}
	}
}

// TestSweepIsPaced: a sweep asks no faster than agreed, and a deadline that
// cannot be met is said to be one.
func TestSweepIsPaced(t *testing.T) {
	w := newWorld(t)
	h, err := authority.NewHES(authority.HESConfig{BaseURL: w.url + sandbox.HESPath, User: sandbox.User, Password: sandbox.Password, PerSecond: 4})
	if err != nil {
		t.Fatal(err)
	}
	var cs []health.Code
	for i := range 6 * authority.HESBatch {
		cs = append(cs, health.RestoreCode(fmt.Sprintf("A%09d", i)))
	}
	began := time.Now()
	got, err := h.CheckMany(context.Background(), cs)
	if err != nil || len(got) != len(cs) {
		t.Fatalf("got %d verdicts, %v", len(got), err)
	}
	if d := time.Since(began); d < 450*time.Millisecond { // four at once, then two more at four a second
		t.Errorf("six batches took %v, want half a second at least", d)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := h.CheckMany(ctx, cs); err == nil {
		t.Error("six batches in a millisecond")
	}
}
