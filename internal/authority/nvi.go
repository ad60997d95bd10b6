package authority

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"turnike/internal/peer"
	"turnike/internal/person"
)

// ErrNoRegister is what asking about a passport gives: no register of foreign
// passports can be asked. The caller rests on the comparison with the masked
// name of the HES answer (domain.md 3).
var ErrNoRegister = errors.New("no register knows passports")

// ErrClaimIncomplete: the register cannot be asked without both names and the
// birth date.
var ErrClaimIncomplete = errors.New("claim lacks a name or the birth date")

// NVIURL is the population directorate's public service.
const NVIURL = "https://tckimlik.nvi.gov.tr/Service/"

// nviSpace is the namespace of the service's messages and SOAP actions.
const nviSpace = "http://tckimlik.nvi.gov.tr/WS"

// NVIConfig is the access to the identity register. It needs no account.
type NVIConfig struct {
	BaseURL  string        // empty: NVIURL
	SOAP12   bool          // SOAP 1.2 instead of 1.1; the service speaks both
	Timeout  time.Duration // of one question; 0 is 5 s
	MaxCalls int           // at once; 0 is 16
	Client   *http.Client  // nil: a transport of its own
}

// NVI is the client of the identity register (Nüfus ve Vatandaşlık İşleri),
// KPSPublic for citizens and KPSPublicYabanciDogrula for foreigners. It
// implements person.Register.
type NVI struct {
	peer   *peer.Client
	soap12 bool
}

var _ person.Register = (*NVI)(nil)

// NewNVI makes the client. It connects to nothing yet.
func NewNVI(c NVIConfig) (*NVI, error) {
	if c.BaseURL == "" {
		c.BaseURL = NVIURL
	}
	p, err := peer.New(peer.Config{Name: "nvi", BaseURL: c.BaseURL, Timeout: c.Timeout, MaxBody: 32 << 10, MaxCalls: c.MaxCalls, Client: c.Client})
	if err != nil {
		return nil, err
	}
	return &NVI{peer: p, soap12: c.SOAP12}, nil
}

// nviField is one parameter of a question, in the order the service wants.
type nviField struct{ name, value string }

// Verify asks whether number, names and birth belong together. For a citizen
// the register compares the year of birth, for a foreigner the whole date. An
// error wraps ErrNoAnswer, or is ErrNoRegister or ErrClaimIncomplete.
func (n *NVI) Verify(ctx context.Context, c person.Claim) (bool, error) {
	if c.ID.Kind() == person.Passport {
		return false, ErrNoRegister
	}
	if c.ID.IsZero() || c.First.IsZero() || c.Last.IsZero() || c.Birth.IsZero() {
		return false, ErrClaimIncomplete
	}
	y, m, d := c.Birth.RevealParts()
	path, method := "KPSPublic.asmx", "TCKimlikNoDogrula"
	fields := []nviField{
		{"TCKimlikNo", c.ID.Reveal()}, {"Ad", c.First.RevealUpper()}, {"Soyad", c.Last.RevealUpper()}, {"DogumYili", strconv.Itoa(y)},
	}
	if c.ID.Kind() == person.YKN {
		path, method = "KPSPublicYabanciDogrula.asmx", "YabanciKimlikNoDogrula"
		fields = []nviField{
			{"KimlikNo", c.ID.Reveal()}, {"Ad", c.First.RevealUpper()}, {"Soyad", c.Last.RevealUpper()},
			{"DogumGun", strconv.Itoa(d)}, {"DogumAy", strconv.Itoa(m)}, {"DogumYil", strconv.Itoa(y)},
		}
	}
	r := peer.Request{Path: path, Body: n.envelope(method, fields), Accept: []string{"text/xml", "application/soap+xml"}}
	if n.soap12 {
		r.Type = `application/soap+xml; charset=utf-8; action="` + nviSpace + "/" + method + `"`
	} else {
		r.Type = "text/xml; charset=utf-8"
		r.Header = http.Header{"Soapaction": {`"` + nviSpace + "/" + method + `"`}}
	}
	a, err := n.peer.Call(ctx, r)
	if err != nil {
		return false, fmt.Errorf("ask the identity register: %w", noAnswer(err))
	}
	if a.Status != 200 {
		return false, fmt.Errorf("ask the identity register: %w", refused(a.Status))
	}
	yes, err := readNVI(a.Body, method+"Result")
	if err != nil {
		return false, fmt.Errorf("ask the identity register: %w", err)
	}
	return yes, nil
}

// envelope writes the question. Values are escaped; names hold no mark-up
// anyway (person.ParseName), but this does not rest on it.
func (n *NVI) envelope(method string, fields []nviField) []byte {
	space := "http://schemas.xmlsoap.org/soap/envelope/"
	if n.soap12 {
		space = "http://www.w3.org/2003/05/soap-envelope"
	}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="` + space + `"><soap:Body><` + method + ` xmlns="` + nviSpace + `">`)
	for _, f := range fields {
		b.WriteString("<" + f.name + ">")
		_ = xml.EscapeText(&b, []byte(f.value)) // a buffer does not fail
		b.WriteString("</" + f.name + ">")
	}
	b.WriteString("</" + method + "></soap:Body></soap:Envelope>")
	return b.Bytes()
}

// readNVI finds the one result element in an answer and reads its boolean.
// Document types and processing instructions other than the XML declaration
// are refused, so no entity is ever expanded.
func readNVI(body []byte, result string) (bool, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = true
	var (
		text    strings.Builder
		inside  bool
		found   int
		depth   int
		garbled = func(note string) (bool, error) { return false, fmt.Errorf("%w: %s", ErrNoAnswer, note) }
	)
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return garbled("unreadable XML")
		}
		switch t := tok.(type) {
		case xml.Directive:
			return garbled("document type")
		case xml.ProcInst:
			if t.Target != "xml" {
				return garbled("processing instruction")
			}
		case xml.StartElement:
			if depth++; depth > 16 || inside {
				return garbled("unexpected nesting")
			}
			switch {
			case t.Name.Local == "Fault":
				return garbled("SOAP fault")
			case t.Name.Local == result && t.Name.Space == nviSpace:
				inside = true
				found++
			}
		case xml.EndElement:
			depth--
			inside = false
		case xml.CharData:
			if inside {
				text.Write(t)
			}
		}
	}
	if found != 1 {
		return garbled("no result")
	}
	switch strings.TrimSpace(text.String()) {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return garbled("result is no boolean")
	}
}
