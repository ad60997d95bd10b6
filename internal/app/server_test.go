package app_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"turnike/internal/person"
	"turnike/internal/sandbox"
)

// plant is a value that must be found nowhere, with every way it could be
// written.
type plant struct {
	what  string
	forms []string
}

func planted(what string, values ...string) plant {
	p := plant{what: what}
	for _, v := range values {
		p.forms = append(p.forms, strings.ToLower(v), strings.ToLower(url.QueryEscape(v)), strings.ToLower(url.PathEscape(v)), hex.EncodeToString([]byte(v)))
		b, _ := json.Marshal(v) // as ASCII, too
		p.forms = append(p.forms, strings.ToLower(strings.Trim(string(b), `"`)))
	}
	slices.Sort(p.forms)
	p.forms = slices.Compact(p.forms)
	return p
}

// found lists the plants that stand in a text.
func found(plants []plant, text string) (hits []string) {
	text = strings.ToLower(text)
	for _, p := range plants {
		for _, f := range p.forms {
			if i := strings.Index(text, f); i >= 0 {
				hits = append(hits, fmt.Sprintf("%s as %q near %q", p.what, f, text[max(0, i-60):min(len(text), i+len(f)+20)]))
				break
			}
		}
	}
	return hits
}

// TestNothingLeaks plants a person in every form and call, under every fault of
// the outside world, and looks for them everywhere the installation writes.
func TestNothingLeaks(t *testing.T) {
	w := newWorld(t)
	const first, last, email = "Zübeydegül", "Karaosmanbeyoğlu", "zubeydegul.gizli@posta.example"
	card := "3400000004737291"
	citizen := rider{id: sandbox.TCKN("573829164"), phone: "905397163825", card: card}
	citizen.fill(first, last, "1971", "11", "23", email)
	pass, err := person.ParsePassport("QX7391846Z")
	if err != nil {
		t.Fatal(err)
	}
	foreigner := rider{id: pass, phone: "905387261934", card: "3400000005839172"}
	foreigner.fill(first, last, "1971", "11", "23", email)
	plants := []plant{
		planted("T.C. number", citizen.id.Reveal()), planted("passport", "QX7391846Z", "QX7391846"), planted("given name", first, "ZÜBEYDEGÜL"),
		planted("family name", last, "KARAOSMANBEYOĞLU"), planted("e-mail", email, "zubeydegul.gizli"), planted("birth date", "1971-11-23", "23.11.1971", "19711123"),
		planted("phone", "5397163825", "539 716 38 25"), planted("passport holder's phone", "5387261934", "538 726 19 34"),
		planted("card", card, "3400 0000 0473 7291"), planted("passport holder's card", "3400000005839172"),
		planted("HES code", citizen.hes, citizen.hes[:4]+"-"+citizen.hes[4:8]), planted("passport holder's HES code", foreigner.hes),
	}

	c := w.client()
	pages := []string{"/", "/istanbul/", "/istanbul/pair", "/istanbul/code", "/istanbul/done", "/istanbul/hes", "/istanbul/desks", "/istanbul/privacy"}
	for _, p := range pages {
		c.get(p)
		c.get(p + "?id=" + citizen.id.Reveal() + "&first_name=" + url.QueryEscape(first) + "&card=" + card) // somebody's own link
	}
	for _, p := range []string{"/" + citizen.id.Reveal(), "/istanbul/" + card, "/" + url.PathEscape(first) + "/pair", "/api/v1/cities/" + card, "/lists/" + citizen.id.Reveal()} {
		if a := c.get(p); a.status != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", p[:4]+"...", a.status)
		}
	}
	c.all = nil // an address that its reader wrote is theirs; the log must not have it

	// The pages: every field wrong in turn, then right, the code wrong, then
	// right; then all else a holder can do.
	since := 0
	walk := func(r rider, city string) {
		for name := range r.fields {
			wrong := map[string]string{}
			for k, v := range r.fields {
				wrong[k] = v
			}
			wrong[name] = r.fields[name] + "\u202e" + last
			c.send("/"+city+"/pair", wrong)
		}
		w.pass(25 * time.Hour)
		since = w.newest(r.phone) // a box that the city does not ask may be wrong
		c.send("/"+city+"/pair", r.fields)
		if !strings.HasSuffix(c.last.at, "/code") {
			t.Fatalf("%s: the form was not taken: %d at %s", city, c.last.status, c.last.at)
		}
		var code string
		code, since = w.code(r.phone, since)
		c.enter("000000")
		c.enter(r.id.Reveal()) // typed into the wrong box
		c.enter(code)
		if !strings.HasSuffix(c.last.at, "/done") {
			t.Fatalf("%s: got %d at %s, want the receipt", city, c.last.status, c.last.at)
		}
	}
	walk(citizen, "istanbul")
	walk(foreigner, "istanbul")
	for _, k := range []string{"status", "renew", "move", "unpair"} {
		w.pass(25 * time.Hour)
		f := map[string]string{"new_card": "3400000004737292"}
		for n, v := range citizen.fields {
			f[n] = v
		}
		if k == "unpair" {
			f["card"] = f["new_card"] // the tie has moved
		}
		if c.send("/istanbul/card/"+k, f); !strings.HasSuffix(c.last.at, "/code") && k != "status" {
			t.Fatalf("%s: got %d at %s, want the code page", k, c.last.status, c.last.at)
		}
		if k != "status" {
			var code string
			code, since = w.code(citizen.phone, since)
			c.enter(code)
		}
	}

	// The same under every fault of the outside world, so that errors are logged.
	for _, service := range []string{"hes", "nvi", "netgsm"} {
		for _, mode := range []sandbox.Mode{sandbox.Errors, sandbox.Garbage, sandbox.Hang} {
			w.pass(25 * time.Hour)
			c.send("/istanbul/pair", citizen.fields)
			if err := w.outside.SetFault(service, sandbox.Fault{Mode: mode}); err != nil {
				t.Fatal(err)
			}
			if service == "netgsm" {
				time.Sleep(1500 * time.Millisecond)
			}
			if err := w.outside.SetFault("netgsm", sandbox.Fault{}); err != nil {
				t.Fatal(err)
			}
			if service != "netgsm" {
				var code string
				code, since = w.code(citizen.phone, since)
				c.enter(code)
			}
			if err := w.outside.SetFault(service, sandbox.Fault{}); err != nil {
				t.Fatal(err)
			}
		}
	}

	// The API, rightly and wrongly used. Its answers never repeat a value.
	app := w.client()
	key := 0
	begin := func(body any) answer {
		key++
		return app.json("POST", "/api/v1/cities/istanbul/requests", body, "Idempotency-Key", fmt.Sprintf(`"leak-%d"`, key))
	}
	w.pass(25 * time.Hour)
	if a := begin(citizen.api()); a.status == http.StatusCreated {
		code, n := w.code(citizen.phone, since)
		since = n
		app.json("POST", a.header.Get("Location")+"/code", map[string]string{"code": citizen.id.Reveal()})
		app.json("POST", a.header.Get("Location")+"/code", map[string]string{"code": code})
		app.get(a.header.Get("Location"))
	} else {
		t.Errorf("api: got %d, want 201\n%s", a.status, a.body)
	}
	for name, v := range citizen.api()["fields"].(map[string]any) {
		for _, bad := range []any{v.(string) + "x", []any{v}, map[string]any{v.(string): v}, 5, nil, strings.Repeat(v.(string), 200), v.(string) + "\u202e", v.(string) + "\ufffd"} {
			body := citizen.api()
			body["fields"].(map[string]any)[name] = bad
			begin(body)
		}
		body := citizen.api()
		body["fields"].(map[string]any)[v.(string)] = v // a value for a name
		begin(body)
		body[v.(string)] = v
		begin(body)
	}
	whole, _ := json.Marshal(citizen.api())
	for _, raw := range []string{string(whole[:len(whole)-2]), string(whole) + string(whole), "[" + string(whole) + "]", `"` + citizen.id.Reveal() + `"`, citizen.id.Reveal()} {
		app.do("POST", "/api/v1/cities/istanbul/requests", strings.NewReader(raw), "Content-Type", "application/json", "Idempotency-Key", `"`+citizen.id.Reveal()+`"`)
	}
	app.do("POST", "/api/v1/cities/istanbul/requests", bytes.NewReader(whole), "Content-Type", "text/"+citizen.id.Reveal())
	app.do("DELETE", "/api/v1/cities/istanbul/requests", bytes.NewReader(whole))

	// Where it may have gone.
	search := func() (hits []string) {
		look := func(where, text string) {
			for _, h := range found(plants, text) {
				hits = append(hits, where+": "+h)
			}
		}
		look("log", w.log.String())
		res, err := http.Get(w.admin + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		m, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || !bytes.Contains(m, []byte("turnike_http_requests_total")) {
			t.Fatalf("metrics: got %d bytes and %v", len(m), err)
		}
		look("metrics", string(m))
		for _, a := range append(c.all, app.all...) {
			for k, v := range a.header {
				look("header "+k, strings.Join(v, "\n"))
			}
			// A form that comes back for mending holds what was typed into it.
			mend := a.status == 422 || a.status == 429 || a.status == 200 && strings.HasSuffix(a.at, "/pair")
			if strings.HasPrefix(a.at, "/api/") || !mend {
				look(fmt.Sprintf("answer %d", a.status), a.body)
			}
		}
		for _, dir := range []string{w.cfg.Data, w.cfg.Keys} {
			files := 0
			err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				b, err := os.ReadFile(p)
				files++
				look("file "+filepath.Base(p), string(b))
				return err
			})
			if err != nil || files < 2 {
				t.Fatalf("files: got %d and %v", files, err)
			}
		}
		return hits
	}
	for _, h := range search() {
		t.Error(h)
	}
	if n := strings.Count(w.log.String(), "\n"); n < 20 {
		t.Errorf("the log has %d lines, want enough to have been able to leak", n)
	}

	// The search would have found it: once in each place.
	slog.New(slog.NewTextHandler(w.log, nil)).Info("x", "who", citizen.id.Reveal())
	if err := os.WriteFile(filepath.Join(w.cfg.Data, "seeded"), []byte("x"+strings.ToUpper(last)+"\x00"+hex.EncodeToString([]byte(email))), 0o600); err != nil {
		t.Fatal(err)
	}
	c.all = append(c.all, answer{status: 303, header: http.Header{"Location": {"/x?phone=%2B905397163825"}}})
	if hits := search(); len(hits) != 4 {
		t.Errorf("four seeded leaks: found %d: %q", len(hits), hits)
	}
}

