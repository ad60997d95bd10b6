package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"turnike/internal/sms"
)

// verimorPerMinute is how many requests Verimor takes in a minute.
const verimorPerMinute = 240

func (s *Sandbox) verimorRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /sms/verimor/v2/send.json", s.service("verimor", s.verimorSend))
	mux.HandleFunc("GET /sms/verimor/v2/status", s.service("verimor", s.verimorStatus))
}

// campaign is one accepted request and what became of its messages.
type campaign struct {
	id       int
	customID string
	rows     []map[string]any
}

func plainText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// tooMany counts requests by minute of arrival.
func (s *Sandbox) tooMany() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.now().Unix() / 60
	if m != s.minute {
		s.minute, s.inMinute = m, 0
	}
	s.inMinute++
	return s.inMinute > verimorPerMinute
}

func (s *Sandbox) verimorSend(w http.ResponseWriter, r *http.Request) {
	var in struct {
		User       string `json:"username"`
		Password   string `json:"password"`
		Header     string `json:"source_addr"`
		ValidFor   string `json:"valid_for"`
		CustomID   string `json:"custom_id"`
		DataCoding string `json:"datacoding"`
		Commercial bool   `json:"is_commercial"`
		Recipient  string `json:"iys_recipient_type"`
		Messages   []struct {
			Text string `json:"msg"`
			Dest string `json:"dest"`
			ID   string `json:"id"`
		} `json:"messages"`
	}
	if s.tooMany() {
		plainText(w, http.StatusTooManyRequests, "Too Many Requests")
		return
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		plainText(w, http.StatusBadRequest, "MISSING_MESSAGE")
		return
	}
	if in.User != User || in.Password != Password {
		plainText(w, http.StatusUnauthorized, "Geçersiz kullanıcı adı/şifre")
		return
	}
	refuse := func(word string) { plainText(w, http.StatusBadRequest, word) }
	valid, ok := validFor(in.ValidFor)
	switch {
	case in.Header != Header:
		refuse("INVALID_SOURCE_ADDRESS")
		return
	case !ok:
		refuse("INVALID_PERIOD")
		return
	case len(in.Messages) == 0:
		refuse("MISSING_MESSAGE")
		return
	}
	for _, m := range in.Messages {
		f := sms.Fit(m.Text)
		lacks := f.Table == sms.UCS2 && in.DataCoding != "2" || f.Table == sms.TurkishSingle && in.DataCoding == "0"
		switch {
		case m.Text == "":
			refuse("MISSING_MESSAGE")
			return
		case f.Parts > sms.MaxParts:
			refuse("MESSAGE_TOO_LONG")
			return
		case lacks:
			refuse("INVALID_DATACODING")
			return
		case m.Dest == "":
			refuse("MISSING_DESTINATION_ADDRESS")
			return
		case refusedNumber(m.Dest):
			refuse("INVALID_DESTINATION_ADDRESS")
			return
		}
	}
	c := &campaign{id: 20000 + s.next(), customID: in.CustomID}
	class := "info"
	if in.Commercial {
		class = "commercial"
	}
	for i, m := range in.Messages {
		status := "DELIVERED"
		if s.repeated("verimor", m.Dest, m.Text, 24*time.Hour) {
			status = "DOUBLE_SEND_ERROR"
		} else {
			f := sms.Fit(m.Text)
			s.deliver(Text{Gateway: "verimor", From: in.Header, To: m.Dest, Text: m.Text, Class: class, Until: s.now().Add(valid), ID: m.ID, Parts: f.Parts, Table: f.Table.String()})
		}
		c.rows = append(c.rows, map[string]any{
			"campaign_id": c.id, "campaign_custom_id": c.customID, "message_id": fmt.Sprint(c.id*100000 + i), "message_custom_id": m.ID,
			"dest": m.Dest, "status": status, "gsm_error": "0", "sent_at": s.now().Format(time.DateTime), "done_at": s.now().Format(time.DateTime),
		})
	}
	s.mu.Lock()
	if s.campaigns = append(s.campaigns, c); len(s.campaigns) > 20_000 {
		s.campaigns = append([]*campaign(nil), s.campaigns[10_000:]...)
	}
	s.mu.Unlock()
	plainText(w, http.StatusOK, strconv.Itoa(c.id))
}

// validFor reads H:MM or HH:MM, a minute to 48 hours.
func validFor(v string) (time.Duration, bool) {
	if v == "" {
		return 24 * time.Hour, true
	}
	h, m, ok := strings.Cut(v, ":")
	hours, err1 := strconv.Atoi(h)
	minutes, err2 := strconv.Atoi(m)
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	return d, ok && err1 == nil && err2 == nil && len(m) == 2 && d >= time.Minute && d <= 48*time.Hour
}

