package httpx

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/ui"
)

// site is a Site whose log can be read.
func site(t *testing.T, cfg Config) (*Site, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, &log
}

func serve(s *Site, h func(http.ResponseWriter, *http.Request) error, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Wrap(s.Page(h)).ServeHTTP(w, r)
	return w
}

func post(form string) *http.Request {
	r := httptest.NewRequest("POST", "/x", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestErrorsBecomePages(t *testing.T) {
	secret := errors.New("row of 10000000146 is broken")
	for _, c := range []struct {
		name   string
		err    error
		status int
		says   string
		logged bool
	}{
		{"a fault", fault.New(fault.Invalid, "card.checksum"), 422, i18n.T(i18n.Turkish, "fault.card.checksum"), false},
		{"wrapped", errors.Join(errors.New("while pairing"), fault.New(fault.Gone, "code.expired")), 410, i18n.T(i18n.Turkish, "fault.code.expired"), false},
		{"not found", ErrNotFound, 404, i18n.T(i18n.Turkish, "page.not_found.title"), false},
		{"too many", fault.New(fault.TooMany, "code.too_soon").After(90 * time.Second), 429, "2 dakika", false},
		{"away", fault.New(fault.Unavailable, "sms.away").After(time.Minute), 503, i18n.T(i18n.Turkish, "fault.sms.away"), true},
		{"ours", secret, 500, i18n.T(i18n.Turkish, "page.trouble.reference"), true},
	} {
		s, log := site(t, Config{})
		w := serve(s, func(http.ResponseWriter, *http.Request) error { return c.err }, httptest.NewRequest("GET", "/x", nil))
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d", c.name, w.Code, c.status)
		}
		if !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: the page does not say %q:\n%s", c.name, c.says, w.Body)
		}
		if strings.Contains(w.Body.String(), "10000000146") {
			t.Errorf("%s: the cause got onto the page", c.name)
		}
		if got := log.Len() > 0; got != c.logged {
			t.Errorf("%s: logged %t, want %t: %s", c.name, got, c.logged, log)
		}
		if got := w.Header().Get("Retry-After"); (got != "") != (c.status == 429 || c.status == 503) {
			t.Errorf("%s: Retry-After %q", c.name, got)
		}
	}
}