// TestStopLosesNothing: whoever had an answer before the stop has their request
// after it, and their text leaves.
func TestStopLosesNothing(t *testing.T) {
	w := newWorld(t)
	var acked sync.Map
	var n, refused atomic.Int64
	var wg sync.WaitGroup
	halt := make(chan struct{})
	site := w.site
	for i := range 16 {
		wg.Go(func() {
			http := &http.Client{Timeout: 15 * time.Second}
			for j := 0; ; j++ {
				select {
				case <-halt:
					return
				default:
				}
				r := w.rider()
				b, _ := json.Marshal(r.api())
				req, _ := newRequest(site+"/api/v1/cities/istanbul/requests", b, fmt.Sprintf("stop-%d-%d", i, j))
				res, err := http.Do(req)
				if err != nil {
					refused.Add(1)
					time.Sleep(5 * time.Millisecond)
					continue
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode == 201 {
					acked.Store(res.Header.Get("Location"), r.phone)
					n.Add(1)
				}
			}
		})
	}
	for began := time.Now(); n.Load() < 200; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("only %d were answered", n.Load())
		}
	}
	if err := w.stop(); err != nil {
		t.Errorf("stop under load: got %v, want in order", err)
	}
	close(halt)
	wg.Wait()
	if refused.Load() == 0 {
		t.Error("nobody was turned away, want the load to outlast the stop")
	}
	w.start()
	c := w.client()
	acked.Range(func(at, phone any) bool {
		if a := c.get(at.(string)); a.status != 200 || !strings.Contains(a.body, `"code"`) {
			t.Errorf("an answered request after the stop: got %d\n%s", a.status, a.body)
			return false
		}
		w.code(phone.(string), 0)
		return true
	})
	t.Logf("%d answered, all there", n.Load())
}

