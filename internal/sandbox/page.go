package sandbox

import (
	"bytes"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"image"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"

	"turnike/internal/health"
	"turnike/internal/person"
)

// The pages are for engineers and for whoever shows the product: Turkish and
// English side by side in each template, chosen by ?lang=.
//
//go:embed pages/*.html pages/sandbox.css
var pages embed.FS

func (s *Sandbox) pageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.startPage)
	mux.HandleFunc("GET /sandbox.css", func(w http.ResponseWriter, _ *http.Request) {
		b, _ := pages.ReadFile("pages/sandbox.css") // embedded
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(b)
	})
	mux.HandleFunc("GET /hes/make", s.makePage)
	mux.HandleFunc("POST /hes/make", s.makePage)
	mux.HandleFunc("GET /hes/codes", s.codesPage)
	mux.HandleFunc("POST /hes/codes", s.codesPage)
	mux.HandleFunc("GET /faults", s.faultsPage)
	mux.HandleFunc("POST /faults", s.faultsPage)
}

// show renders a page. Data is given by each page under its own names.
func (s *Sandbox) show(w http.ResponseWriter, r *http.Request, name string, data map[string]any) {
	lang := "tr"
	if r.URL.Query().Get("lang") == "en" {
		lang = "en"
	}
	t, err := template.New(name).Funcs(template.FuncMap{
		"t": func(tr, en string) string {
			if lang == "en" {
				return en
			}
			return tr
		},
		"clock": func(t time.Time) string { return t.In(time.FixedZone("+03", 3*3600)).Format("15:04:05") },
		"day":   func(t time.Time) string { return t.In(time.FixedZone("+03", 3*3600)).Format("02.01.2006 15:04:05") },
	}).ParseFS(pages, "pages/frame.html", "pages/"+name)
	if err != nil {
		http.Error(w, "page is broken: "+err.Error(), http.StatusInternalServerError)
		return
	}
	data["Lang"], data["Page"], data["Path"] = lang, strings.TrimSuffix(name, ".html"), r.URL.Path
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "frame.html", data); err != nil {
		http.Error(w, "page is broken: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b.Bytes())
}

// wantsJSON tells a program from a browser, which always asks for a page.
func wantsJSON(r *http.Request) bool {
	return !strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (s *Sandbox) startPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, "start.html", map[string]any{
		"User": User, "Password": Password, "Header": Header,
		"HES": "http://" + r.Host + HESPath, "NVI": "http://" + r.Host + NVIPath, "SMS": "http://" + r.Host + "/sms/",
		"App": "http://" + r.Host + HESAppPath, "Interior": "http://" + r.Host + InteriorPath, "Key": s.InteriorKey(),
		"No": TCKN("123456" + magicNo).Reveal(), "Fault": TCKN("123456" + magicFault).Reveal(), "Slow": TCKN("123456" + magicSlow).Reveal(),
		"Citizens": Citizens(), "Samples": samples(), "Phone": phoneRefused, "SMPP": s.smppAddress(),
	})
}

// sample is one person with a code of each kind, for the start page and docs.
type sample struct {
	Kind string
	Code string
}

// samples are the first citizen's codes.
func samples() []sample {
	c := Citizens()[0]
	var out []sample
	for k := Riskless; k <= Garbled; k++ {
		out = append(out, sample{k.String(), dashed(HESFor(c.ID, person.RestoreName(c.First), person.RestoreName(c.Last), k).Reveal())})
	}
	return out
}

// dashed writes a code as people see it, XXXX-XXXX-XX.
func dashed(code string) string { return code[:4] + "-" + code[4:8] + "-" + code[8:] }

// makePage makes a code for whoever is typed in. Programs post the same fields
// and get JSON.
func (s *Sandbox) makePage(w http.ResponseWriter, r *http.Request) {
	data := map[string]any{"Kinds": kindNames, "Kind": r.PostFormValue("kind"), "Number": r.PostFormValue("number"), "First": r.PostFormValue("first"), "Last": r.PostFormValue("last")}
	if r.Method == http.MethodPost {
		code, errs := s.makeFor(r.PostFormValue("number"), r.PostFormValue("first"), r.PostFormValue("last"), r.PostFormValue("kind"))
		if strings.Contains(r.Header.Get("Accept"), "application/json") {
			if len(errs) > 0 {
				writeJSON(w, http.StatusUnprocessableEntity, map[string]any{"errors": errs})
				return
			}
			writeJSON(w, http.StatusOK, map[string]string{"hes_code": code, "hes_code_barcode": barcodeText(code)})
			return
		}
		data["Errors"] = errs
		if len(errs) == 0 {
			picture, err := qrPNG(barcodeText(code))
			if err != nil {
				http.Error(w, "cannot draw the QR code", http.StatusInternalServerError)
				return
			}
			data["Code"], data["QR"] = dashed(code), picture
		}
	}
	s.show(w, r, "make.html", data)
}

