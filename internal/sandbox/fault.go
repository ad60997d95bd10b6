package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Mode is what a faulty service does instead of answering.
type Mode string

// The modes. All but Off, Slow and LoseAnswer leave the request undone.
const (
	Off        Mode = ""            // answers as it should
	Slow       Mode = "slow"        // answers properly, after Delay
	Errors     Mode = "error"       // 500, or Status
	Garbage    Mode = "garbage"     // 200 with random-looking bytes of the right type
	HTML       Mode = "html"        // 200 with a maintenance page
	Huge       Mode = "huge"        // 200 with a gigabyte
	Bomb       Mode = "bomb"        // 200 with a gzip bomb nobody asked for
	Redirect   Mode = "redirect"    // 302 to somewhere else
	Charset    Mode = "charset"     // the right answer, labelled and written in ISO-8859-9
	Half       Mode = "half"        // the first half of the right answer, then the line drops
	Hang       Mode = "hang"        // takes the request and never answers, nothing is done
	LoseAnswer Mode = "lose-answer" // does what was asked, then never answers
	Drop       Mode = "drop"        // closes the line at once
	Busy       Mode = "busy"        // 429 with Retry-After
)

// Modes are all of them, for pages and docs.
func Modes() []Mode {
	return []Mode{Off, Slow, Errors, Garbage, HTML, Huge, Bomb, Redirect, Charset, Half, Hang, LoseAnswer, Drop, Busy}
}

// Fault is what is wrong with a service at the moment.
type Fault struct {
	Mode   Mode `json:"mode"`
	Delay  int  `json:"delay_ms,omitempty"` // before anything, whatever the mode
	Status int  `json:"status,omitempty"`   // of Errors; 0 is 500
	// Every makes only each n-th call faulty; 0 and 1 mean every call.
	Every int `json:"every,omitempty"`
	// Times ends the fault after so many faulty calls; 0 means it stays.
	Times int `json:"times,omitempty"`
}

// SetFault makes a service behave badly (or, with the zero Fault, well again).
func (s *Sandbox) SetFault(service string, f Fault) error {
	if !isService(service) {
		return fmt.Errorf("sandbox: no service %q; there are %v", service, Services())
	}
	ok := false
	for _, m := range Modes() {
		ok = ok || m == f.Mode
	}
	if !ok || f.Delay < 0 || f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("sandbox: fault of %s is not understood; modes are %q", service, Modes())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[service] = f
	return nil
}

// hits tells whether the n-th call meets the fault, and counts Times down.
func (s *Sandbox) hits(service string, n int) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.faults[service]
	if f == (Fault{}) || f.Every > 1 && n%f.Every != 0 {
		return Fault{}, false
	}
	if f.Times > 0 {
		left := f
		if left.Times--; left.Times == 0 {
			left = Fault{}
		}
		s.faults[service] = left
	}
	return f, true
}

// pause waits, unless the caller goes away first.
func pause(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

// play answers a call the way its service's fault wants.
func (s *Sandbox) play(f Fault, w http.ResponseWriter, r *http.Request, h http.HandlerFunc) {
	pause(r, time.Duration(f.Delay)*time.Millisecond)
	switch f.Mode {
	case Errors:
		status := f.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}
		http.Error(w, "out of order", status)
	case Garbage:
		answer := record(h, r)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		_, _ = w.Write(bytes.Repeat([]byte("\x7b\x22\x00\xff<&\x01"), 40))
	case HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>Bakım</title><p>Sistem bakımdadır."))
	case Huge:
		w.Header().Set("Content-Type", "application/json")
		block := bytes.Repeat([]byte(" "), 1<<20)
		for range 1 << 10 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	case Bomb:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		block := bytes.Repeat([]byte(" "), 1<<20)
		for range 64 {
			if _, err := z.Write(block); err != nil {
				return
			}
		}
		_ = z.Close()
	case Redirect:
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	case Charset:
		answer := record(h, r)
		w.Header().Set("Content-Type", "application/json; charset=iso-8859-9")
		w.WriteHeader(answer.Code)
		for _, c := range answer.Body.String() {
			if c > 0xff {
				c = '?'
			}
			_, _ = w.Write([]byte{byte(c)})
		}
	case Half:
		answer := record(h, r)
		body := answer.Body.Bytes()
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case Hang:
		pause(r, s.hangFor)
		panic(http.ErrAbortHandler)
	case LoseAnswer:
		record(h, r)
		pause(r, s.hangFor)
		panic(http.ErrAbortHandler)
	case Drop:
		panic(http.ErrAbortHandler)
	case Busy:
		w.Header().Set("Retry-After", "2")
		http.Error(w, "too many requests", http.StatusTooManyRequests)
	default:
		h(w, r)
	}
}

// record runs a handler aside.
func record(h http.HandlerFunc, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h(rec, r)
	return rec
}

// listFaults gives the faults in force: {"hes":{"mode":"slow","delay_ms":3000}}.
func (s *Sandbox) listFaults(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	out := map[string]Fault{}
	for _, name := range Services() {
		out[name] = s.faults[name]
	}
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, out)
}

// setFaults takes the same shape; services left out keep theirs.
func (s *Sandbox) setFaults(w http.ResponseWriter, r *http.Request) {
	in := map[string]Fault{}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "send {\"service\":{\"mode\":...}}"})
		return
	}
	for name, f := range in {
		if err := s.SetFault(name, f); err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
	}
	s.listFaults(w, r)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "cannot encode", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}
