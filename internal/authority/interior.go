package authority

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"filippo.io/age"

	"turnike/internal/peer"
)

// ErrReportRefused: the ministry's receiver read what it was given and will not
// have it; sending it again changes nothing.
var ErrReportRefused = errors.New("the receiver refuses the report")

// MaxReport is the most a report may hold before it is sealed, in bytes.
const MaxReport = 32 << 10

// Sealer closes reports to one receiver. What it has closed it cannot open.
type Sealer struct {
	to   *age.X25519Recipient
	sign ed25519.PrivateKey
}

// NewSealer takes the receiver's age X25519 public key ("age1...") and the
// city's own signing key.
func NewSealer(recipient string, sign ed25519.PrivateKey) (*Sealer, error) {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return nil, errors.New("interior: recipient is not an age X25519 public key")
	}
	if len(sign) != ed25519.PrivateKeySize {
		return nil, errors.New("interior: no signing key")
	}
	return &Sealer{to, sign}, nil
}

// Signed is something the city or the receiver has signed: the bytes as they
// were given, and an Ed25519 signature over exactly them (all three in base64,
// so that no JSON writer on the way changes what was signed).
type Signed struct {
	Body      []byte `json:"body"`
	PublicKey []byte `json:"public_key"`
	Signature []byte `json:"signature"`
}

// Sign signs a body, as JSON.
func Sign(key ed25519.PrivateKey, body []byte) ([]byte, error) {
	return json.Marshal(Signed{Body: body, PublicKey: key.Public().(ed25519.PublicKey), Signature: ed25519.Sign(key, body)})
}

// ReadSigned reads what Sign wrote and checks the signature against the key
// that is in it: whose key that is, the caller has to know.
func ReadSigned(b []byte) (s Signed, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return s, errors.New("not a signed message")
	}
	if len(s.PublicKey) != ed25519.PublicKeySize || !ed25519.Verify(s.PublicKey, s.Body, s.Signature) {
		return s, errors.New("signature does not hold")
	}
	return s, nil
}

// Seal signs a report (JSON, at most MaxReport bytes) and closes it to the
// receiver: an age file that holds a Signed.
func (s *Sealer) Seal(report []byte) ([]byte, error) {
	if len(report) > MaxReport || !json.Valid(report) {
		return nil, fmt.Errorf("seal report: %w: not JSON, or too long", ErrReportRefused)
	}
	return s.seal(report)
}

