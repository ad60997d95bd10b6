package sandbox

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"turnike/internal/person"
)

// NVIPath is where the identity register lives, for a client's base URL.
const NVIPath = "/nvi/Service/"

const (
	nviSpace    = "http://tckimlik.nvi.gov.tr/WS"
	soap11Space = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12Space = "http://www.w3.org/2003/05/soap-envelope"
)

func (s *Sandbox) nviRoutes(mux *http.ServeMux) {
	// Some clients ask in lower case, and some fetch the description first.
	for _, base := range []string{NVIPath, strings.ToLower(NVIPath)} {
		for _, name := range []string{"KPSPublic.asmx", "KPSPublicV2.asmx", "KPSPublicYabanciDogrula.asmx"} {
			if base != NVIPath {
				name = strings.ToLower(name)
			}
			mux.HandleFunc("GET "+base+name, s.service("nvi", s.describe))
			mux.HandleFunc("POST "+base+name, s.service("nvi", s.verify))
		}
	}
}

// question is a SOAP body's first element: its name and its children's texts.
type question struct {
	method string
	space  string // of the envelope
	fields map[string]string
}

// readSOAP reads an envelope of either version.
func readSOAP(body []byte) (question, bool) {
	d := xml.NewDecoder(bytes.NewReader(body))
	q := question{fields: map[string]string{}}
	var path []string
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return q, q.method != "" && len(path) == 0
		}
		if err != nil {
			return q, false
		}
		switch t := tok.(type) {
		case xml.Directive:
			return q, false
		case xml.StartElement:
			path = append(path, t.Name.Local)
			switch {
			case len(path) == 1:
				if q.space = t.Name.Space; t.Name.Local != "Envelope" || q.space != soap11Space && q.space != soap12Space {
					return q, false
				}
			case len(path) == 3 && path[1] == "Body" && t.Name.Space == nviSpace:
				q.method = t.Name.Local
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			if len(path) == 4 && path[1] == "Body" {
				q.fields[path[3]] += string(t)
			}
		}
	}
}

// verify answers TCKimlikNoDogrula and YabanciKimlikNoDogrula.
func (s *Sandbox) verify(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	q, ok := readSOAP(body)
	if !ok {
		soapFault(w, q.space, "Client", "Server was unable to read request.")
		return
	}
	if action := strings.Trim(r.Header.Get("SOAPAction"), `"`); q.space == soap11Space && action != nviSpace+"/"+q.method {
		soapFault(w, q.space, "Client", "Server did not recognize the value of HTTP Header SOAPAction.")
		return
	}
	var number string
	var want person.DocKind
	switch q.method {
	case "TCKimlikNoDogrula":
		number, want = q.fields["TCKimlikNo"], person.TCKN
	case "YabanciKimlikNoDogrula":
		number, want = q.fields["KimlikNo"], person.YKN
	default:
		soapFault(w, q.space, "Client", "Unknown method.")
		return
	}
	for name, v := range q.fields {
		if _, err := strconv.ParseInt(v, 10, 64); err != nil && name != "Ad" && name != "Soyad" {
			soapFault(w, q.space, "Client", "Server was unable to read request. Input string was not in a correct format.")
			return
		}
	}
	if magic(number) == magicFault {
		soapFault(w, q.space, "Server", "Server was unable to process request.")
		return
	}
	if magic(number) == magicSlow {
		pause(r, 3*time.Second)
	}
	id, err := person.ParseTCKN(number)
	yes := err == nil && id.Kind() == want && magic(number) != magicNo && q.claims(id)
	answer := "false"
	if yes {
		answer = "true"
	}
	// No blank between the tags: clients that strip tags want the rest to be
	// the word alone.
	soapWrite(w, q.space, http.StatusOK, "<"+q.method+`Response xmlns="`+nviSpace+`"><`+q.method+"Result>"+answer+"</"+q.method+"Result></"+q.method+"Response>")
}

// claims tells whether names and birth are those of a person known by name;
// anybody else may be called anything, in capitals by Turkish rules.
func (q question) claims(id person.ID) bool {
	first, last := q.fields["Ad"], q.fields["Soyad"]
	if first == "" || last == "" || first != person.RestoreName(first).RevealUpper() || last != person.RestoreName(last).RevealUpper() {
		return false
	}
	for _, c := range Citizens() {
		if c.ID != id {
			continue
		}
		y, m, d := person.RestoreBirth(c.Birth).RevealParts()
		ok := person.RestoreName(c.First).RevealUpper() == first && person.RestoreName(c.Last).RevealUpper() == last
		if id.Kind() == person.YKN {
			return ok && atoi(q.fields["DogumYil"]) == y && atoi(q.fields["DogumAy"]) == m && atoi(q.fields["DogumGun"]) == d
		}
		return ok && atoi(q.fields["DogumYili"]) == y
	}
	return true
}

