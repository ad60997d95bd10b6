package sandbox

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"turnike/internal/authority"
)

// InteriorPath is where the interior ministry's receiver lives, for a client's
// base URL. Its wire shape is ours: none was published (domain.md 6 knows only
// that reports go electronically, through e-İçişleri, to the governor).
const InteriorPath = "/interior/"

// Report is one sealed report as its receiver has it. Received is false for one
// that was withdrawn before it came.
type Report struct {
	Receipt   string          `json:"receipt"`
	Key       string          `json:"key"`       // the sender's own id for it
	SHA256    string          `json:"sha256"`    // of the sealed bytes
	SignedBy  string          `json:"signed_by"` // Ed25519 public key, hex
	Channel   string          `json:"channel"`   // e-icisleri, or the file it came in
	At        time.Time       `json:"received_at,omitzero"`
	Withdrawn time.Time       `json:"withdrawn_at,omitzero"`
	Opened    json.RawMessage `json:"opened,omitempty"` // what was sealed; gone once withdrawn
}

func (s *Sandbox) interiorRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /interior/key", s.interiorKey)
	mux.HandleFunc("GET /interior/receipt-key", func(w http.ResponseWriter, _ *http.Request) { plainText(w, http.StatusOK, s.ReceiptKey()+"\n") })
	mux.HandleFunc("POST /interior/reports", s.service("interior", s.caller(s.receive)))
	mux.HandleFunc("POST /interior/withdrawals", s.service("interior", s.caller(s.withdraw)))
	mux.HandleFunc("GET /interior/reports.json", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Reports()) })
	mux.HandleFunc("GET /interior/{$}", s.interiorPage)
}

// InteriorKey is the public key reports are sealed to (age, X25519).
func (s *Sandbox) InteriorKey() string { return s.identity.Recipient().String() }

// ReceiptKey is the public key receipts are signed by (Ed25519, base64).
func (s *Sandbox) ReceiptKey() string {
	return base64.StdEncoding.EncodeToString(s.receipts.Public().(ed25519.PublicKey))
}

func (s *Sandbox) interiorKey(w http.ResponseWriter, _ *http.Request) {
	plainText(w, http.StatusOK, s.InteriorKey()+"\n")
}

// Reports are those received, oldest first.
func (s *Sandbox) Reports() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Report{}, s.reports...)
}

// caller lets in who has the account and says under which id.
func (s *Sandbox) caller(h func(w http.ResponseWriter, id string, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != User || p != Password {
			writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
			return
		}
		id := r.Header.Get("Idempotency-Key")
		body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10+1))
		if err != nil || id == "" || len(id) > 100 || len(body) > 64<<10 {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": "want an Idempotency-Key and at most 64 kB"})
			return
		}
		h(w, id, body)
	}
}

// receive takes a sealed report. The same id with the same bytes gets the same
// receipt, with others a refusal; one that was withdrawn before it came is gone.
func (s *Sandbox) receive(w http.ResponseWriter, id string, body []byte) {
	rep, fresh, err := s.take(id, body, "e-icisleri")
	switch {
	case err != nil:
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
	case rep.At.IsZero():
		writeJSON(w, http.StatusGone, map[string]string{"error": "it was withdrawn"})
	case rep.SHA256 != sum(body):
		writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "another report has this id"})
	case fresh:
		s.writeReceipt(w, http.StatusCreated, rep, sum(body))
	default:
		s.writeReceipt(w, http.StatusOK, rep, sum(body))
	}
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// take opens a sealed report and keeps it, or gives the one that is there.
func (s *Sandbox) take(id string, sealed []byte, channel string) (Report, bool, error) {
	signed, err := authority.Open(bytes.NewReader(sealed), s.identity, authority.MaxSealed)
	if err != nil {
		return Report{}, false, fmt.Errorf("not sealed to our key, or not signed")
	}
	now := s.now()
	rep := Report{Receipt: fmt.Sprintf("EI-%d-%06d", now.Year(), s.next()), Key: id, At: now, Channel: channel, Opened: signed.Body,
		SHA256: sum(sealed), SignedBy: hex.EncodeToString(signed.PublicKey)}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.reports {
		if old.Key == id {
			return old, false, nil
		}
	}
	s.reports = append(s.reports, rep)
	return rep, true, nil
}

// writeReceipt answers with a signed receipt for the bytes that came.
func (s *Sandbox) writeReceipt(w http.ResponseWriter, status int, r Report, digest string) {
	body, err := json.Marshal(authority.Receipt{Receipt: r.Receipt, ID: r.Key, SHA256: digest, At: s.now().UTC()})
	if err == nil {
		body, err = authority.Sign(s.receipts, body)
	}
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "cannot sign"})
		return
	}
	writeJSON(w, status, json.RawMessage(body))
}

// withdraw takes a report back by its sender's id, also one that has not come:
// then it is refused when it does.
func (s *Sandbox) withdraw(w http.ResponseWriter, id string, body []byte) {
	signed, err := authority.ReadSigned(body)
	var what authority.Withdrawal
	if err == nil {
		err = json.Unmarshal(signed.Body, &what)
	}
	if err != nil || what.Withdraw != id {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "not signed, or not about this report"})
		return
	}
	rep, ok := s.takeBack(id, hex.EncodeToString(signed.PublicKey), "e-icisleri")
	if !ok {
		writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "another city's report"})
		return
	}
	s.writeReceipt(w, http.StatusOK, rep, sum(body))
}

// takeBack withdraws a report and forgets what was in it; false where it was
// signed by somebody else.
func (s *Sandbox) takeBack(id, signedBy, channel string) (Report, bool) {
	now := s.now()
	receipt := fmt.Sprintf("EI-%d-%06d", now.Year(), s.next())
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.reports {
		r := &s.reports[i]
		if r.Key != id {
			continue
		}
		if r.SignedBy != signedBy {
			return *r, false
		}
		if r.Withdrawn.IsZero() {
			r.Withdrawn, r.Opened = now, nil
		}
		return *r, true
	}
	s.reports = append(s.reports, Report{Receipt: receipt, Key: id, SignedBy: signedBy, Channel: channel, Withdrawn: now})
	return s.reports[len(s.reports)-1], true
}
