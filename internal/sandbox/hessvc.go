package sandbox

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"turnike/internal/person"
)

// HESAppPath is where the citizens' service lives ("service B" of domain.md):
// what the Hayat Eve Sığar app itself speaks. Turnike never calls it; it is
// here so that a demo can do what a citizen does: get a code on a phone.
const HESAppPath = "/hessvc/"

func (s *Sandbox) hesAppRoutes(mux *http.ServeMux) {
	app := func(pattern string, h http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" "+HESAppPath+path, s.service("hessvc", h))
	}
	app("POST api/send-code-to-login", s.sendLoginCode)
	app("POST api/authenticate-with-code", s.login)
	app("GET api/account-with-token", s.citizen(s.account))
	for _, method := range []string{"GET", "POST"} { // described both ways
		app(method+" services/hescodeproxy/api/hes-codes", s.citizen(s.ownCodes))
	}
	app("POST services/hescodeproxy/api/hes-codes-tr", s.citizen(s.makeCode))
	app("POST services/hescodeproxy/api/check-hes-code", s.citizen(func(w http.ResponseWriter, r *http.Request, _ string) { s.checkOne(w, r, false, false) }))
	app("POST services/hescodeproxy/api/check-hes-code-plus", s.citizen(func(w http.ResponseWriter, r *http.Request, _ string) { s.checkOne(w, r, true, false) }))
}

func problem(w http.ResponseWriter, status int, title string) {
	writeJSON(w, status, map[string]any{"title": title, "status": status})
}

func (s *Sandbox) sendLoginCode(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Phone string `json:"phone"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || !mobile(msisdn(in.Phone)) {
		problem(w, http.StatusBadRequest, "Telefon numarası hatalı")
		return
	}
	phone, code := msisdn(in.Phone), digits(6)
	s.mu.Lock()
	s.logins[phone] = code
	s.mu.Unlock()
	s.deliver(Text{Gateway: "hessvc", From: "SAGLIKBAK", To: phone, Text: "Hayat Eve Sığar giriş kodunuz: " + code, Class: "code", Parts: 1})
	w.WriteHeader(http.StatusCreated)
}

func (s *Sandbox) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Password string `json:"password"`
		Phone    string `json:"phone"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		problem(w, http.StatusBadRequest, "İstek okunamadı")
		return
	}
	phone := msisdn(in.Phone)
	s.mu.Lock()
	ok := in.Password != "" && s.logins[phone] == in.Password
	token := rand.Text()
	if ok {
		delete(s.logins, phone)
		s.sessions[token] = phone
	}
	s.mu.Unlock()
	if !ok {
		problem(w, http.StatusUnauthorized, "Giriş kodu hatalı")
		return
	}
	m := appAccount(phone)
	m["id_token"], m["refresh_token"] = token, rand.Text()
	writeJSON(w, http.StatusOK, m)
}

// citizen asks for the token login gave.
func (s *Sandbox) citizen(h func(http.ResponseWriter, *http.Request, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		phone := s.sessions[token]
		s.mu.Unlock()
		if phone == "" {
			problem(w, http.StatusUnauthorized, "Oturum geçersiz")
			return
		}
		h(w, r, phone)
	}
}

// Names of the app's made-up citizens, chosen by phone.
var (
	givenNames  = []string{"Ayşe", "Mehmet", "Zeynep", "Ömer", "Çiğdem", "İbrahim", "Şule", "Uğur"}
	familyNames = []string{"Yıldız", "Çelik", "Öztürk", "Şahin", "Güneş", "Işık", "Ağar", "İnce"}
)

// appCitizen is who a phone belongs to: always the same made-up person.
func appCitizen(phone string) Citizen {
	sum := sha256.Sum256([]byte("citizen|" + phone))
	return Citizen{
		ID:    TCKN("1" + phone[4:]),
		First: givenNames[sum[0]%8], Last: familyNames[sum[1]%8],
		Birth: fmt.Sprintf("%d-%02d-%02d", 1945+int(sum[2])%60, 1+sum[3]%12, 1+sum[4]%28),
	}
}

func appAccount(phone string) map[string]any {
	c := appCitizen(phone)
	return map[string]any{
		"userId": phone[2:], "phone": "+" + phone, "firstname": c.First, "lastname": c.Last, "dob": c.Birth, "gender": nil,
		"mernisChecked": true, "healthStatus": "RISKLESS", "isolationStatus": false, "isolationBeginDate": nil, "isolationEndDate": nil,
	}
}

func (s *Sandbox) account(w http.ResponseWriter, _ *http.Request, phone string) {
	m := appAccount(phone)
	m["identityNumber"] = appCitizen(phone).ID.Reveal() // made up, and the demo's visitor types it into a form
	writeJSON(w, http.StatusOK, m)
}

// appCode is a code in the app's own list.
type appCode struct {
	Code        string  `json:"hes_code"`
	Description string  `json:"description"`
	Created     string  `json:"created_date"`
	Expires     *string `json:"expiration_date"`
	Blocked     bool    `json:"is_blocked"`
	Barcode     string  `json:"hes_code_barcode"`
}

// barcodeText is the text a code's QR image holds: something, a bar, the code. The
// real one is not published; clients are known to keep the last ten characters.
func barcodeText(code string) string { return "hes|" + code }

func (s *Sandbox) ownCodes(w http.ResponseWriter, _ *http.Request, phone string) {
	s.mu.Lock()
	list := append([]appCode{}, s.appCodes[phone]...)
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, list)
}

func (s *Sandbox) makeCode(w http.ResponseWriter, r *http.Request, phone string) {
	var in struct {
		ChildTCKN   *string `json:"child_tckn"`
		Description string  `json:"description"`
		Expires     *string `json:"expiration_date"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		problem(w, http.StatusBadRequest, "İstek okunamadı")
		return
	}
	c := appCitizen(phone)
	if in.ChildTCKN != nil && *in.ChildTCKN != "" {
		id, err := person.ParseTCKN(*in.ChildTCKN)
		if err != nil {
			problem(w, http.StatusBadRequest, "T.C. kimlik numarası hatalı")
			return
		}
		c.ID, c.First = id, givenNames[atoi(id.Last(2))%8]
	}
	kind := Riskless
	if in.Expires != nil && *in.Expires != "" {
		kind = Ending
	}
	code := HESFor(c.ID, person.RestoreName(c.First), person.RestoreName(c.Last), kind).Reveal()
	s.remember(code)
	made := appCode{Code: code, Description: in.Description, Created: s.now().UTC().Format(hesTime), Expires: in.Expires, Barcode: barcodeText(code)}
	s.mu.Lock()
	s.appCodes[phone] = append(s.appCodes[phone], made)
	s.mu.Unlock()
	writeJSON(w, http.StatusCreated, made)
}