func soapWrite(w http.ResponseWriter, space string, status int, body string) {
	kind := "text/xml; charset=utf-8"
	if space == soap12Space {
		kind = "application/soap+xml; charset=utf-8"
	} else {
		space = soap11Space
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="`+space+`"><soap:Body>`+body+`</soap:Body></soap:Envelope>`)
}

func soapFault(w http.ResponseWriter, space, code, text string) {
	if space == soap12Space {
		code = map[string]string{"Client": "Sender", "Server": "Receiver"}[code]
		soapWrite(w, space, http.StatusInternalServerError, `<soap:Fault><soap:Code><soap:Value>soap:`+code+`</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang="en">`+text+`</soap:Text></soap:Reason></soap:Fault>`)
		return
	}
	soapWrite(w, space, http.StatusInternalServerError, `<soap:Fault><faultcode>soap:`+code+`</faultcode><faultstring>`+text+`</faultstring></soap:Fault>`)
}

// describe gives the service's description (?WSDL), or a word of welcome.
func (s *Sandbox) describe(w http.ResponseWriter, r *http.Request) {
	if _, ok := r.URL.Query()["WSDL"]; !ok && r.URL.RawQuery != "wsdl" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "POST a SOAP 1.1 or 1.2 envelope here; ?WSDL describes the service.\n")
		return
	}
	method, fields := "TCKimlikNoDogrula", []string{"TCKimlikNo:long", "Ad:string", "Soyad:string", "DogumYili:int"}
	if strings.Contains(strings.ToLower(r.URL.Path), "yabanci") {
		method, fields = "YabanciKimlikNoDogrula", []string{"KimlikNo:long", "Ad:string", "Soyad:string", "DogumGun:int", "DogumAy:int", "DogumYil:int"}
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = io.WriteString(w, wsdl(method, fields, "http://"+r.Host+r.URL.Path))
}

// wsdl describes one method, as .NET services of the time do.
func wsdl(method string, fields []string, address string) string {
	var in strings.Builder
	for _, f := range fields {
		name, kind, _ := strings.Cut(f, ":")
		in.WriteString(`<s:element minOccurs="0" maxOccurs="1" name="` + name + `" type="s:` + kind + `"/>`)
	}
	var where bytes.Buffer
	_ = xml.EscapeText(&where, []byte(address))
	return `<?xml version="1.0" encoding="utf-8"?><wsdl:definitions xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:tns="` + nviSpace +
		`" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" targetNamespace="` + nviSpace + `">` +
		`<wsdl:types><s:schema elementFormDefault="qualified" targetNamespace="` + nviSpace + `">` +
		`<s:element name="` + method + `"><s:complexType><s:sequence>` + in.String() + `</s:sequence></s:complexType></s:element>` +
		`<s:element name="` + method + `Response"><s:complexType><s:sequence><s:element name="` + method + `Result" type="s:boolean"/></s:sequence></s:complexType></s:element>` +
		`</s:schema></wsdl:types>` +
		`<wsdl:message name="In"><wsdl:part name="parameters" element="tns:` + method + `"/></wsdl:message>` +
		`<wsdl:message name="Out"><wsdl:part name="parameters" element="tns:` + method + `Response"/></wsdl:message>` +
		`<wsdl:portType name="KPSPublicSoap"><wsdl:operation name="` + method + `"><wsdl:input message="tns:In"/><wsdl:output message="tns:Out"/></wsdl:operation></wsdl:portType>` +
		`<wsdl:binding name="KPSPublicSoap" type="tns:KPSPublicSoap"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>` +
		`<wsdl:operation name="` + method + `"><soap:operation soapAction="` + nviSpace + `/` + method + `" style="document"/>` +
		`<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation></wsdl:binding>` +
		`<wsdl:service name="KPSPublic"><wsdl:port name="KPSPublicSoap" binding="tns:KPSPublicSoap"><soap:address location="` + where.String() + `"/></wsdl:port></wsdl:service>` +
		`</wsdl:definitions>`
}
