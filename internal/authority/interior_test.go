package authority_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"turnike/internal/authority"
	"turnike/internal/report"
	"turnike/internal/sandbox"
)

// cityKey makes a city's signing key.
func cityKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func receiptKey(t *testing.T, w *sandbox.Sandbox) ed25519.PublicKey {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(w.ReceiptKey())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newSealer closes to the sandbox's ministry.
func newSealer(t *testing.T, w *sandbox.Sandbox, key ed25519.PrivateKey) *authority.Sealer {
	t.Helper()
	s, err := authority.NewSealer(w.InteriorKey(), key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func seal(t *testing.T, s *authority.Sealer, report string) []byte {
	t.Helper()
	b, err := s.Seal([]byte(report))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInterior(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	sign := cityKey(t)
	sealer := newSealer(t, w.Sandbox, sign)
	config := authority.InteriorConfig{BaseURL: w.url + sandbox.InteriorPath, User: sandbox.User, Password: sandbox.Password, Sealer: sealer,
		Receipt: receiptKey(t, w.Sandbox), Timeout: 500 * time.Millisecond}
	in, err := authority.NewInterior(config)
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"card": "****1234", "stop": "Konak <&>"}`
	sealed := seal(t, sealer, text)
	if bytes.Contains(sealed, []byte("1234")) {
		t.Error("what is sealed can be read")
	}
	receipt, err := in.Send(ctx, "r-1", sealed)
	if err != nil || receipt.Receipt == "" || receipt.ID != "r-1" {
		t.Fatalf("got %+v, %v", receipt, err)
	}
	got := w.Reports()
	if len(got) != 1 || string(got[0].Opened) != text || got[0].Key != "r-1" || got[0].SignedBy != hex.EncodeToString(sign.Public().(ed25519.PublicKey)) {
		t.Fatalf("the ministry has %+v", got)
	}
	if again, err := in.Send(ctx, "r-1", sealed); err != nil || again.Receipt != receipt.Receipt {
		t.Errorf("the same report again: got %+v, %v; want %q", again, err, receipt.Receipt)
	}
	if _, err := in.Send(ctx, "r-1", seal(t, sealer, `{"card":"****9999"}`)); !errors.Is(err, authority.ErrReportRefused) {
		t.Errorf("another report under the same id: got %v, want %v", err, authority.ErrReportRefused)
	}
	if _, err := sealer.Seal([]byte("not JSON")); !errors.Is(err, authority.ErrReportRefused) {
		t.Errorf("not JSON: got %v, want %v", err, authority.ErrReportRefused)
	}
	for range 2 {
		if _, err := in.Withdraw(ctx, "r-1", time.Now()); err != nil {
			t.Errorf("withdraw: %v", err)
		}
	}
	if got := w.Reports(); got[0].Withdrawn.IsZero() || got[0].Opened != nil {
		t.Error("the report still stands, or what it says is still there")
	}

	// A withdrawal that overtakes its report: the report is refused when it
	// comes.
	if _, err := in.Withdraw(ctx, "r-2", time.Now()); err != nil {
		t.Errorf("withdraw what has not come: %v", err)
	}
	if _, err := in.Send(ctx, "r-2", seal(t, sealer, `{}`)); !errors.Is(err, authority.ErrReportRefused) {
		t.Errorf("a report that was withdrawn before: got %v, want %v", err, authority.ErrReportRefused)
	}

	// A lost answer: the report arrived, and sending it again is no second one.
	if err := w.SetFault("interior", sandbox.Fault{Mode: sandbox.LoseAnswer, Times: 1}); err != nil {
		t.Fatal(err)
	}
	sealed = seal(t, sealer, `{}`)
	if _, err := in.Send(ctx, "r-3", sealed); !errors.Is(err, authority.ErrNoAnswer) {
		t.Errorf("lost answer: got %v, want %v", err, authority.ErrNoAnswer)
	}
	if _, err := in.Send(ctx, "r-3", sealed); err != nil || len(w.Reports()) != 3 {
		t.Errorf("second try: %v, %d reports; want 3", err, len(w.Reports()))
	}

	// Somebody else in the receiver's place.
	forged := config
	forged.Receipt = cityKey(t).Public().(ed25519.PublicKey)
	if other, err := authority.NewInterior(forged); err != nil {
		t.Fatal(err)
	} else if _, err := other.Send(ctx, "r-3", sealed); !errors.Is(err, authority.ErrNoAnswer) {
		t.Errorf("a receipt signed by somebody else: got %v, want %v", err, authority.ErrNoAnswer)
	}
	// Another city must not take a report back.
	config.Sealer = newSealer(t, w.Sandbox, cityKey(t))
	if other, err := authority.NewInterior(config); err != nil {
		t.Fatal(err)
	} else if _, err := other.Withdraw(ctx, "r-3", time.Now()); !errors.Is(err, authority.ErrReportRefused) {
		t.Errorf("another city's withdrawal: got %v, want %v", err, authority.ErrReportRefused)
	}

	config.Password = "wrong"
	if in, err = authority.NewInterior(config); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Send(ctx, "r-4", sealed); !errors.Is(err, authority.ErrCredentials) {
		t.Errorf("wrong password: got %v, want %v", err, authority.ErrCredentials)
	}
	if _, err := authority.NewSealer("age1nobody", sign); err == nil {
		t.Error("a sealer without a receiver's key was made")
	}
	req, _ := http.NewRequest("POST", w.url+"/interior/reports", strings.NewReader("not sealed"))
	req.SetBasicAuth(sandbox.User, sandbox.Password)
	req.Header.Set("Idempotency-Key", "x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("unsealed report: status %d, want 400", resp.StatusCode)
	}
}

// TestReportFile carries reports to a governor's office and back as files.
func TestReportFile(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	now := time.Date(2021, 1, 12, 4, 0, 0, 0, time.UTC) // 07:00 in İzmir
	zone := time.FixedZone("+03", 3*3600)
	f := &authority.Folder{Sealer: newSealer(t, w.Sandbox, cityKey(t)), Dir: t.TempDir(), Receipt: receiptKey(t, w.Sandbox), Zone: zone, Hour: 7}
	for _, c := range []struct{ made, want time.Time }{
		{now.Add(-time.Minute), now}, {now, now.Add(24 * time.Hour)}, {now.Add(time.Minute), now.Add(24 * time.Hour)},
	} {
		if got := f.Due(c.made); !got.Equal(c.want) {
			t.Errorf("made %v: due %v, want %v", c.made, got, c.want)
		}
	}
	if got, err := f.Collect(ctx, "izmir"); err != nil || got != nil {
		t.Errorf("collect before anything: got %v, %v", got, err)
	}
	answers := f.Hand(ctx, "izmir", []report.Item{{ID: "r-1", Sealed: seal(t, f.Sealer, `{"n":1}`)}, {ID: "r-2", Sealed: seal(t, f.Sealer, `{"n":2}`)}}, now)
	for _, a := range answers {
		if a.Err != nil || !a.Filed {
			t.Fatalf("hand over: got %+v, want filed", a)
		}
	}
	files, err := authority.Files(f.Dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("files: %v, %v; want one", files, err)
	}
	sealed, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("r-1")) {
		t.Error("the file tells what is in it")
	}

	// Acknowledgements that are not to be believed.
	for name, ack := range map[string]func() []byte{
		"of a stranger": func() []byte {
			_, b, err := authority.WriteAck(cityKey(t), files[0], sealed, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			return b
		},
		"not signed": func() []byte { b, _ := json.Marshal(authority.Ack{File: filepath.Base(files[0])}); return b },
	} {
		if err := os.WriteFile(authority.AckPath(files[0]), ack(), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Collect(ctx, "izmir"); err == nil || len(got) != 0 {
			t.Errorf("an acknowledgement %s: got %v, %v; want none and an error", name, got, err)
		}
		if got, err := f.Collect(ctx, "izmir"); err != nil || len(got) != 0 {
			t.Errorf("%s, once set aside: got %v, %v", name, got, err)
		}
	}

	if n, err := w.Governor(f.Dir); n != 1 || err != nil {
		t.Fatalf("the office: read %d files, %v", n, err)
	}
	if n, err := w.Governor(f.Dir); n != 0 || err != nil {
		t.Errorf("the office again: read %d files, %v; want none", n, err)
	}
	for range 2 { // a crash before it was stored: they come again
		got, err := f.Collect(ctx, "izmir")
		if err != nil || len(got) != 2 || got[0].ID != "r-1" || got[0].Receipt == "" || got[0].Err != nil {
			t.Fatalf("collect: got %+v, %v", got, err)
		}
	}
	if err := f.Collected(ctx, "izmir"); err != nil {
		t.Fatal(err)
	}
	if got, err := f.Collect(ctx, "izmir"); err != nil || len(got) != 0 {
		t.Errorf("collect once put away: got %v, %v", got, err)
	}
	if _, err := os.Stat(files[0]); !os.IsNotExist(err) {
		t.Errorf("the acknowledged file: got %v, want it gone", err)
	}
	if got := w.Reports(); len(got) != 2 || string(got[1].Opened) != `{"n":2}` {
		t.Errorf("the office has %+v", got)
	}
	f.Hand(ctx, "izmir", []report.Item{{ID: "r-1", Withdraw: true}}, now.Add(time.Minute))
	if n, err := w.Governor(f.Dir); n != 1 || err != nil || w.Reports()[0].Withdrawn.IsZero() {
		t.Errorf("withdrawal by file: %d files, %v, %+v", n, err, w.Reports()[0])
	}
}
