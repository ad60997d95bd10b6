package sandbox

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"turnike/internal/health"
)

// HESPath is where the institutional service lives, for a client's base URL;
// HESTestPath is its test twin.
const (
	HESPath     = "/hes/services/g2g/saglik/hes/"
	HESTestPath = "/hes/services/g2g/test/saglik/hes/"
)

// hesBatch is how many codes check-hes-codes takes.
const hesBatch = 500

func (s *Sandbox) hesRoutes(mux *http.ServeMux) {
	for _, base := range []string{HESPath, HESTestPath} {
		for _, call := range []string{"check-hes-code", "check-employee-hes-code", "check-visitor-hes-code", "check-hes-code-plus"} {
			plus := strings.HasSuffix(call, "-plus")
			visitor := call == "check-visitor-hes-code"
			mux.HandleFunc("POST "+base+call, s.service("hes", s.institution(func(w http.ResponseWriter, r *http.Request) { s.checkOne(w, r, plus, visitor) })))
		}
		for _, call := range []string{"check-hes-codes", "check-hes-codes-plus"} {
			plus := strings.HasSuffix(call, "-plus")
			mux.HandleFunc("POST "+base+call, s.service("hes", s.institution(func(w http.ResponseWriter, r *http.Request) { s.checkMany(w, r, plus) })))
		}
	}
	mux.HandleFunc("POST /hes/state", s.setState)
}

// institution asks for HTTP Basic.
func (s *Sandbox) institution(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if u, p, ok := r.BasicAuth(); !ok || u != User || p != Password {
			w.Header().Set("WWW-Authenticate", `Basic realm="hes"`)
			writeJSON(w, http.StatusUnauthorized, map[string]any{"status": 401, "errorKey": "unauthorized"})
			return
		}
		h(w, r)
	}
}

// clean is what real clients do to a code before they send it, and some forget.
func clean(code string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == ' ':
			return -1
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return r
	}, code)
}

// lookup finds a code and counts the question. nil: nobody has it.
func (s *Sandbox) lookup(code string) *hesCode {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.known(code)
	if c == nil {
		return nil
	}
	c.asked++
	copied := *c
	return &copied
}

// remember puts a code on the list without counting a question.
func (s *Sandbox) remember(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known(code)
}

// known finds a code and puts it on the list at its first sight. The lock is
// held.
func (s *Sandbox) known(code string) *hesCode {
	c := s.codes[code]
	if c == nil {
		found, ok := read(code)
		if !ok {
			return nil
		}
		c = &found
		s.codes[code] = c
		s.order = append(s.order, code)
	}
	return c
}

// Flip makes a code's owner risky or riskless from now on, and tells whether
// anybody has the code.
func (s *Sandbox) Flip(code health.Code, risky bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.known(code.Reveal())
	if c == nil {
		return false
	}
	c.risky = risky
	return true
}

// setState is Flip over HTTP: {"hes_code":"...","status":"RISKY"}.
func (s *Sandbox) setState(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Code   string `json:"hes_code"`
		Status string `json:"status"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Status != "RISKY" && in.Status != "RISKLESS" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "send hes_code and status RISKY or RISKLESS"})
		return
	}
	c, err := health.ParseCode(in.Code)
	if err != nil || !s.Flip(c, in.Status == "RISKY") {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": "hescodenotfound"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": in.Status})
}

// hesForever is the expiry permanent codes come back with.
var hesForever = time.Date(2070, 12, 30, 0, 0, 0, 0, time.UTC)

const hesTime = "2006-01-02T15:04:05.000Z"

// expiry is when a code ends, seen from now.
func (c hesCode) expiry(now time.Time) time.Time {
	switch c.kind {
	case Expired:
		return now.UTC().Truncate(24 * time.Hour).Add(-time.Second)
	case Ending:
		return now.UTC().Add(24 * time.Hour)
	default:
		return hesForever
	}
}

// hesShape is a code's answer as the service writes it.
func (s *Sandbox) hesShape(c *hesCode, plus bool) map[string]any {
	state := "RISKLESS"
	if c.risky {
		state = "RISKY"
	}
	m := map[string]any{
		"current_health_status":  state,
		"expiration_date":        c.expiry(s.now()).Format(hesTime),
		"masked_identity_number": c.id,
		"masked_firstname":       c.first,
		"masked_lastname":        c.last + " ", // a trailing blank has been seen
	}
	if plus {
		m["is_vaccinated"], m["is_immune"], m["is_test_data_shared"], m["last_negative_test_date"] = false, false, false, nil
	}
	return m
}

// errorKey is what is wrong with a code, "" if nothing.
func errorKey(c *hesCode) string {
	switch {
	case c == nil || c.kind == Blocked:
		return "hescodenotfound"
	case c.kind == Expired:
		return "hescodehasbeenexpired"
	default:
		return ""
	}
}

func (s *Sandbox) checkOne(w http.ResponseWriter, r *http.Request, plus, visitor bool) {
	var in struct {
		Code     string `json:"hes_code"`
		City     string `json:"city"`
		District string `json:"district"`
		Address  string `json:"explicit_address"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Code == "" || visitor && (in.City == "" || in.District == "" || in.Address == "") {
		writeJSON(w, http.StatusBadRequest, map[string]any{"status": 400, "errorKey": "badrequest"})
		return
	}
	c := s.lookup(clean(in.Code))
	if c != nil {
		switch c.kind {
		case Slowly:
			pause(r, 3*time.Second)
		case Broken:
			http.Error(w, "internal error", http.StatusInternalServerError)
			return
		case Garbled:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"current_health_status":"UNDEFINED","expiration_date":`))
			return
		}
	}
	if key := errorKey(c); key != "" {
		m := map[string]any{"status": 400, "errorKey": key}
		if c != nil && c.kind == Expired {
			m["expiration_date"] = c.expiry(s.now()).Format(hesTime)
		}
		writeJSON(w, http.StatusBadRequest, m)
		return
	}
	writeJSON(w, http.StatusOK, s.hesShape(c, plus))
}

func (s *Sandbox) checkMany(w http.ResponseWriter, r *http.Request, plus bool) {
	var in []struct {
		Code string `json:"hes_code"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in) == 0 || len(in) > hesBatch {
		writeJSON(w, http.StatusBadRequest, map[string]any{"status": 400, "errorKey": "badrequest"})
		return
	}
	good, bad := map[string]any{}, map[string]string{}
	for _, one := range in {
		code := clean(one.Code)
		c := s.lookup(code)
		if key := errorKey(c); key != "" {
			bad[code] = key
			continue
		}
		switch c.kind {
		case Broken:
			bad[code] = "internalerror"
		case Garbled:
			good[code] = map[string]any{"current_health_status": "UNDEFINED"}
		default:
			good[code] = s.hesShape(c, plus)
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"success_map": good, "unsuccess_map": bad})
}
