package sandbox

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"turnike/internal/sms"
)

// GatewayPath is where a gateway lives, for a driver's URL.
func GatewayPath(driver string) string {
	return "/sms/" + strings.TrimSuffix(driver, "-xml") + "/"
}

// Magic phone numbers, by their last four digits: what a gateway makes of them.
const (
	phoneRefused = "0404" // the gateway refuses the number
)

func (s *Sandbox) gatewayRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /sms/netgsm/sms/rest/v2/send", s.service("netgsm", s.netgsmREST))
	mux.HandleFunc("POST /sms/netgsm/sms/rest/v2/otp", s.service("netgsm", s.netgsmOTP))
	mux.HandleFunc("POST /sms/netgsm/sms/send/xml", s.service("netgsm", s.netgsmXML))
	mux.HandleFunc("POST /sms/netgsm/sms/send/otp", s.service("netgsm", s.netgsmXMLOTP))
}

// local reads a gateway's local time (ddMMyyyyHHmm).
func local(s string) time.Time {
	t, err := time.ParseInLocation("020120061504", s, time.FixedZone("+03", 3*3600))
	if err != nil {
		return time.Time{}
	}
	return t
}

// refusedNumber tells whether a gateway would not send to a number.
func refusedNumber(no string) bool { return !mobile(no) || strings.HasSuffix(no, phoneRefused) }

// netgsmMessage is one message as Netgsm reads it.
type netgsmMessage struct {
	Text string `json:"msg" xml:"msg"`
	No   string `json:"no" xml:"no"`
}

// netgsmTake checks and delivers messages; it gives Netgsm's code and job.
func (s *Sandbox) netgsmTake(header, class, encoding, stop string, ms []netgsmMessage) (code, job string) {
	if header != Header {
		return "40", ""
	}
	if len(ms) == 0 {
		return "70", ""
	}
	for _, m := range ms {
		f := sms.Fit(m.Text)
		switch {
		case m.Text == "" || f.Parts > sms.MaxParts:
			return "20", ""
		case class == "code" && refusedNumber(msisdn(m.No)):
			return "50", ""
		case !mobile(msisdn(m.No)):
			return "70", ""
		case class == "code" && (f.Table != sms.GSM7 || f.Parts > 1 || f.Used > 155):
			return "20", "" // the OTP call takes one part of plain letters
		}
	}
	job = fmt.Sprintf("%d%s", s.next(), digits(9))
	for _, m := range ms {
		if refusedNumber(msisdn(m.No)) {
			continue // only the report says so, later (status 3)
		}
		f := sms.Fit(m.Text)
		text := m.Text
		if f.Table != sms.GSM7 && encoding == "" {
			text = sms.SafeTurkish(text) // what is not announced as Turkish loses its letters
			f = sms.Fit(text)
		}
		s.deliver(Text{Gateway: "netgsm", From: header, To: msisdn(m.No), Text: text, Class: class, Until: local(stop), ID: job, Parts: f.Parts, Table: f.Table.String()})
	}
	return "00", job
}

func netgsmClass(filter string) string {
	if filter == "11" || filter == "12" {
		return "commercial"
	}
	return "info"
}

func (s *Sandbox) netgsmREST(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Header   string          `json:"msgheader"`
		Encoding string          `json:"encoding"`
		Filter   string          `json:"iysfilter"`
		Stop     string          `json:"stopdate"`
		Messages []netgsmMessage `json:"messages"`
	}
	s.netgsmJSON(w, r, &in, func() (string, string) {
		return s.netgsmTake(in.Header, netgsmClass(in.Filter), in.Encoding, in.Stop, in.Messages)
	})
}

func (s *Sandbox) netgsmOTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Header string `json:"msgheader"`
		netgsmMessage
	}
	s.netgsmJSON(w, r, &in, func() (string, string) {
		return s.netgsmTake(in.Header, "code", "", "", []netgsmMessage{in.netgsmMessage})
	})
}

func (s *Sandbox) netgsmJSON(w http.ResponseWriter, r *http.Request, in any, take func() (string, string)) {
	code, job := "30", ""
	if u, p, ok := r.BasicAuth(); ok && u == User && p == Password {
		if json.NewDecoder(r.Body).Decode(in) != nil {
			code = "70"
		} else {
			code, job = take()
		}
	}
	if code == "00" {
		writeJSON(w, http.StatusOK, map[string]string{"code": code, "jobid": job, "description": "queued"})
		return
	}
	writeJSON(w, http.StatusNotAcceptable, map[string]any{"code": code, "jobid": nil, "description": "refused"})
}

// netgsmDoc is the XML call, n:n as well as 1:n.
type netgsmDoc struct {
	Company struct {
		Dil string `xml:"dil,attr"`
	} `xml:"header>company"`
	User     string          `xml:"header>usercode"`
	Password string          `xml:"header>password"`
	Type     string          `xml:"header>type"`
	Header   string          `xml:"header>msgheader"`
	Stop     string          `xml:"header>stopdate"`
	Filter   string          `xml:"header>filter"`
	Pairs    []netgsmMessage `xml:"body>mp"`
	Text     string          `xml:"body>msg"`
	Numbers  []string        `xml:"body>no"`
}

func (s *Sandbox) netgsmXML(w http.ResponseWriter, r *http.Request) {
	code, job := s.netgsmRead(r, func(d netgsmDoc) (string, string) {
		if d.Type == "1:n" {
			for _, no := range d.Numbers {
				d.Pairs = append(d.Pairs, netgsmMessage{d.Text, no})
			}
		}
		return s.netgsmTake(d.Header, netgsmClass(d.Filter), d.Company.Dil, d.Stop, d.Pairs)
	})
	w.Header().Set("Content-Type", "text/html; charset=utf-8") // so the real one labels it
	_, _ = io.WriteString(w, strings.TrimSpace(code+" "+job))
}

func (s *Sandbox) netgsmXMLOTP(w http.ResponseWriter, r *http.Request) {
	code, job := s.netgsmRead(r, func(d netgsmDoc) (string, string) {
		if len(d.Numbers) != 1 {
			return "70", ""
		}
		return s.netgsmTake(d.Header, "code", "", "", []netgsmMessage{{d.Text, d.Numbers[0]}})
	})
	if code == "00" {
		code = "0"
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = io.WriteString(w, `<?xml version="1.0"?><xml><main><code>`+code+`</code><jobID>`+job+`</jobID></main></xml>`)
}

func (s *Sandbox) netgsmRead(r *http.Request, take func(netgsmDoc) (string, string)) (code, job string) {
	var d netgsmDoc
	switch {
	case xml.NewDecoder(r.Body).Decode(&d) != nil:
		return "70", ""
	case d.User != User || d.Password != Password:
		return "30", ""
	}
	return take(d)
}