// TestLogNamesTheRoute: an address may hold what somebody typed into it; the
// pattern it matched cannot.
func TestLogNamesTheRoute(t *testing.T) {
	s, log := site(t, Config{})
	mux := http.NewServeMux()
	mux.Handle("GET /{city}/x", s.Page(func(http.ResponseWriter, *http.Request) error { return errors.New("boom") }))
	s.Wrap(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/10000000146/x?phone=5321234567", nil))
	if got := log.String(); strings.Contains(got, "10000000146") || strings.Contains(got, "532") || !strings.Contains(got, "/{city}/x") {
		t.Errorf("logged %s", got)
	}
}

func TestForm(t *testing.T) {
	for _, c := range []struct {
		name string
		r    *http.Request
		want error
	}{
		{"a form", post("card=+1234+"), nil},
		{"with a charset", func() *http.Request {
			r := post("card=1234")
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
			return r
		}(), nil},
		{"another kind", func() *http.Request { r := post("{}"); r.Header.Set("Content-Type", "text/plain"); return r }(), ErrUnsupported},
		{"no kind", func() *http.Request { r := post("card=1234"); r.Header.Del("Content-Type"); return r }(), ErrUnsupported},
		{"too large", post("card=" + strings.Repeat("1", MaxBody)), ErrTooLarge},
		{"a bad escape", post("card=%zz"), ErrBroken},
		{"not UTF-8", post("card=%ff"), ErrBroken},
		{"a name that is not UTF-8", post("%ff=1"), ErrBroken},
		{"a NUL", post("card=1%002"), ErrBroken},
	} {
		s, _ := site(t, Config{})
		var got error
		serve(s, func(w http.ResponseWriter, r *http.Request) error {
			f, _, err := s.Form(w, r)
			got = err
			if err == nil && f.Get("card") != "1234" {
				t.Errorf("%s: card is %q, want 1234", c.name, f.Get("card"))
			}
			return err
		}, c.r)
		if !errors.Is(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// TestAddressIsNotForm: a link must not fill in somebody's form.
func TestAddressIsNotForm(t *testing.T) {
	s, _ := site(t, Config{})
	r := httptest.NewRequest("POST", "/x?card=9999", strings.NewReader("phone=1"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	serve(s, func(w http.ResponseWriter, r *http.Request) error {
		f, _, err := s.Form(w, r)
		if f.Get("card") != "" {
			t.Errorf("card from the address: %q", f.Get("card"))
		}
		return err
	}, r)
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct {
		name, path, accept, cookie, form string
		want                             i18n.Lang
		kept                             string
	}{
		{"browser", "/x", "ar", "", "", i18n.Arabic, ""},
		{"link", "/x?lang=en", "ar", "ar", "", i18n.English, "en"},
		{"cookie", "/x", "ar", "en", "", i18n.English, ""},
		{"nonsense link", "/x?lang=%00", "ar", "", "", i18n.Arabic, ""},
		{"form", "/x", "en", "en", "_lang=ar", i18n.Arabic, "ar"},
	} {
		s, _ := site(t, Config{})
		r := httptest.NewRequest("GET", c.path, nil)
		if c.form != "" {
			r = post(c.form)
		}
		r.Header.Set("Accept-Language", c.accept)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "lang", Value: c.cookie})
		}
		w := serve(s, func(w http.ResponseWriter, r *http.Request) error {
			if r.Method == "POST" {
				f, with, err := s.Form(w, r)
				if err != nil || !f.Switch {
					t.Errorf("%s: switch %t, %v", c.name, f.Switch, err)
				}
				r = with
			}
			if got := i18n.From(r.Context()); got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
			return nil
		}, r)
		kept := ""
		for _, k := range w.Result().Cookies() {
			kept = k.Value
		}
		if kept != c.kept {
			t.Errorf("%s: kept %q, want %q", c.name, kept, c.kept)
		}
	}
}

func TestCookies(t *testing.T) {
	for _, tls := range []bool{false, true} {
		s, _ := site(t, Config{TLS: tls})
		w := serve(s, func(w http.ResponseWriter, r *http.Request) error {
			s.SetCookie(w, "request", "token", 0)
			return nil
		}, httptest.NewRequest("GET", "/x", nil))
		c := w.Result().Cookies()[0]
		name := "request"
		if tls {
			name = "__Host-request"
		}
		if c.Name != name || c.Secure != tls || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("tls %t: got %+v", tls, c)
		}
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != tls {
			t.Errorf("tls %t: strict transport %t", tls, got)
		}
	}
}

func TestPostsFromElsewhere(t *testing.T) {
	s, _ := site(t, Config{Origins: []string{"https://kart.example"}})
	for _, c := range []struct {
		fetch, origin string
		status        int
	}{
		{"same-origin", "", 200}, {"none", "", 200}, {"", "", 200},
		{"cross-site", "https://elsewhere.example", 403}, {"same-site", "https://neighbour.example", 403},
		{"", "https://elsewhere.example", 403}, {"cross-site", "https://kart.example", 200},
	} {
		r := post("a=1")
		if c.fetch != "" {
			r.Header.Set("Sec-Fetch-Site", c.fetch)
		}
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := serve(s, func(w http.ResponseWriter, r *http.Request) error { return nil }, r)
		if w.Code != c.status {
			t.Errorf("%+v: got %d", c, w.Code)
		}
	}
}

func TestZip(t *testing.T) {
	s, _ := site(t, Config{})
	long := strings.Repeat("kart ", 1000)
	for _, c := range []struct {
		name, accept, method string
		body                 string
		zipped               bool
	}{
		{"long", "gzip", "GET", long, true}, {"short", "gzip", "GET", "kart", false},
		{"plain reader", "", "GET", long, false}, {"head", "gzip", "HEAD", "", false}, {"nothing", "gzip", "GET", "", false},
	} {
		r := httptest.NewRequest(c.method, "/x", nil)
		r.Header.Set("Accept-Encoding", c.accept)
		w := serve(s, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusAccepted)
			_, err := io.WriteString(w, c.body)
			return err
		}, r)
		if w.Code != http.StatusAccepted {
			t.Errorf("%s: status %d", c.name, w.Code)
		}
		got := w.Body.String()
		if zipped := w.Header().Get("Content-Encoding") == "gzip"; zipped != c.zipped {
			t.Errorf("%s: zipped %t, want %t", c.name, zipped, c.zipped)
		} else if zipped {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			got = string(all)
		}
		if got != c.body {
			t.Errorf("%s: body of %d bytes, want %d", c.name, len(got), len(c.body))
		}
	}
}

