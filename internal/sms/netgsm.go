package sms

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"turnike/internal/notify"
	"turnike/internal/peer"
)

// netgsmURL is Netgsm's address; REST v2 and the older XML call live on it.
const netgsmURL = "https://api.netgsm.com.tr/"

// netgsmBatch is how many messages go into one request: small enough that the
// XML form stays well under the size gateways take, large enough that a
// campaign needs few calls.
const netgsmBatch = 500

// netgsm sends through Netgsm. Codes go by the OTP call, which is delivered
// within three minutes (it takes no validity) but is one part of plain letters;
// a code text that needs the Turkish or Arabic alphabet goes the ordinary way,
// with its end.
type netgsm struct {
	peer           *peer.Client
	user, password string
	header         string
	filter         string // İYS check of commercial texts: 11 BIREYSEL, 12 TACIR
	xml            bool
	atOnce         int
	now            func() time.Time
}

func newNetgsm(c Config) (*netgsm, error) {
	p, err := c.dial("netgsm", netgsmURL)
	if err != nil {
		return nil, err
	}
	n := &netgsm{peer: p, user: c.User, password: c.Password, header: c.Header, filter: "11", xml: c.Driver == "netgsm-xml", atOnce: c.MaxCalls, now: c.Now}
	if c.Recipient == "TACIR" {
		n.filter = "12"
	}
	return n, nil
}

func (n *netgsm) Name() string {
	if n.xml {
		return "netgsm-xml"
	}
	return "netgsm"
}

// The ways a text can take at Netgsm.
const (
	netgsmOTP        = "otp"
	netgsmInfo       = "info"
	netgsmCommercial = "commercial"
)

func (n *netgsm) Send(ctx context.Context, ms []notify.Message) ([]notify.Receipt, error) {
	way := func(m notify.Message) string {
		f := Fit(m.Text)
		w := netgsmInfo
		switch {
		case m.Class == notify.Commercial:
			w = netgsmCommercial
		case m.Class == notify.CodeClass && f.Table == GSM7 && f.Parts == 1 && f.Used <= 155:
			return netgsmOTP + "|" + m.ID // one to a call
		}
		// Encoding and end of validity belong to the request.
		return w + "|" + netgsmEncoding(f.Table) + "|" + netgsmTime(m.Expires)
	}
	return send(ctx, ms, n.now(), netgsmBatch, n.atOnce, way, func(key string) call {
		return func(ctx context.Context, ms []notify.Message) (string, error) {
			way, rest, _ := strings.Cut(key, "|")
			encoding, stop, _ := strings.Cut(rest, "|")
			switch {
			case n.xml && way == netgsmOTP:
				return n.sendXMLOTP(ctx, ms[0])
			case n.xml:
				return n.sendXML(ctx, ms, way, encoding, stop)
			case way == netgsmOTP:
				return n.sendREST(ctx, "sms/rest/v2/otp", struct {
					Header string `json:"msgheader"`
					Text   string `json:"msg"`
					No     string `json:"no"`
				}{n.header, ms[0].Text, national(ms[0])}, netgsmOTP)
			}
			type one struct {
				Text string `json:"msg"`
				No   string `json:"no"`
			}
			list := make([]one, len(ms))
			for i, m := range ms {
				list[i] = one{m.Text, national(m)}
			}
			return n.sendREST(ctx, "sms/rest/v2/send", struct {
				Header   string `json:"msgheader"`
				Encoding string `json:"encoding,omitempty"`
				Filter   string `json:"iysfilter"`
				Stop     string `json:"stopdate,omitempty"`
				Messages []one  `json:"messages"`
			}{n.header, encoding, n.filterOf(way), stop, list}, way)
		}
	})
}

// filterOf is the İYS switch of a way: 0 says the text is not commercial.
func (n *netgsm) filterOf(way string) string {
	if way == netgsmCommercial {
		return n.filter
	}
	return "0"
}

// national is a number as Netgsm wants it, 5XXXXXXXXX.
func national(m notify.Message) string { return strings.TrimPrefix(m.To.Reveal(), "90") }

// netgsmEncoding names the alphabet. Netgsm's own client knows TR and ASCII
// only; how it wants Arabic is not published, so the name is left out and the
// gateway decides. Try it with the account before a city relies on it; Verimor
// and SMPP say UCS-2 in so many words.
func netgsmEncoding(t Table) string {
	if t == TurkishSingle || t == TurkishLocking {
		return "TR"
	}
	return ""
}

// istanbul is Türkiye's clock: UTC+3 the year round since 2016. Gateways take
// local times and devices' zone data is not asked.
func istanbul(t time.Time) time.Time { return t.In(time.FixedZone("+03", 3*60*60)) }

// netgsmTime writes the moment after which a text is no longer tried
// (ddMMyyyyHHmm), "" for none.
func netgsmTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return istanbul(t).Format("020120061504")
}

func (n *netgsm) sendREST(ctx context.Context, path string, body any, way string) (string, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	a, err := n.peer.Call(ctx, peer.Request{Path: path, Type: "application/json", Body: b, User: n.user, Password: n.password,
		Accept: []string{"application/json", "text/json"}})
	if err != nil {
		return "", sorted(err)
	}
	return readNetgsmREST(a, way)
}

