package sandbox

import (
	"bytes"
	"crypto/sha256"
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

// Report is one sealed report as the ministry received it.
type Report struct {
	Receipt   string          `json:"receipt"`
	Key       string          `json:"key"`       // the sender's own number for it
	SHA256    string          `json:"sha256"`    // of the opened report
	SignedBy  string          `json:"signed_by"` // Ed25519 public key, hex
	At        time.Time       `json:"received_at"`
	Withdrawn time.Time       `json:"withdrawn_at,omitzero"`
	Opened    json.RawMessage `json:"opened,omitempty"` // what was sealed
}

func (s *Sandbox) interiorRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /interior/key", s.interiorKey)
	mux.HandleFunc("POST /interior/reports", s.service("interior", s.receive))
	mux.HandleFunc("POST /interior/reports/{receipt}/withdraw", s.service("interior", s.withdraw))
	mux.HandleFunc("GET /interior/reports.json", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Reports()) })
	mux.HandleFunc("GET /interior/{$}", s.interiorPage)
}

// InteriorKey is the public key reports are sealed to (age, X25519).
func (s *Sandbox) InteriorKey() string { return s.identity.Recipient().String() }

func (s *Sandbox) interiorKey(w http.ResponseWriter, _ *http.Request) {
	plainText(w, http.StatusOK, s.InteriorKey()+"\n")
}

// Reports are those received, oldest first.
func (s *Sandbox) Reports() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Report{}, s.reports...)
}

// receive takes a sealed report: Basic auth, the sender's number in
// Idempotency-Key, an age file holding an authority.SignedReport as body. The
// same number with the same report gets the same receipt, with another report
// a refusal.
func (s *Sandbox) receive(w http.ResponseWriter, r *http.Request) {
	if u, p, ok := r.BasicAuth(); !ok || u != User || p != Password {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10+1))
	if err != nil || key == "" || len(key) > 100 || len(body) > 64<<10 {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "want an Idempotency-Key and at most 64 kB"})
		return
	}
	signed, err := authority.OpenReport(bytes.NewReader(body), s.identity)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "not sealed to our key, or not signed"})
		return
	}
	// Sealing is never twice the same; what was sealed is.
	sum := sha256.Sum256(signed.Report)
	rep := Report{
		Receipt: fmt.Sprintf("EI-%d-%06d", s.now().Year(), s.next()), Key: key, At: s.now(), Opened: signed.Report,
		SHA256: hex.EncodeToString(sum[:]), SignedBy: hex.EncodeToString(signed.PublicKey),
	}
	s.mu.Lock()
	for _, old := range s.reports {
		if old.Key == key {
			s.mu.Unlock()
			if old.SHA256 != rep.SHA256 {
				writeJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "another report has this key"})
				return
			}
			writeReceipt(w, http.StatusOK, old)
			return
		}
	}
	s.reports = append(s.reports, rep)
	s.mu.Unlock()
	writeReceipt(w, http.StatusCreated, rep)
}

// writeReceipt answers without what was sealed.
func writeReceipt(w http.ResponseWriter, status int, r Report) {
	r.Opened = nil
	writeJSON(w, status, r)
}

// withdraw takes a report back: the tap was not what it seemed.
func (s *Sandbox) withdraw(w http.ResponseWriter, r *http.Request) {
	if u, p, ok := r.BasicAuth(); !ok || u != User || p != Password {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
		return
	}
	s.mu.Lock()
	var found *Report
	for i := range s.reports {
		if s.reports[i].Receipt == r.PathValue("receipt") {
			found = &s.reports[i]
		}
	}
	if found == nil {
		s.mu.Unlock()
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "no such receipt"})
		return
	}
	if found.Withdrawn.IsZero() {
		found.Withdrawn = s.now()
	}
	rep := *found
	s.mu.Unlock()
	writeReceipt(w, http.StatusOK, rep)
}