func newRequest(u string, body []byte, key string) (*http.Request, error) {
	r, err := http.NewRequest("POST", u, bytes.NewReader(body))
	if err == nil {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", `"`+key+`"`)
	}
	return r, err
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	for _, base := range []string{w.site, w.admin} {
		for _, p := range []string{"/livez", "/readyz"} {
			res, err := http.Get(base + p)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != 200 || string(b) != "ok\n" {
				t.Errorf("%s: got %d %q, want ok", p, res.StatusCode, b)
			}
		}
	}
	if a := c.get("/metrics"); a.status != 404 {
		t.Errorf("/metrics on the public side: got %d, want 404", a.status)
	}
	if err := w.stop(); err != nil {
		t.Errorf("stop: got %v", err)
	}
	rec := httptest.NewRecorder()
	w.app.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/readyz", nil))
	if rec.Code != 503 {
		t.Errorf("/readyz with the database closed: got %d, want 503", rec.Code)
	}
}

// TestHeadersEverywhere: no route answers without the few words that keep a
// browser from being turned against its owner.
func TestHeadersEverywhere(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	sheet := ""
	if _, rest, ok := strings.Cut(c.get("/istanbul/").body, `rel="stylesheet" href="`); ok {
		sheet, _, _ = strings.Cut(rest, `"`)
	}
	for _, p := range []string{"/", "/istanbul/", "/istanbul/pair", "/istanbul/code", "/istanbul/done", "/izmir/card/status", "/nowhere/", "/istanbul/nowhere", "/api/", "/api/openapi.json",
		"/api/v1/cities", "/api/v1/cities/istanbul", "/api/v1/nowhere", "/lists/istanbul/head", "/lists/", "/lists/nowhere/head", "/livez", "/readyz", "/metrics", "/favicon.ico", "/robots.txt", sheet} {
		if p == "" {
			t.Error("no style sheet on the page")
			continue
		}
		for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS"} {
			a := c.do(method, p, nil)
			if got := a.header.Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("%s %s (%d): got X-Content-Type-Options %q, want nosniff", method, p, a.status, got)
			}
			kind := a.header.Get("Content-Type")
			csp := a.header.Get("Content-Security-Policy")
			if strings.HasPrefix(kind, "text/html") && (!strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe")) {
				t.Errorf("%s %s (%d): got policy %q, want a strict one", method, p, a.status, csp)
			}
			if strings.HasPrefix(kind, "text/html") && a.header.Get("Referrer-Policy") == "" {
				t.Errorf("%s %s: got no Referrer-Policy", method, p)
			}
			for _, s := range a.header.Values("Set-Cookie") {
				if !strings.Contains(s, "HttpOnly") || !strings.Contains(s, "SameSite=") {
					t.Errorf("%s %s: got a cookie without HttpOnly and SameSite", method, p)
				}
			}
			if a.header.Get("Server") != "" || a.header.Get("X-Powered-By") != "" || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s: says too much: %v", method, p, a.header)
			}
		}
	}
}