// repeated tells whether a text went to a number within a time, and remembers
// that it does now.
func (s *Sandbox) repeated(gateway, to, text string, within time.Duration) bool {
	k := gateway + "|" + to + "|" + text
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := s.byOrder[k]
	if ok && s.now().Sub(last) < within {
		return true
	}
	if len(s.byOrder) > 500_000 { // a rehearsal: forget the older half's worth rather than grow
		for old, at := range s.byOrder {
			if s.now().Sub(at) > within || len(s.byOrder) > 250_000 {
				delete(s.byOrder, old)
			}
		}
	}
	s.byOrder[k] = s.now()
	return false
}

// verimorStatus reports a campaign, by its number or by ours; at most 100 rows.
func (s *Sandbox) verimorStatus(w http.ResponseWriter, r *http.Request) {
	if s.tooMany() {
		plainText(w, http.StatusTooManyRequests, "Too Many Requests")
		return
	}
	if r.FormValue("username") != User || r.FormValue("password") != Password {
		plainText(w, http.StatusUnauthorized, "Geçersiz kullanıcı adı/şifre")
		return
	}
	s.mu.Lock()
	var found *campaign
	for _, c := range s.campaigns {
		if id := r.FormValue("id"); id != "" && id == strconv.Itoa(c.id) || c.customID != "" && c.customID == r.FormValue("custom_id") {
			found = c
		}
	}
	s.mu.Unlock()
	if found == nil {
		plainText(w, http.StatusNotFound, "Bu idye sahip kampanya bulunamadı")
		return
	}
	rows := []map[string]any{}
	after := atoi(r.FormValue("greater_than"))
	for _, row := range found.rows {
		if id, _ := row["message_id"].(string); atoi(id) > after && len(rows) < 100 {
			rows = append(rows, row)
		}
	}
	writeJSON(w, http.StatusOK, rows)
}

func (s *Sandbox) iletiRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /sms/iletimerkezi/v1/send-sms/json", s.service("iletimerkezi", s.iletiSend))
}

// iletiSend takes İleti Merkezi's order: one text, many numbers.
func (s *Sandbox) iletiSend(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Request struct {
			Authentication struct {
				Key      string `json:"key"`
				Hash     string `json:"hash"`
				Username string `json:"username"`
				Password string `json:"password"`
			} `json:"authentication"`
			Order struct {
				Sender  string `json:"sender"`
				IYS     string `json:"iys"`
				IYSList string `json:"iysList"`
				Message struct {
					Text       string `json:"text"`
					Receipents struct {
						Number []string `json:"number"`
					} `json:"receipents"`
				} `json:"message"`
			} `json:"order"`
		} `json:"request"`
	}
	answer := func(code int, text, order string) {
		response := map[string]any{"status": map[string]string{"code": strconv.Itoa(code), "message": text}}
		if order != "" {
			response["order"] = map[string]string{"id": order}
		}
		writeJSON(w, code, map[string]any{"response": response})
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		answer(400, "İstek çözümlenemedi", "")
		return
	}
	a, o := in.Request.Authentication, in.Request.Order
	numbers := o.Message.Receipents.Number
	bad := len(numbers) == 0
	for i, n := range numbers {
		numbers[i] = msisdn(n)
		bad = bad || refusedNumber(numbers[i])
	}
	f := sms.Fit(o.Message.Text)
	switch {
	case a.Key+a.Username != User || a.Hash+a.Password != Password:
		answer(401, "Üyelik bilgileri hatalı", "")
		return
	case o.Sender != Header:
		answer(450, "Gönderilen başlık kullanıma uygun değil", "")
		return
	case o.Message.Text == "":
		answer(454, "Mesaj metni boş", "")
		return
	case f.Parts > sms.MaxParts:
		answer(453, "Sipariş boyutu aşıldı", "")
		return
	case bad:
		answer(452, "Mesaj alıcıları hatalı", "")
		return
	case s.repeated("iletimerkezi", strings.Join(numbers, ","), o.Message.Text, 10*time.Minute):
		answer(451, "Tekrar eden sipariş", "")
		return
	}
	class := "info"
	if o.IYS == "1" {
		class = "commercial"
	}
	id := strconv.Itoa(12300000 + s.next())
	for _, n := range numbers {
		s.deliver(Text{Gateway: "iletimerkezi", From: o.Sender, To: n, Text: o.Message.Text, Class: class, ID: id, Parts: f.Parts, Table: f.Table.String()})
	}
	answer(200, "İşlem başarılı", id)
}
