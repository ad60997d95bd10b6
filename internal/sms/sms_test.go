package sms_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"turnike/internal/notify"
	"turnike/internal/person"
	"turnike/internal/sandbox"
	"turnike/internal/sms"
)

// world is a sandbox on loopback and one driver that talks to it.
type world struct {
	*sandbox.Sandbox
	driver string
	notify.Sender
	config sms.Config
}

// newWorld opens a driver against a fresh sandbox. Every driver runs the same
// suite.
func newWorld(t *testing.T, driver string, change ...func(*sms.Config)) world {
	t.Helper()
	s, err := sandbox.New(sandbox.Config{HangFor: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	c := sms.Config{Driver: driver, URL: srv.URL + sandbox.GatewayPath(driver), User: sandbox.User, Password: sandbox.Password, Header: sandbox.Header, Timeout: time.Second}
	for _, f := range change {
		f(&c)
	}
	if driver == "smpp" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.ServeSMPP(ln) }()
		t.Cleanup(func() {
			ln.Close()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
		c.URL = ln.Addr().String()
	}
	sender, err := sms.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if closer, ok := sender.(io.Closer); ok {
		t.Cleanup(func() { closer.Close() })
	}
	return world{s, driver, sender, c}
}

func (w world) service() string { return strings.TrimSuffix(w.driver, "-xml") }

// forAll runs a test against every driver.
func forAll(t *testing.T, f func(t *testing.T, driver string)) {
	for _, d := range sms.Drivers() {
		t.Run(d, func(t *testing.T) {
			t.Parallel()
			f(t, d)
		})
	}
}

func phone(t testing.TB, s string) person.Phone {
	t.Helper()
	p, err := person.ParsePhone(s)
	if err != nil {
		t.Fatalf("phone %q: %v", s, err)
	}
	return p
}

func message(t testing.TB, n int, class notify.Class, text string) notify.Message {
	return notify.Message{ID: fmt.Sprintf("id-%d", n), City: "izmir", To: phone(t, fmt.Sprintf("0555%07d", n)), Text: text, Class: class, Expires: time.Now().Add(10 * time.Minute)}
}

const (
	plain   = "Your card is paired."
	turkish = "Kartınız eşleşti: İzmirim Kart, sayın Ağaoğlu. ÖÜçş"
	arabic  = "تم ربط بطاقتك بنجاح"
)

func TestTextsArriveAsWritten(t *testing.T) {
	forAll(t, func(t *testing.T, driver string) {
		w := newWorld(t, driver)
		var ms []notify.Message
		long := strings.Repeat("Randevunuz 14.05 Konak şubesinde. ", 8) // 272 letters, two Turkish parts
		for i, text := range []string{plain, turkish, arabic, long, "€[]{}~|^\\ @£", "tek\nsatır değil", "😀 ok"} {
			for _, c := range []notify.Class{notify.CodeClass, notify.Info, notify.Commercial} {
				ms = append(ms, message(t, 10*i+int(c)+1, c, text))
			}
		}
		rs, err := w.Send(context.Background(), ms)
		if err != nil || len(rs) != len(ms) {
			t.Fatalf("got %d receipts, %v; want %d", len(rs), err, len(ms))
		}
		refs := map[string]bool{}
		for i, r := range rs {
			if r.ID != ms[i].ID || r.Err != nil || r.Reference == "" || refs[r.Reference] {
				t.Errorf("receipt %d: %+v; want %s accepted under a reference of its own", i, r, ms[i].ID)
			}
			refs[r.Reference] = true
			got := w.Inbox(ms[i].To.Reveal(), 0)
			if len(got) != 1 || got[0].Text != ms[i].Text || got[0].From != sandbox.Header {
				t.Errorf("%q: inbox has %+v", ms[i].Text, got)
				continue
			}
			if until := got[0].Until; !until.IsZero() && until.After(ms[i].Expires.Add(time.Second)) {
				t.Errorf("gateway may deliver until %v, message dies %v", until, ms[i].Expires)
			}
			if commercial := got[0].Class == "commercial"; commercial != (ms[i].Class == notify.Commercial) && driver != "smpp" {
				t.Errorf("class %v went as %s", ms[i].Class, got[0].Class)
			}
		}
	})
}

func TestFiveHundredAtOnce(t *testing.T) {
	forAll(t, func(t *testing.T, driver string) {
		w := newWorld(t, driver)
		var ms []notify.Message
		for i := range 500 {
			ms = append(ms, message(t, i+1000, notify.Info, fmt.Sprintf("Slot %d", i)))
		}
		rs, err := w.Send(context.Background(), ms)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			if r.Err != nil {
				t.Fatalf("%+v", r)
			}
		}
		if got := len(w.Inbox("", 0)); got != 500 {
			t.Errorf("%d texts arrived, want 500", got)
		}
		if n := w.Calls(w.service()); driver != "smpp" && driver != "iletimerkezi" && n > 2 {
			t.Errorf("%d requests for 500 messages, want one or two", n)
		}
	})
}

func TestBadOnesDoNotSinkTheOthers(t *testing.T) {
	forAll(t, func(t *testing.T, driver string) {
		w := newWorld(t, driver)
		ms := []notify.Message{
			message(t, 1, notify.Info, plain+" 1"),
			message(t, 404, notify.Info, plain+" 2"), // magic: the gateway refuses the number
			message(t, 3, notify.Info, ""),
			message(t, 4, notify.Info, strings.Repeat("ş", 1100)),
			message(t, 5, notify.Info, plain+" 5"),
			{ID: "id-6", Text: plain},
			message(t, 7, notify.CodeClass, plain+" 7"),
		}
		ms[6].Expires = time.Now().Add(20 * time.Second) // less than gateways can count
		rs, err := w.Send(context.Background(), ms)
		if err != nil {
			t.Fatal(err)
		}
		refused := sms.ErrNumber
		if w.service() == "netgsm" {
			refused = nil // taken; only a report would tell
		}
		for i, want := range []error{nil, refused, sms.ErrText, sms.ErrText, nil, sms.ErrNumber, sms.ErrExpired} {
			if !errors.Is(rs[i].Err, want) || rs[i].Final != (want != nil) {
				t.Errorf("message %d: got %v, final %v; want %v", i, rs[i].Err, rs[i].Final, want)
			}
		}
		if got := len(w.Inbox("", 0)); got != 2 {
			t.Errorf("%d texts arrived, want 2", got)
		}
		// A code's receipt tells at once, at every gateway.
		rs, _ = w.Send(context.Background(), []notify.Message{message(t, 404, notify.CodeClass, plain)})
		if !errors.Is(rs[0].Err, sms.ErrNumber) || !rs[0].Final {
			t.Errorf("a code to a refused number: got %+v, want %v", rs[0], sms.ErrNumber)
		}
	})
}

func TestAccountAndHeader(t *testing.T) {
	forAll(t, func(t *testing.T, driver string) {
		for _, tt := range []struct {
			name   string
			change func(*sms.Config)
			want   error
			final  bool
		}{
			{"password", func(c *sms.Config) { c.Password = "wrong" }, sms.ErrAccount, false},
			{"header", func(c *sms.Config) { c.Header = "STRANGER" }, sms.ErrHeader, true},
		} {
			w := newWorld(t, driver, tt.change)
			for _, class := range []notify.Class{notify.CodeClass, notify.Info} {
				rs, _ := w.Send(context.Background(), []notify.Message{message(t, 1, class, plain)})
				if len(rs) != 1 || !errors.Is(rs[0].Err, tt.want) || rs[0].Final != tt.final {
					t.Errorf("wrong %s: got %+v, want %v, final %v", tt.name, rs, tt.want, tt.final)
				}
			}
			if got := w.Inbox("", 0); len(got) != 0 {
				t.Errorf("wrong %s: %d texts arrived", tt.name, len(got))
			}
		}
	})
}

// TestFaults: a broken gateway never makes a message accepted or given up, and
// the error names neither number nor text.
func TestFaults(t *testing.T) {
	forAll(t, func(t *testing.T, driver string) {
		if driver == "smpp" {
			return // TestLinkFaults
		}
		for _, mode := range sandbox.Modes() {
			if mode == sandbox.Off || mode == sandbox.Slow {
				continue
			}
			w := newWorld(t, driver, func(c *sms.Config) { c.Timeout = 300 * time.Millisecond })
			if err := w.SetFault(w.service(), sandbox.Fault{Mode: mode}); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			m := message(t, 1, notify.Info, turkish)
			rs, _ := w.Send(context.Background(), []notify.Message{m})
			if len(rs) != 1 || rs[0].Err == nil || rs[0].Final || !errors.Is(rs[0].Err, sms.ErrGateway) && !errors.Is(rs[0].Err, sms.ErrBusy) {
				t.Errorf("%s: got %+v", mode, rs)
				continue
			}
			if d := time.Since(began); d > 5*time.Second {
				t.Errorf("%s: took %v", mode, d)
			}
			if s := rs[0].Err.Error(); strings.Contains(s, m.To.Reveal()) || strings.Contains(s, "Kartınız") || strings.Contains(s, "127.0.0.1") {
				t.Errorf("%s: error tells too much: %s", mode, s)
			}
			if mode == sandbox.LoseAnswer && !errors.Is(rs[0].Err, sms.ErrUnsure) {
				t.Errorf("%s: got %v, want %v", mode, rs[0].Err, sms.ErrUnsure)
			}
			if mode == sandbox.Busy && errors.Is(rs[0].Err, sms.ErrUnsure) {
				t.Errorf("%s: a plain refusal is called unsure", mode)
			}
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []sms.Config{
		{},
		{Driver: "pigeon", Header: "TURNIKE"},
		{Driver: "netgsm", Header: "TWELVELETTER"},
		{Driver: "netgsm", Header: "TURNIKE", Recipient: "HERKES"},
		{Driver: "netgsm", Header: "TURNIKE", URL: "ftp://x"},
		{Driver: "netgsm", Header: "TURNIKE", URL: "https://user:pw@x/"},
	} {
		if s, err := sms.Open(c); err == nil {
			t.Errorf("%+v opened as %s", c, s.Name())
		}
	}
}

// TestLostAnswer: a gateway takes a message and its answer is lost. Where the
// gateway can tell afterwards, sending again brings no second text; where it
// cannot, the receipt says that it may have been taken.
func TestLostAnswer(t *testing.T) {
	forAll(t, func(t *testing.T, driver string) {
		if driver == "smpp" {
			return // TestLinkFaults
		}
		for _, class := range []notify.Class{notify.CodeClass, notify.Info} {
			w := newWorld(t, driver, func(c *sms.Config) { c.Timeout = 500 * time.Millisecond })
			if err := w.SetFault(w.service(), sandbox.Fault{Mode: sandbox.LoseAnswer, Times: 1}); err != nil {
				t.Fatal(err)
			}
			m := message(t, 1, class, turkish)
			rs, err := w.Send(context.Background(), []notify.Message{m})
			if err != nil {
				t.Errorf("an unsure call came back as one surely not taken: %v", err)
			}
			if driver == "verimor" {
				if rs[0].Err != nil || rs[0].Reference == "" {
					t.Errorf("got %+v; want the campaign found by our own name for it", rs[0])
				}
			} else if !errors.Is(rs[0].Err, sms.ErrUnsure) || rs[0].Final {
				t.Errorf("got %+v; want %v", rs[0], sms.ErrUnsure)
			}
			rs, err = w.Send(context.Background(), []notify.Message{m})
			if err != nil || rs[0].Err != nil {
				t.Errorf("second try: %+v, %v", rs[0], err)
			}
			want := 1
			if w.service() == "netgsm" {
				want = 2 // no reference of ours, no refusal of repeats: the caller was told
			}
			if got := len(w.Inbox("", 0)); got != want {
				t.Errorf("%d texts arrived, want %d", got, want)
			}
		}
	})
}

// TestLostRequest: the request itself is lost; Verimor says so, and the
// message is not called unsure.
func TestLostRequest(t *testing.T) {
	w := newWorld(t, "verimor", func(c *sms.Config) { c.Timeout = 500 * time.Millisecond })
	if err := w.SetFault("verimor", sandbox.Fault{Mode: sandbox.Drop, Times: 1}); err != nil {
		t.Fatal(err)
	}
	rs, _ := w.Send(context.Background(), []notify.Message{message(t, 1, notify.Info, plain)})
	if !errors.Is(rs[0].Err, sms.ErrGateway) || errors.Is(rs[0].Err, sms.ErrUnsure) || rs[0].Final {
		t.Errorf("got %+v; want %v without %v", rs[0], sms.ErrGateway, sms.ErrUnsure)
	}
}

// TestLinkFaults: what TestFaults asks of the gateways, of an SMPP line; and
// after each fault the line comes back by itself.
func TestLinkFaults(t *testing.T) {
	for _, mode := range sandbox.Modes() {
		if mode == sandbox.Off || mode == sandbox.Slow {
			continue
		}
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "smpp", func(c *sms.Config) { c.Timeout = 300 * time.Millisecond })
			if err := w.SetFault("smpp", sandbox.Fault{Mode: mode, Times: 1}); err != nil {
				t.Fatal(err)
			}
			m := message(t, 1, notify.Info, turkish)
			rs, _ := w.Send(context.Background(), []notify.Message{m})
			if rs[0].Err == nil || rs[0].Final || !errors.Is(rs[0].Err, sms.ErrGateway) && !errors.Is(rs[0].Err, sms.ErrBusy) {
				t.Fatalf("got %+v", rs[0])
			}
			plain := mode == sandbox.Errors || mode == sandbox.Busy
			if errors.Is(rs[0].Err, sms.ErrUnsure) == plain {
				t.Errorf("got %v; unsure must be %v", rs[0].Err, !plain)
			}
			deadline := time.Now().Add(5 * time.Second)
			for {
				rs, _ = w.Send(context.Background(), []notify.Message{m})
				if rs[0].Err == nil {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("the line does not come back: %v", rs[0].Err)
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
}

// TestLinkReports: delivery receipts come back under the receipt's reference.
func TestLinkReports(t *testing.T) {
	got := make(chan sms.Report, 10)
	w := newWorld(t, "smpp", func(c *sms.Config) { c.OnReport = func(r sms.Report) { got <- r } })
	rs, err := w.Send(context.Background(), []notify.Message{message(t, 1, notify.Info, plain)})
	if err != nil || rs[0].Err != nil {
		t.Fatalf("%+v, %v", rs, err)
	}
	select {
	case r := <-got:
		if r.Reference != rs[0].Reference || r.State != "DELIVRD" {
			t.Errorf("got %+v, want DELIVRD of %s", r, rs[0].Reference)
		}
	case <-time.After(5 * time.Second):
		t.Error("no report came")
	}
}

// TestNobodyThere: a centre that is away costs no waiting after the first try.
func TestNobodyThere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	s, err := sms.Open(sms.Config{Driver: "smpp", URL: addr, User: "u", Password: "p", Header: "TURNIKE", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var ms []notify.Message
	for i := range 100 {
		ms = append(ms, message(t, i+1, notify.Info, plain))
	}
	began := time.Now()
	rs, err := s.Send(context.Background(), ms)
	if err == nil || !errors.Is(rs[99].Err, sms.ErrGateway) || errors.Is(rs[99].Err, sms.ErrUnsure) {
		t.Errorf("got %v and %+v; want the whole call failed and nothing unsure", err, rs[99])
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestClockIsGiven: a demo whose clock stands in January 2021 sends codes that
// die in January 2021.
func TestClockIsGiven(t *testing.T) {
	then := time.Date(2021, 1, 14, 23, 50, 0, 0, time.UTC)
	forAll(t, func(t *testing.T, driver string) {
		w := newWorld(t, driver, func(c *sms.Config) { c.Now = func() time.Time { return then } })
		m := message(t, 1, notify.CodeClass, plain)
		late := message(t, 2, notify.CodeClass, plain)
		m.Expires, late.Expires = then.Add(3*time.Minute), then.Add(-time.Second)
		rs, err := w.Send(context.Background(), []notify.Message{m, late})
		if err != nil || rs[0].Err != nil || !errors.Is(rs[1].Err, sms.ErrExpired) {
			t.Errorf("got %+v, %v; want the first accepted, the second %v", rs, err, sms.ErrExpired)
		}
	})
}