// TestNever500 sends what no browser sends. Each is refused, none is our fault.
func TestNever500(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	noise := make([]byte, 4096)
	rand.Read(noise)
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	_ = mw.WriteField("card", "1")
	mw.Close()
	big := strings.Repeat("card=1&", 1<<20)
	long := url.Values{"card": {strings.Repeat("9", 100_000)}}.Encode()
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	for _, path := range []string{"/istanbul/pair", "/turkiye/pair", "/istanbul/code", "/istanbul/card/status", "/izmir/card/move", "/api/v1/cities/istanbul/requests", "/api/v1/cities/istanbul/requests/x/code", "/nowhere/pair"} {
		for name, b := range map[string]struct{ body, kind string }{
			"nothing": {"", "application/x-www-form-urlencoded"}, "noise": {string(noise), "application/x-www-form-urlencoded"}, "noise as JSON": {string(noise), "application/json"},
			"too large": {big, "application/x-www-form-urlencoded"}, "too large JSON": {`"` + big + `"`, "application/json"}, "a long field": {long, "application/x-www-form-urlencoded"},
			"a form of parts": {form.String(), mw.FormDataContentType()}, "parts without a boundary": {"x", "multipart/form-data"}, "no type": {"card=1", ""}, "a broken type": {"card=1", ";;;/"},
			"deep JSON": {deep, "application/json"}, "null": {"null", "application/json"}, "XML": {"<a/>", "application/xml"},
			"broken escapes": {"card=%zz&%=%", "application/x-www-form-urlencoded"}, "broken UTF-8": {"first_name=%ff%fe&card=%c3%28", "application/x-www-form-urlencoded"},
			"bidi": {"first_name=%E2%80%AE%D9%85&last_name=%E2%81%A6x", "application/x-www-form-urlencoded"}, "a surrogate": {"first_name=%ED%A0%80", "application/x-www-form-urlencoded"},
			"surrogates in JSON": {`{"kind":"pair","fields":{"first_name":"\ud800","last_name":"\udc00\ud800"}}`, "application/json"},
			"NUL":                {"first_name=%00&id=%00", "application/x-www-form-urlencoded"}, "many fields": {strings.Repeat("a=1&", 20_000), "application/x-www-form-urlencoded"},
			"a kind of its own": {`{"kind":"own","fields":{}}`, "application/json"}, "numbers": {`{"kind":1e999,"fields":[]}`, "application/json"},
		} {
			a := c.do("POST", path, strings.NewReader(b.body), "Content-Type", b.kind, "Origin", w.site, "Idempotency-Key", fmt.Sprintf(`"n-%d"`, w.next()))
			if a.status < 300 || a.status >= 500 {
				if !(a.status == 200 && strings.HasPrefix(a.at, "/")) || strings.HasPrefix(path, "/api/") {
					t.Errorf("%s, %s: got %d, want it refused", path, name, a.status)
				}
			}
		}
		if !strings.HasPrefix(path, "/api/") {
			a := c.do("POST", path, strings.NewReader("card=1"), "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site")
			if a.status != 403 {
				t.Errorf("%s from another site: got %d, want 403", path, a.status)
			}
		}
	}
	for name, headers := range map[string][]string{
		"a broken cookie": {"Cookie", "turnike=\xff; a=b=c;;"}, "languages": {"Accept-Language", strings.Repeat("xx,", 3000)}, "a broken language": {"Accept-Language", ";;q=%"},
		"encodings": {"Accept-Encoding", "gzip;q=2, br;;,*"}, "ranges": {"Range", "bytes=9-1,,-"}, "an old copy": {"If-None-Match", `W/"x", "`}, "a date": {"If-Modified-Since", "yesterday"},
	} {
		for _, p := range []string{"/istanbul/pair", "/api/v1/cities", "/lists/istanbul/head"} {
			if name == "ranges" && strings.HasPrefix(p, "/lists") {
				continue // 416 by the standard, which is the caller's
			}
			if a := c.do("GET", p, nil, headers...); a.status >= 500 {
				t.Errorf("%s with %s: got %d", p, name, a.status)
			}
		}
	}
}