// readNetgsmREST reads {"code":"00","jobid":"...","description":"..."}. A
// refusal comes with the code and some 4xx status.
func readNetgsmREST(a peer.Answer, way string) (string, error) {
	var w struct {
		Code  json.RawMessage `json:"code"`
		JobID json.RawMessage `json:"jobid"`
	}
	if json.Unmarshal(a.Body, &w) != nil {
		if a.Status == 401 || a.Status == 403 {
			return "", refusal("netgsm", "30", ErrAccount)
		}
		return "", refusal("netgsm", "", unread(a))
	}
	code, job := scalar(w.Code), scalar(w.JobID)
	if code == "00" && a.Status == 200 && job != "" {
		return job, nil
	}
	return "", netgsmCode(code, way, a)
}

// unread is the error of an answer nothing can be read from: with a success
// status the message may be on its way.
func unread(a peer.Answer) error {
	if a.Status < 300 {
		return fmt.Errorf("%w: %w", ErrGateway, ErrUnsure)
	}
	return ErrGateway
}

// scalar gives a JSON string or number as text: gateways send ids as either.
func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}

// netgsmCode sorts a code of Netgsm. 50 to 52 mean the number at the OTP call
// and the consent register elsewhere; 85 is more than 20 jobs a minute to one
// number.
func netgsmCode(code, way string, a peer.Answer) error {
	kind := unread(a)
	switch code {
	case "20":
		kind = ErrText
	case "30", "60":
		kind = ErrAccount
	case "40", "41":
		kind = ErrHeader
	case "50", "51", "52":
		kind = ErrConsent
		if way == netgsmOTP {
			kind = ErrNumber
		}
	case "70":
		// Some parameter is wrong. It may be one message's, so the others get a
		// call of their own; it may as well be the account's, so none is given up.
		kind = fmt.Errorf("%w: %w", ErrGateway, errParameter)
	case "80", "85":
		kind = ErrBusy
	case "100", "101":
		kind = ErrGateway
	}
	return refusal("netgsm", code, kind)
}

// sendXML is the older call: n texts to n numbers in one document.
func (n *netgsm) sendXML(ctx context.Context, ms []notify.Message, way, encoding, stop string) (string, error) {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><mainbody><header>`)
	b.WriteString(`<company`)
	if encoding == "TR" {
		b.WriteString(` dil="TR"`)
	}
	b.WriteString(`>Netgsm</company>`)
	n.xmlAccount(&b)
	xmlField(&b, "type", "n:n")
	if stop != "" {
		xmlField(&b, "stopdate", stop)
	}
	xmlField(&b, "filter", n.filterOf(way))
	b.WriteString(`</header><body>`)
	for _, m := range ms {
		b.WriteString(`<mp>`)
		xmlField(&b, "msg", m.Text)
		xmlField(&b, "no", national(m))
		b.WriteString(`</mp>`)
	}
	b.WriteString(`</body></mainbody>`)
	a, err := n.postXML(ctx, "sms/send/xml", b.Bytes())
	if err != nil {
		return "", err
	}
	return readNetgsmText(a, way)
}

// sendXMLOTP is the older form of the OTP call.
func (n *netgsm) sendXMLOTP(ctx context.Context, m notify.Message) (string, error) {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><mainbody><header>`)
	n.xmlAccount(&b)
	b.WriteString(`</header><body>`)
	xmlField(&b, "msg", m.Text)
	xmlField(&b, "no", national(m))
	b.WriteString(`</body></mainbody>`)
	a, err := n.postXML(ctx, "sms/send/otp", b.Bytes())
	if err != nil {
		return "", err
	}
	var w struct {
		Code  string `xml:"main>code"`
		JobID string `xml:"main>jobID"`
	}
	if xml.Unmarshal(a.Body, &w) != nil {
		return readNetgsmText(a, netgsmOTP)
	}
	if (w.Code == "0" || w.Code == "00") && w.JobID != "" {
		return w.JobID, nil
	}
	return "", netgsmCode(w.Code, netgsmOTP, a)
}

func (n *netgsm) xmlAccount(b *bytes.Buffer) {
	xmlField(b, "usercode", n.user)
	xmlField(b, "password", n.password)
	xmlField(b, "msgheader", n.header)
}

func xmlField(b *bytes.Buffer, name, value string) {
	b.WriteString("<" + name + ">")
	_ = xml.EscapeText(b, []byte(value)) // a buffer does not fail
	b.WriteString("</" + name + ">")
}

func (n *netgsm) postXML(ctx context.Context, path string, body []byte) (peer.Answer, error) {
	a, err := n.peer.Call(ctx, peer.Request{Path: path, Type: "text/xml; charset=utf-8", Body: body})
	return a, sorted(err)
}

// readNetgsmText reads "00 123456789": 00, 01 and 02 are success, a lone number
// is an error.
func readNetgsmText(a peer.Answer, way string) (string, error) {
	code, job, _ := strings.Cut(strings.TrimSpace(string(a.Body)), " ")
	if a.Status == 200 && job != "" && (code == "00" || code == "01" || code == "02") {
		if j := scalar(json.RawMessage(strings.TrimSpace(job))); j != "" {
			return j, nil
		}
	}
	return "", netgsmCode(code, way, a)
}
