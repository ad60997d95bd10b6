package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"turnike/internal/health"
	"turnike/internal/person"
)

func serve(t *testing.T, c Config) (*Sandbox, string) {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	return s, srv.URL
}

// ask sends a request and gives status and body.
func ask(t *testing.T, method, u, kind, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, u, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

const form = "application/x-www-form-urlencoded"

func TestPages(t *testing.T) {
	s, u := serve(t, Config{})
	s.deliver(Text{To: "905551112233", Text: "Kodunuz: 123456 <b>", Gateway: "netgsm"})
	for _, lang := range []string{"tr", "en"} {
		for page, want := range map[string]string{
			"/": TCKN("123456404").Reveal(), "/inbox": "Kodunuz: 123456 &lt;b&gt;", "/hes/make": `name="number"`,
			"/hes/codes": "<table>", "/faults": "iletimerkezi", "/interior/": s.InteriorKey(),
		} {
			status, body := ask(t, "GET", u+page+"?lang="+lang, "", "", "Accept", "text/html")
			if status != 200 || !strings.Contains(body, want) || !strings.Contains(body, `<html lang="`+lang+`">`) {
				t.Errorf("%s in %s: status %d, lacks %q", page, lang, status, want)
			}
		}
	}
	if _, body := ask(t, "GET", u+"/inbox?to=0555+111+22+44", "", ""); strings.Contains(body, "123456") {
		t.Error("the inbox of another phone shows the text")
	}
}

func TestMakeAndFlip(t *testing.T) {
	s, u := serve(t, Config{})
	c := Citizens()[0]
	fields := url.Values{"number": {c.ID.Reveal()}, "first": {c.First}, "last": {c.Last}, "kind": {"riskless"}}
	want := dashed(HESFor(c.ID, person.RestoreName(c.First), person.RestoreName(c.Last), Riskless).Reveal())
	status, body := ask(t, "POST", u+"/hes/make", form, fields.Encode())
	if status != 200 || !strings.Contains(body, want) || !strings.Contains(body, "data:image/png;base64,") {
		t.Fatalf("status %d, page lacks the code %s or its picture", status, want)
	}
	_, body = ask(t, "POST", u+"/hes/make", form, fields.Encode(), "Accept", "application/json")
	var made map[string]string
	if err := json.Unmarshal([]byte(body), &made); err != nil || dashed(made["hes_code"]) != want {
		t.Fatalf("got %s, want the code %s", body, want)
	}
	if got, err := health.ParseCode(made["hes_code_barcode"]); err != nil || got.Reveal() != made["hes_code"] {
		t.Errorf("barcode %q reads as %v, %v", made["hes_code_barcode"], got, err)
	}
	fields.Set("number", "12345678901")
	if status, body = ask(t, "POST", u+"/hes/make", form, fields.Encode(), "Accept", "application/json"); status != 422 || !strings.Contains(body, "id.checksum") {
		t.Errorf("wrong number: got %d %s", status, body)
	}
	status, _ = ask(t, "POST", u+"/hes/state", "application/json", `{"hes_code":"`+want+`","status":"RISKY"}`)
	if c := s.lookup(made["hes_code"]); status != 200 || c == nil || !c.risky {
		t.Errorf("flip over HTTP: status %d, code %+v", status, c)
	}
	if status, body = ask(t, "POST", u+"/hes/codes", form, url.Values{"code": {want}, "to": {"riskless"}}.Encode()); status != 200 || strings.Contains(body, `class="bad"`) {
		t.Errorf("flip on the page: status %d", status)
	}
	if status, _ = ask(t, "POST", u+"/hes/state", "application/json", `{"hes_code":"0000000000","status":"RISKY"}`); status != 404 {
		t.Errorf("flip of a code nobody has: status %d, want 404", status)
	}
}

func TestCitizenApp(t *testing.T) {
	s, u := serve(t, Config{})
	app := u + HESAppPath
	post := func(path, token, body string) (int, map[string]any) {
		t.Helper()
		status, out := ask(t, "POST", app+path, "application/json", body, "Authorization", "Bearer "+token)
		var m map[string]any
		_ = json.Unmarshal([]byte(out), &m)
		return status, m
	}
	if status, _ := post("api/send-code-to-login", "", `{"phone":"+905551112233"}`); status != 201 {
		t.Fatalf("send code: status %d, want 201", status)
	}
	text := s.Inbox("905551112233", 0)[0].Text
	code := text[len(text)-6:]
	if status, _ := post("api/authenticate-with-code", "", `{"phone":"+905551112233","password":"000"}`); status != 401 {
		t.Errorf("wrong code: status %d, want 401", status)
	}
	status, m := post("api/authenticate-with-code", "", `{"phone":"+905551112233","password":"`+code+`","rememberMe":true}`)
	token, _ := m["id_token"].(string)
	if status != 200 || token == "" {
		t.Fatalf("log in: %d %v", status, m)
	}
	if status, _ := post("services/hescodeproxy/api/hes-codes-tr", "nobody", `{}`); status != 401 {
		t.Errorf("stranger makes a code: status %d, want 401", status)
	}
	status, m = post("services/hescodeproxy/api/hes-codes-tr", token, `{"child_tckn":null,"description":"kart","expiration_date":null}`)
	made, _ := m["hes_code"].(string)
	if status != 201 || len(made) != health.CodeLen {
		t.Fatalf("make a code: %d %v", status, m)
	}
	who := appCitizen("905551112233")
	status, m = post("services/hescodeproxy/api/check-hes-code", token, `{"hes_code":"`+dashed(made)+`"}`)
	if mask, _ := m["masked_identity_number"].(string); status != 200 || !person.FitsMask(who.ID.Reveal(), mask) {
		t.Errorf("check: %d %v, want the mask of %s", status, m, who.ID.Reveal())
	}
	_, out := ask(t, "GET", app+"services/hescodeproxy/api/hes-codes", "", "", "Authorization", "Bearer "+token)
	if !strings.Contains(out, made) {
		t.Errorf("list %s lacks %s", out, made)
	}
}

func TestStrangersStayOut(t *testing.T) {
	for _, tt := range []struct {
		name   string
		open   bool
		remote string
		host   string
		want   int
	}{
		{"this machine", false, "127.0.0.1:999", "127.0.0.1:8090", 200},
		{"this machine, version 6", false, "[::1]:999", "localhost:8090", 200},
		{"another machine", false, "192.0.2.7:999", "127.0.0.1:8090", 403},
		{"a web page's name for this machine", false, "127.0.0.1:999", "evil.example:8090", 403},
		{"open", true, "192.0.2.7:999", "sandbox.example", 200},
	} {
		s, err := New(Config{Open: tt.open})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/inbox.json", nil)
		r.RemoteAddr, r.Host = tt.remote, tt.host
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	s, u := serve(t, Config{})
	if status, body := ask(t, "POST", u+"/faults", "application/json", `{"hes":{"mode":"error","status":503,"times":1}}`); status != 200 || !strings.Contains(body, `"status":503`) {
		t.Errorf("set: %d %s", status, body)
	}
	for _, bad := range []string{`{"moon":{"mode":"slow"}}`, `{"hes":{"mode":"explode"}}`, `{"hes":{"mode":"slow","delay_ms":-1}}`, `nonsense`} {
		if status, _ := ask(t, "POST", u+"/faults", "application/json", bad); status != 400 {
			t.Errorf("%s: got %d, want 400", bad, status)
		}
	}
	if status, _ := ask(t, "POST", u+"/faults", form, `{"nvi":{"mode":"slow"}}`); status != 200 || s.faults["nvi"].Mode != Slow {
		t.Errorf("set as curl -d sends it: %d, %+v", status, s.faults["nvi"])
	}
	if status, _ := ask(t, "POST", u+"/faults", form, "service=nvi&mode=drop&delay=5&every=2", "Accept", "text/html"); status != 200 || s.faults["nvi"] != (Fault{Mode: Drop, Delay: 5, Every: 2}) {
		t.Errorf("set on the page: %d, %+v", status, s.faults["nvi"])
	}
	for i, want := range []int{503, 401} { // once faulty, then as it should: no password
		if status, _ := ask(t, "POST", u+HESPath+"check-hes-code", "application/json", `{}`); status != want {
			t.Errorf("call %d: got %d, want %d", i, status, want)
		}
	}
	if n := s.Calls("hes"); n != 2 {
		t.Errorf("%d calls counted, want 2", n)
	}
}

func TestInboxForgetsTheOldest(t *testing.T) {
	s, _ := serve(t, Config{InboxSize: 8})
	for i := range 100 {
		to := "90555111223" + strconv.Itoa(i%3)
		s.deliver(Text{To: to, Text: strconv.Itoa(i + 1)})
		all := s.Inbox("", 0)
		if want := min(i+1, 8); len(all) != want || all[len(all)-1].N != i+1 || all[0].N != i+2-want {
			t.Fatalf("after %d texts: %d kept, from %d; want %d, from %d", i+1, len(all), all[0].N, want, i+2-want)
		}
		for _, m := range all {
			if m.Text != strconv.Itoa(m.N) {
				t.Fatalf("text %d says %q", m.N, m.Text)
			}
		}
		if mine := s.Inbox(to, i-3); len(mine) != min(i/3+1, 2) || mine[len(mine)-1].N != i+1 {
			t.Fatalf("after %d texts: since %d a phone has %+v", i+1, i-3, mine)
		}
	}
	if got := s.Inbox("", 100); len(got) != 0 {
		t.Errorf("since the last: got %+v", got)
	}
}

func FuzzReadSOAP(f *testing.F) {
	f.Add([]byte(`<s:Envelope xmlns:s="` + soap11Space + `"><s:Body><TCKimlikNoDogrula xmlns="` + nviSpace + `"><Ad>A</Ad></TCKimlikNoDogrula></s:Body></s:Envelope>`))
	f.Add([]byte(`<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>`))
	f.Add([]byte(``))
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, ok := readSOAP(b); ok && q.method == "" {
			t.Errorf("%q read without a method", b)
		}
	})
}

// TestGuide: docs/sandbox.md promises exactly what the code does.
func TestGuide(t *testing.T) {
	b, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := string(b)
	var want []string
	for _, c := range Citizens() {
		want = append(want, "| `"+c.ID.Reveal()+"` | "+c.First+" | "+c.Last+" | "+c.Birth+" |")
	}
	for _, x := range samples() {
		want = append(want, "| `"+x.Kind+"` | `"+x.Code+"` |")
	}
	for _, m := range []string{magicNo, magicFault, magicSlow} {
		want = append(want, "`"+TCKN("123456"+m).Reveal()+"`")
	}
	for _, m := range Modes()[1:] {
		want = append(want, "`"+string(m)+"`")
	}
	for _, s := range Services() {
		want = append(want, "`"+s+"`")
	}
	want = append(want, "`"+HESPath+"`", "`"+HESTestPath+"`", "`"+HESAppPath+"`", GatewayPath("netgsm"), "ending in "+phoneRefused)
	for _, w := range want {
		if !strings.Contains(guide, w) {
			t.Errorf("docs/sandbox.md lacks %s", w)
		}
	}
}
