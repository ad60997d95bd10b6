package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// Text is one message a phone would have received.
type Text struct {
	N       int       `json:"n"` // 1, 2, ... in order of arrival
	At      time.Time `json:"at"`
	Gateway string    `json:"gateway"`
	From    string    `json:"from"`
	To      string    `json:"to"` // 905XXXXXXXXX
	Text    string    `json:"text"`
	Class   string    `json:"class"`           // code, info or commercial, as far as the gateway can tell
	Until   time.Time `json:"until,omitzero"`  // validity asked for
	ID      string    `json:"id,omitempty"`    // the sender's own reference, where the gateway has one
	Parts   int       `json:"parts"`           // text messages paid for
	Table   string    `json:"table,omitempty"` // alphabet it travelled in
}

// deliver puts a text into the inbox and gives its number.
func (s *Sandbox) deliver(t Text) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.At = s.now()
	t.N = s.dropped + len(s.inbox) + 1
	s.inbox = append(s.inbox, t)
	s.byPhone[t.To] = append(s.byPhone[t.To], t.N)
	// The oldest quarter goes at once, so that a rehearsal's millionth text
	// costs what the first did.
	if over := len(s.inbox) - s.inboxSize; over > s.inboxSize/4 {
		for _, old := range s.inbox[:over] {
			if left := s.byPhone[old.To][1:]; len(left) > 0 {
				s.byPhone[old.To] = left
			} else {
				delete(s.byPhone, old.To)
			}
		}
		s.inbox = append(make([]Text, 0, s.inboxSize+s.inboxSize/4+1), s.inbox[over:]...)
		s.dropped += over
	}
	return t.N
}

// Inbox gives the texts to a phone (905XXXXXXXXX; "" for all) with a number
// above since, oldest first.
func (s *Sandbox) Inbox(to string, since int) []Text {
	s.mu.Lock()
	defer s.mu.Unlock()
	since = max(since, s.dropped, s.dropped+len(s.inbox)-s.inboxSize)
	if to == "" {
		return append([]Text{}, s.inbox[min(since-s.dropped, len(s.inbox)):]...)
	}
	out := []Text{}
	for _, n := range s.byPhone[to] {
		if n > since {
			out = append(out, s.inbox[n-s.dropped-1])
		}
	}
	return out
}

func (s *Sandbox) inboxRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /inbox.json", s.inboxJSON)
	mux.HandleFunc("GET /inbox", s.inboxPage)
}

// inboxJSON is Inbox over HTTP: ?to=905...&since=N.
func (s *Sandbox) inboxJSON(w http.ResponseWriter, r *http.Request) {
	since, err := strconv.Atoi(r.FormValue("since"))
	if err != nil && r.FormValue("since") != "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "since is a number"})
		return
	}
	writeJSON(w, http.StatusOK, s.Inbox(msisdn(r.FormValue("to")), since))
}

// msisdn writes a Turkish mobile number as 905XXXXXXXXX; what is none comes
// back with its digits only.
func msisdn(s string) string {
	d := make([]byte, 0, len(s))
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			d = append(d, s[i])
		}
	}
	switch {
	case len(d) == 10 && d[0] == '5':
		return "90" + string(d)
	case len(d) == 11 && d[0] == '0' && d[1] == '5':
		return "9" + string(d)
	case len(d) == 14 && string(d[:2]) == "00":
		return string(d[2:])
	default:
		return string(d)
	}
}

// mobile tells whether a number is a Turkish mobile as gateways want it.
func mobile(n string) bool { return len(n) == 12 && n[:3] == "905" }
