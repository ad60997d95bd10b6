package authority_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"turnike/internal/authority"
	"turnike/internal/sandbox"
)

func TestInterior(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	config := authority.InteriorConfig{BaseURL: w.url + sandbox.InteriorPath, User: sandbox.User, Password: sandbox.Password, Recipient: w.InteriorKey(), Sign: sign, Timeout: 500 * time.Millisecond}
	in, err := authority.NewInterior(config)
	if err != nil {
		t.Fatal(err)
	}
	const report = `{"card": "****1234", "stop": "Konak <&>"}`
	receipt, err := in.Report(ctx, "r-1", []byte(report))
	if err != nil || receipt == "" {
		t.Fatalf("got %q, %v", receipt, err)
	}
	got := w.Reports()
	if len(got) != 1 || string(got[0].Opened) != report || got[0].Key != "r-1" || got[0].SignedBy != hex.EncodeToString(sign.Public().(ed25519.PublicKey)) {
		t.Fatalf("the ministry has %+v", got)
	}

	if again, err := in.Report(ctx, "r-1", []byte(report)); err != nil || again != receipt {
		t.Errorf("the same report again: got %q, %v; want %q", again, err, receipt)
	}
	if _, err := in.Report(ctx, "r-1", []byte(`{"card":"****9999"}`)); !errors.Is(err, authority.ErrReportRefused) {
		t.Errorf("another report under the same key: got %v, want %v", err, authority.ErrReportRefused)
	}
	if _, err := in.Report(ctx, "r-2", []byte(`not JSON`)); !errors.Is(err, authority.ErrReportRefused) {
		t.Errorf("not JSON: got %v, want %v", err, authority.ErrReportRefused)
	}
	for range 2 {
		if err := in.Withdraw(ctx, receipt); err != nil {
			t.Errorf("withdraw: %v", err)
		}
	}
	if got := w.Reports(); got[0].Withdrawn.IsZero() {
		t.Error("the report still stands")
	}
	for _, bad := range []string{"EI-2021-999999", "../faults"} {
		if err := in.Withdraw(ctx, bad); !errors.Is(err, authority.ErrReportRefused) {
			t.Errorf("withdraw %q: got %v, want %v", bad, err, authority.ErrReportRefused)
		}
	}

	// A lost answer: the report arrived, and sending it again is no second one.
	if err := w.SetFault("interior", sandbox.Fault{Mode: sandbox.LoseAnswer, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Report(ctx, "r-3", []byte(`{}`)); !errors.Is(err, authority.ErrNoAnswer) {
		t.Errorf("lost answer: got %v, want %v", err, authority.ErrNoAnswer)
	}
	if _, err := in.Report(ctx, "r-3", []byte(`{}`)); err != nil || len(w.Reports()) != 2 {
		t.Errorf("second try: %v, %d reports; want 2", err, len(w.Reports()))
	}

	config.Password = "wrong"
	if in, err = authority.NewInterior(config); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Report(ctx, "r-4", []byte(`{}`)); !errors.Is(err, authority.ErrCredentials) {
		t.Errorf("wrong password: got %v, want %v", err, authority.ErrCredentials)
	}
	config.Recipient = "age1nobody"
	if _, err := authority.NewInterior(config); err == nil {
		t.Error("a client without a receiver's key was made")
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