func (s *Sealer) seal(body []byte) ([]byte, error) {
	signed, err := Sign(s.sign, body)
	if err != nil {
		return nil, fmt.Errorf("seal report: %w", err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, s.to)
	if err == nil {
		_, err = w.Write(signed)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("seal report: %w", err)
	}
	return sealed.Bytes(), nil
}

// InteriorConfig is a city's access to the interior ministry's receiver. How
// the ministry takes reports was never published; this shape (a signed report
// sealed to the receiver's key, a number of ours against doubles, a signed
// receipt, a way to withdraw) is the least the law asks of such a message.
type InteriorConfig struct {
	BaseURL        string
	User, Password string
	Sealer         *Sealer
	Receipt        ed25519.PublicKey // the receiver's, by which it signs receipts
	Timeout        time.Duration     // 0 is 5 s
	Client         *http.Client      // nil: a transport of its own
}

// Interior sends reports of refused rides to the interior ministry.
type Interior struct {
	*Sealer
	peer           *peer.Client
	user, password string
	receipt        ed25519.PublicKey
}

// NewInterior makes the client. It connects to nothing yet.
func NewInterior(c InteriorConfig) (*Interior, error) {
	p, err := peer.New(peer.Config{Name: "interior", BaseURL: c.BaseURL, Timeout: c.Timeout, MaxBody: 16 << 10, MaxCalls: 4, Client: c.Client})
	if err != nil {
		return nil, err
	}
	if c.Sealer == nil {
		return nil, errors.New("interior: no key to seal to")
	}
	if len(c.Receipt) != ed25519.PublicKeySize {
		return nil, errors.New("interior: no key to check receipts by")
	}
	return &Interior{Sealer: c.Sealer, peer: p, user: c.User, password: c.Password, receipt: c.Receipt}, nil
}

// Receipt is the receiver's word that it has a report or a withdrawal.
type Receipt struct {
	Receipt string    `json:"receipt"` // its own number
	ID      string    `json:"id"`      // ours
	SHA256  string    `json:"sha256"`  // of the bytes it was given, hex
	At      time.Time `json:"at"`
}

// Send hands over a sealed report under its id. Sent again under the same id it
// is the same report, and the first receipt comes back. The error wraps
// ErrNoAnswer where trying again may help, ErrReportRefused where it cannot.
func (i *Interior) Send(ctx context.Context, id string, sealed []byte) (Receipt, error) {
	r, err := i.call(ctx, "reports", id, "application/octet-stream", sealed)
	if err != nil {
		return r, fmt.Errorf("report to the interior ministry: %w", err)
	}
	return r, nil
}

// Withdrawal is what is signed to take a report back.
type Withdrawal struct {
	Withdraw string    `json:"withdraw"` // the report's id
	At       time.Time `json:"at"`
}

// Withdraw takes a report back: a late release, a clock that was wrong, a tap
// that was not what it seemed. It goes by our own id, so it also holds for a
// report whose receipt was lost, and for one that arrives after it.
// Withdrawing twice is the same as once.
func (i *Interior) Withdraw(ctx context.Context, id string, at time.Time) (Receipt, error) {
	body, err := json.Marshal(Withdrawal{id, at.UTC()})
	if err != nil {
		return Receipt{}, fmt.Errorf("withdraw report: %w", err)
	}
	if body, err = Sign(i.sign, body); err != nil {
		return Receipt{}, fmt.Errorf("withdraw report: %w", err)
	}
	r, err := i.call(ctx, "withdrawals", id, "application/json", body)
	if err != nil {
		return r, fmt.Errorf("withdraw report: %w", err)
	}
	return r, nil
}

// call makes one call and reads the receipt, which must be signed by the
// receiver and be about just these bytes under just this id.
func (i *Interior) call(ctx context.Context, path, id, kind string, body []byte) (Receipt, error) {
	a, err := i.peer.Call(ctx, peer.Request{Path: path, Type: kind, Body: body, User: i.user, Password: i.password,
		Accept: []string{"application/json"}, Header: http.Header{"Idempotency-Key": {id}}})
	if err != nil {
		return Receipt{}, noAnswer(err)
	}
	switch a.Status {
	case http.StatusOK, http.StatusCreated:
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusGone:
		return Receipt{}, ErrReportRefused
	default:
		return Receipt{}, refused(a.Status)
	}
	var s Signed
	if err := strictJSON(a.Body, &s); err != nil {
		return Receipt{}, err
	}
	if s, err = ReadSigned(a.Body); err != nil || !bytes.Equal(s.PublicKey, i.receipt) {
		return Receipt{}, fmt.Errorf("%w: a receipt that the receiver did not sign", ErrNoAnswer)
	}
	var r Receipt
	if err := strictJSON(s.Body, &r); err != nil {
		return Receipt{}, err
	}
	if r.Receipt == "" || r.ID != id || r.SHA256 != digestOf(body) {
		return Receipt{}, fmt.Errorf("%w: a receipt for something else", ErrNoAnswer)
	}
	return r, nil
}

// digestOf is the SHA-256 of what was handed over, in hex.
func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Open unseals what a Sealer closed and checks its signature: the receiver's
// side.
func Open(sealed io.Reader, id age.Identity, limit int64) (Signed, error) {
	r, err := age.Decrypt(sealed, id)
	if err != nil {
		return Signed{}, fmt.Errorf("open report: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return Signed{}, fmt.Errorf("open report: %w", err)
	}
	s, err := ReadSigned(b)
	if err != nil {
		return s, fmt.Errorf("open report: %w", err)
	}
	if !json.Valid(s.Body) {
		return s, errors.New("open report: not JSON")
	}
	return s, nil
}

// MaxSealed is room for a sealed report once it is open.
const MaxSealed = 2 * MaxReport