// TestTimeTellsNothing: asking about a card that has a holder takes as long as
// about one that has none. The bound is coarse; the two medians of a run are
// taken side by side.
func TestTimeTellsNothing(t *testing.T) {
	w := newWorld(t)
	c := w.client()
	owner := w.rider()
	a := c.json("POST", "/api/v1/cities/istanbul/requests", owner.api(), "Idempotency-Key", `"owner"`)
	code, _ := w.code(owner.phone, 0)
	if b := c.json("POST", a.header.Get("Location")+"/code", map[string]string{"code": code}); b.status != 200 {
		t.Fatalf("the owner's pairing: got %d", b.status)
	}
	var took [2][]time.Duration
	var sizes [2]map[int]bool
	sizes[0], sizes[1] = map[int]bool{}, map[int]bool{}
	for i := range 80 {
		r := w.rider()
		body := r.api()
		known := i % 2
		if known == 1 {
			body["fields"].(map[string]any)["card"] = owner.card
		}
		began := time.Now()
		a := c.json("POST", "/api/v1/cities/istanbul/requests", body, "Idempotency-Key", fmt.Sprintf(`"t-%d"`, i))
		took[known] = append(took[known], time.Since(began))
		if a.status != 201 {
			t.Fatalf("got %d\n%s", a.status, a.body)
		}
		sizes[known][len(a.body)] = true
	}
	for i := range took {
		slices.Sort(took[i])
	}
	free, taken := took[0][len(took[0])/2], took[1][len(took[1])/2]
	if free > 2*taken || taken > 2*free {
		t.Errorf("median time: got %v for a free card and %v for a taken one, want them alike", free, taken)
	}
	if fmt.Sprint(sizes[0]) != fmt.Sprint(sizes[1]) {
		t.Errorf("sizes of answers: got %v for free cards and %v for a taken one", sizes[0], sizes[1])
	}
}
