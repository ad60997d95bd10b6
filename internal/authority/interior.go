package authority

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"filippo.io/age"

	"turnike/internal/peer"
)

// ErrReportRefused: the ministry's receiver read the report and will not have
// it; sending it again changes nothing.
var ErrReportRefused = errors.New("the receiver refuses the report")

// MaxReport is the most a report may hold before it is sealed, in bytes.
const MaxReport = 32 << 10

// InteriorConfig is a city's access to the interior ministry's receiver. How
// the ministry takes reports was never published; this shape (a signed report
// sealed to the receiver's key, a number of ours against doubles, a receipt,
// a way to withdraw) is the least the law asks of such a message.
type InteriorConfig struct {
	BaseURL        string
	User, Password string
	Recipient      string             // the receiver's age X25519 public key, "age1..."
	Sign           ed25519.PrivateKey // the city's own key
	Timeout        time.Duration      // 0 is 5 s
	Client         *http.Client       // nil: a transport of its own
}

// Interior sends reports of refused rides to the interior ministry.
type Interior struct {
	peer           *peer.Client
	user, password string
	to             *age.X25519Recipient
	sign           ed25519.PrivateKey
}

// SignedReport is what is sealed, as JSON: the report as it was given, and the
// city's Ed25519 signature over exactly its bytes (all three in base64, so
// that no JSON writer on the way changes what was signed).
type SignedReport struct {
	Report    []byte `json:"report"`
	PublicKey []byte `json:"public_key"`
	Signature []byte `json:"signature"`
}

// NewInterior makes the client. It connects to nothing yet.
func NewInterior(c InteriorConfig) (*Interior, error) {
	p, err := peer.New(peer.Config{Name: "interior", BaseURL: c.BaseURL, Timeout: c.Timeout, MaxBody: 16 << 10, MaxCalls: 4, Client: c.Client})
	if err != nil {
		return nil, err
	}
	to, err := age.ParseX25519Recipient(c.Recipient)
	if err != nil {
		return nil, errors.New("interior: recipient is not an age X25519 public key")
	}
	if len(c.Sign) != ed25519.PrivateKeySize {
		return nil, errors.New("interior: no signing key")
	}
	return &Interior{peer: p, user: c.User, password: c.Password, to: to, sign: c.Sign}, nil
}

// Report seals and sends one report (JSON, at most MaxReport bytes) under a
// key of the caller's own. Sent again under the same key, it is the same
// report: the receiver gives the first receipt. The error wraps ErrNoAnswer
// where trying again may help, ErrReportRefused where it cannot.
func (i *Interior) Report(ctx context.Context, key string, report []byte) (receipt string, err error) {
	if len(report) > MaxReport || !json.Valid(report) {
		return "", fmt.Errorf("report to the interior ministry: %w: not JSON, or too long", ErrReportRefused)
	}
	body, err := json.Marshal(SignedReport{Report: report, PublicKey: i.sign.Public().(ed25519.PublicKey), Signature: ed25519.Sign(i.sign, report)})
	if err != nil {
		return "", fmt.Errorf("report to the interior ministry: %w", err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, i.to)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("seal report to the interior ministry: %w", err)
	}
	r, err := i.call(ctx, peer.Request{Path: "reports", Type: "application/octet-stream", Body: sealed.Bytes(), Header: http.Header{"Idempotency-Key": {key}}})
	if err != nil {
		return "", fmt.Errorf("report to the interior ministry: %w", err)
	}
	return r, nil
}

// Withdraw takes a report back: a late release, a clock that was wrong, a tap
// that was not what it seemed. Withdrawing twice is the same as once.
func (i *Interior) Withdraw(ctx context.Context, receipt string) error {
	for _, c := range receipt {
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return fmt.Errorf("withdraw report: %w: receipt is not well formed", ErrReportRefused)
		}
	}
	if _, err := i.call(ctx, peer.Request{Path: "reports/" + receipt + "/withdraw"}); err != nil {
		return fmt.Errorf("withdraw report: %w", err)
	}
	return nil
}

// call makes one call and reads the receipt.
func (i *Interior) call(ctx context.Context, r peer.Request) (string, error) {
	r.User, r.Password, r.Accept = i.user, i.password, []string{"application/json"}
	a, err := i.peer.Call(ctx, r)
	if err != nil {
		return "", noAnswer(err)
	}
	switch a.Status {
	case http.StatusOK, http.StatusCreated:
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotFound:
		return "", ErrReportRefused
	default:
		return "", refused(a.Status)
	}
	var w struct {
		Receipt string `json:"receipt"`
	}
	if err := strictJSON(a.Body, &w); err != nil {
		return "", err
	}
	if w.Receipt == "" {
		return "", fmt.Errorf("%w: no receipt", ErrNoAnswer)
	}
	return w.Receipt, nil
}

// OpenReport unseals a report and checks its signature: the receiver's side,
// for the sandbox and for tests. It gives the report and the key that signed.
func OpenReport(sealed io.Reader, id age.Identity) (SignedReport, error) {
	var s SignedReport
	r, err := age.Decrypt(sealed, id)
	if err != nil {
		return s, fmt.Errorf("open report: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(r, 2*MaxReport))
	if err != nil {
		return s, fmt.Errorf("open report: %w", err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, errors.New("open report: not a signed report")
	}
	if !json.Valid(s.Report) {
		return s, errors.New("open report: not JSON")
	}
	if len(s.PublicKey) != ed25519.PublicKeySize || !ed25519.Verify(s.PublicKey, s.Report, s.Signature) {
		return s, errors.New("open report: signature does not hold")
	}
	return s, nil
}
