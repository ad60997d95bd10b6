package manage_test

import (
	"archive/zip"
	"bytes"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"turnike/internal/access"
	"turnike/test/day"
)

// world is İZSU's centres with the manager's pages over a real database.
type world struct {
	*day.Day
	t   *testing.T
	web *httptest.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	d, err := day.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(d.Handler)
	t.Cleanup(func() { web.Close(); d.Close() })
	return &world{d, t, web}
}

// reader is somebody signed in, with a browser.
type reader struct {
	w    *world
	http *http.Client
}

// enter lets somebody in who has just proved who they are.
func (w *world) enter(role access.Role, centres ...string) *reader {
	w.t.Helper()
	return w.session(access.Session{Role: role, Centres: centres, Strong: w.Now()})
}

func (w *world) session(se access.Session) *reader {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(w.web.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	jar.SetCookies(u, []*http.Cookie{{Name: day.Cookie, Value: w.Enter(se), Path: "/"}})
	return &reader{w, &http.Client{Jar: jar}}
}

func (r *reader) do(req *http.Request) (int, string) {
	r.w.t.Helper()
	req.Header.Set("Accept-Language", "tr")
	resp, err := r.http.Do(req)
	if err != nil {
		r.w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.w.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (r *reader) get(path string) (int, string) {
	r.w.t.Helper()
	req, err := http.NewRequest("GET", r.w.web.URL+path, nil)
	if err != nil {
		r.w.t.Fatal(err)
	}
	return r.do(req)
}

func (r *reader) post(path string, form url.Values) (int, string) {
	r.w.t.Helper()
	req, err := http.NewRequest("POST", r.w.web.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r.do(req)
}

// send posts a form with a file.
func (r *reader) send(path string, file []byte, fields map[string]string) (int, string) {
	r.w.t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for k, v := range fields {
		if err := m.WriteField(k, v); err != nil {
			r.w.t.Fatal(err)
		}
	}
	p, err := m.CreateFormFile("file", "file")
	if err == nil {
		_, err = p.Write(file)
	}
	if err == nil {
		err = m.Close()
	}
	if err != nil {
		r.w.t.Fatal(err)
	}
	req, err := http.NewRequest("POST", r.w.web.URL+path, &b)
	if err != nil {
		r.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", m.FormDataContentType())
	return r.do(req)
}

var (
	input = regexp.MustCompile(`<input[^>]*>`)
	attr  = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// fields are a page's hidden and ticked inputs by name, as a browser sends
// them.
func fields(page string) url.Values {
	v := url.Values{}
	for _, tag := range input.FindAllString(page, -1) {
		a := map[string]string{}
		for _, m := range attr.FindAllStringSubmatch(tag, -1) {
			a[m[1]] = html.UnescapeString(m[2])
		}
		if a["type"] == "hidden" || a["type"] == "checkbox" && strings.Contains(tag, " checked") {
			v.Add(a["name"], a["value"])
		}
	}
	return v
}

// status fails unless a page answers as wanted.
func (w *world) status(what string, got, want int, page string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s: got %d, want %d: %.600s", what, got, want, page)
	}
}

// says fails unless a page says everything.
func (w *world) says(what, page string, texts ...string) {
	w.t.Helper()
	for _, s := range texts {
		if !strings.Contains(page, s) {
			w.t.Errorf("%s: the page does not say %q", what, s)
		}
	}
}

// bomb is a spreadsheet that unpacks to a thousand times its size.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"} {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write(bytes.Repeat([]byte(" "), 60<<20))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