// makeFor checks the fields of a person and gives the code, or what is wrong
// by field (a fault's code).
func (s *Sandbox) makeFor(number, first, last, kind string) (string, map[string]string) {
	errs := map[string]string{}
	id, err := person.ParseTCKN(number)
	if err != nil && strings.IndexFunc(number, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }) >= 0 {
		id, err = person.ParsePassport(number)
	}
	if err != nil {
		errs["number"] = err.Error()
	}
	f, err := person.ParseName(first)
	if err != nil {
		errs["first"] = err.Error()
	}
	l, err := person.ParseName(last)
	if err != nil {
		errs["last"] = err.Error()
	}
	k, ok := ParseKind(kind)
	if !ok && kind != "" {
		errs["kind"] = "unknown"
	}
	if len(errs) > 0 {
		return "", errs
	}
	code := HESFor(id, f, l, k).Reveal()
	s.remember(code)
	return code, nil
}

// qrPNG draws a text as a QR code and gives it as a data URI: no code ever
// stands in an address.
func qrPNG(text string) (template.URL, error) {
	c, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", err
	}
	const quiet = 4
	side := c.Bounds().Dx()
	if c, err = barcode.Scale(c, side*6, side*6); err != nil {
		return "", err
	}
	img := image.NewGray(image.Rect(0, 0, (side+2*quiet)*6, (side+2*quiet)*6))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	for y := range side * 6 {
		for x := range side * 6 {
			img.Set(x+quiet*6, y+quiet*6, c.At(x, y))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return "", err
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}

// codesPage lists the codes made or asked after, newest first, and flips them.
func (s *Sandbox) codesPage(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if c, err := health.ParseCode(r.PostFormValue("code")); err == nil {
			s.Flip(c, r.PostFormValue("to") == "risky")
		}
		http.Redirect(w, r, "/hes/codes?lang="+langOf(r), http.StatusSeeOther)
		return
	}
	type row struct {
		Code, Kind, ID, First, Last string
		Risky                       bool
		Asked                       int
	}
	var rows []row
	s.mu.Lock()
	for _, code := range slices.Backward(s.order) {
		if c := s.codes[code]; len(rows) < 200 {
			rows = append(rows, row{dashed(c.code), c.kind.String(), c.id, c.first, c.last, c.risky, c.asked})
		}
	}
	total := len(s.order)
	s.mu.Unlock()
	s.show(w, r, "codes.html", map[string]any{"Rows": rows, "Total": total})
}

func langOf(r *http.Request) string {
	if r.URL.Query().Get("lang") == "en" {
		return "en"
	}
	return "tr"
}

// faultsPage shows and sets faults; programs speak JSON at the same address.
func (s *Sandbox) faultsPage(w http.ResponseWriter, r *http.Request) {
	if wantsJSON(r) {
		if r.Method == http.MethodPost {
			s.setFaults(w, r)
			return
		}
		s.listFaults(w, r)
		return
	}
	if r.Method == http.MethodPost {
		f := Fault{Mode: Mode(r.PostFormValue("mode")), Delay: atoi(r.PostFormValue("delay")), Status: atoi(r.PostFormValue("status")), Every: atoi(r.PostFormValue("every")), Times: atoi(r.PostFormValue("times"))}
		if err := s.SetFault(r.PostFormValue("service"), f); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, "/faults?lang="+langOf(r), http.StatusSeeOther)
		return
	}
	type row struct {
		Service string
		Fault   Fault
		Calls   int
	}
	var rows []row
	s.mu.Lock()
	for _, name := range Services() {
		rows = append(rows, row{name, s.faults[name], s.calls[name]})
	}
	s.mu.Unlock()
	s.show(w, r, "faults.html", map[string]any{"Rows": rows, "Modes": Modes()})
}

func (s *Sandbox) inboxPage(w http.ResponseWriter, r *http.Request) {
	all := s.Inbox(msisdn(r.FormValue("to")), 0)
	slices.Reverse(all)
	total := len(all)
	s.show(w, r, "inbox.html", map[string]any{"To": r.FormValue("to"), "Texts": all[:min(total, 100)], "Total": total})
}

// reported is what stands in a report, as its receiver reads it.
type reported struct {
	City      string    `json:"city"`
	Province  int       `json:"province"`
	Document  string    `json:"document"`
	Number    string    `json:"number"`
	Country   string    `json:"country"`
	Card      string    `json:"card"`
	Device    string    `json:"device"`
	Stop      uint32    `json:"stop"`
	Line      uint8     `json:"line"`
	Earliest  time.Time `json:"tap_earliest"`
	Latest    time.Time `json:"tap_latest"`
	List      uint64    `json:"list"`
	Effective time.Time `json:"suspension_effective"`
	Told      time.Time `json:"notice"`
	Source    string    `json:"feed_message"`
}

func (s *Sandbox) interiorPage(w http.ResponseWriter, r *http.Request) {
	all := s.Reports()
	slices.Reverse(all)
	type row struct {
		Report
		What reported
	}
	rows := make([]row, min(len(all), 100))
	for i := range rows {
		rows[i].Report = all[i]
		_ = json.Unmarshal(all[i].Opened, &rows[i].What) // another's shape is shown empty
	}
	s.show(w, r, "interior.html", map[string]any{"Rows": rows, "Total": len(all), "Key": s.InteriorKey(), "ReceiptKey": s.ReceiptKey()})
}