func TestRenderIsAllOrNothing(t *testing.T) {
	s, _ := site(t, Config{})
	w := serve(s, func(w http.ResponseWriter, r *http.Request) error {
		return s.Render(w, r, http.StatusOK, ui.Frame(ui.Page{Place: "X", Home: "/"}))
	}, httptest.NewRequest("GET", "/x", nil))
	for h, want := range map[string]string{"Content-Type": "text/html; charset=utf-8", "Content-Language": "tr", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := w.Header().Get(h); got != want {
			t.Errorf("%s: got %q, want %q", h, got, want)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("policy %q", csp)
	}
}

// TestBaked takes a page out of the oven with several values and compares it,
// plain and unzipped by the standard reader, with one drawn afresh.
func TestBaked(t *testing.T) {
	s, _ := site(t, Config{})
	page := func(value string) templ.Component {
		return ui.Frame(ui.Page{Title: strings.Repeat("kart ", 300) + value, Home: "/"})
	}
	drawn := 0
	for _, value := range []string{"", "a", "01940000-0000-7000-8000-000000000000", strings.Repeat("z", 70_000)} {
		for _, accept := range []string{"", "gzip"} {
			for _, lang := range []string{"tr", "ar"} {
				get := func(h func(http.ResponseWriter, *http.Request) error) string {
					r := httptest.NewRequest("GET", "/x", nil)
					r.Header.Set("Accept-Encoding", accept)
					r.Header.Set("Accept-Language", lang)
					w := serve(s, h, r)
					if w.Code != http.StatusOK {
						t.Fatalf("status %d", w.Code)
					}
					if w.Header().Get("Content-Encoding") != "gzip" {
						return w.Body.String()
					}
					z, err := gzip.NewReader(w.Body)
					if err != nil {
						t.Fatal(err)
					}
					all, err := io.ReadAll(z)
					if err != nil {
						t.Fatalf("value of %d bytes: %v", len(value), err)
					}
					return string(all)
				}
				got := get(func(w http.ResponseWriter, r *http.Request) error {
					return s.RenderBaked(w, r, "page", value, func(v string) templ.Component { drawn++; return page(v) })
				})
				fresh := value
				if len(fresh) > maxValue {
					fresh = "" // too long for its place
				}
				if want := get(func(w http.ResponseWriter, r *http.Request) error { return s.Render(w, r, 200, page(fresh)) }); got != want {
					t.Errorf("%s, %q, value of %d bytes: %d bytes out of the oven, %d drawn", lang, accept, len(value), len(got), len(want))
				}
			}
		}
	}
	if drawn != 2 {
		t.Errorf("drawn %d times, want once a language", drawn)
	}
	w := serve(s, func(w http.ResponseWriter, r *http.Request) error {
		return s.RenderBaked(w, r, "two places", "v", func(v string) templ.Component {
			return ui.Frame(ui.Page{Title: v, Place: v})
		})
	}, httptest.NewRequest("GET", "/x", nil))
	if w.Code != http.StatusInternalServerError {
		t.Errorf("a page with two places: status %d, want 500", w.Code)
	}
}

// FuzzForm posts any bytes as a form: a page or a refusal, never a fault of
// ours and never text that is not UTF-8.
func FuzzForm(f *testing.F) {
	f.Add("card=1234&_lang=ar")
	f.Add("a=%ff&b=%00")
	f.Add("=&&;=%")
	f.Add(url.Values{"first_name": {"Ayşe\u202e"}}.Encode())
	f.Fuzz(func(t *testing.T, body string) {
		s, _ := site(t, Config{})
		w := serve(s, func(w http.ResponseWriter, r *http.Request) error {
			form, _, err := s.Form(w, r)
			for name, vs := range form.values {
				for _, v := range append(vs, name) {
					if strings.ToValidUTF8(v, "") != v {
						t.Errorf("%q came through", v)
					}
				}
			}
			return err
		}, post(body))
		if w.Code >= 500 {
			t.Errorf("%q: status %d", body, w.Code)
		}
	})
}
