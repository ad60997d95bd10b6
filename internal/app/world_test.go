package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/app"
	"turnike/internal/person"
	"turnike/internal/sandbox"
)

// world is a whole installation on loopback, with the sandbox outside it.
type world struct {
	t       testing.TB
	cfg     app.Config
	outside *sandbox.Sandbox
	log     *buffer

	app   *app.App
	site  string
	admin string
	stop  func() error

	mu  sync.Mutex
	off time.Duration
	n   int
}

// buffer is a log to search.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t testing.TB, change ...func(*app.Config)) *world {
	t.Helper()
	w := &world{t: t, log: &buffer{}, off: time.Until(time.Date(2021, 1, 12, 7, 0, 0, 0, time.UTC))}
	var err error
	if w.outside, err = sandbox.New(sandbox.Config{Now: w.clock, HangFor: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	outside := httptest.NewServer(w.outside.Handler())
	t.Cleanup(outside.Close)
	dir := t.TempDir()
	w.cfg = app.Config{
		Listen: "127.0.0.1:0", Admin: freePort(t), Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"), Migrate: true,
		HES: app.HES{URL: outside.URL + sandbox.HESPath, User: sandbox.User, Password: sandbox.Password},
		NVI: app.NVI{URL: outside.URL + sandbox.NVIPath},
		SMS: app.SMS{Driver: "netgsm", URL: outside.URL + sandbox.GatewayPath("netgsm"), User: sandbox.User, Password: sandbox.Password, Header: sandbox.Header},
		Now: w.clock, Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})), Drain: 10 * time.Second,
	}
	w.cfg.Interior = app.Interior{URL: outside.URL + sandbox.InteriorPath, User: sandbox.User, Password: sandbox.Password,
		Recipient: w.outside.InteriorKey(), ReceiptKey: w.outside.ReceiptKey()}
	for _, f := range change {
		f(&w.cfg)
	}
	w.start()
	t.Cleanup(func() { _ = w.stop() })
	return w
}

// freePort is an address nobody listens on just now.
func freePort(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// start brings the installation up, also after stop.
func (w *world) start() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.New(ctx, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	addr, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- a.Run(ctx, func(at net.Addr) { addr <- at }) }()
	select {
	case at := <-addr:
		w.site = "http://" + at.String()
	case err := <-ended:
		w.t.Fatalf("run: %v", err)
	}
	w.app, w.admin = a, "http://"+w.cfg.Admin
	w.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		if cerr := a.Close(); err == nil {
			err = cerr
		}
		return err
	})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.off)
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.off += d
}

func (w *world) next() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	return w.n
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	at     string // where redirects led
	body   string
}

// client is somebody with a cookie jar.
type client struct {
	w    *world
	http *http.Client
	all  []answer
	last answer
}

func (w *world) client() *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	c := &client{w: w}
	c.http = &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c
}

// do sends a request and follows where it is led, keeping every answer.
func (c *client) do(method, path string, body io.Reader, headers ...string) answer {
	c.w.t.Helper()
	for range 5 {
		r, err := http.NewRequest(method, c.w.site+path, body)
		if err != nil {
			c.w.t.Fatal(err)
		}
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := c.http.Do(r)
		if err != nil {
			c.w.t.Fatalf("%s %s: %v", method, path, err)
		}
		b, err := io.ReadAll(io.LimitReader(res.Body, 2<<20))
		res.Body.Close()
		if err != nil {
			c.w.t.Fatal(err)
		}
		c.last = answer{res.StatusCode, res.Header, path, string(b)}
		c.all = append(c.all, c.last)
		if res.StatusCode >= 500 {
			c.w.t.Errorf("%s %s: got %d, want no fault of ours\n%.2000s", method, path, res.StatusCode, b)
		}
		if res.StatusCode/100 != 3 || res.Header.Get("Location") == "" {
			break
		}
		method, path, body, headers = "GET", res.Header.Get("Location"), nil, nil
	}
	return c.last
}

func (c *client) get(path string) answer { c.w.t.Helper(); return c.do("GET", path, nil) }

func (c *client) post(path string, form url.Values) answer {
	c.w.t.Helper()
	return c.do("POST", path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Origin", c.w.site)
}

func (c *client) json(method, path string, body any, headers ...string) answer {
	c.w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return c.do(method, path, bytes.NewReader(b), append([]string{"Content-Type", "application/json"}, headers...)...)
}

var (
	hiddenField = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*>`)
	nameOf      = regexp.MustCompile(`name="([^"]*)"`)
	valueOf     = regexp.MustCompile(`value="([^"]*)"`)
)

// hidden are the hidden fields of the last page.
func (c *client) hidden() url.Values {
	v := url.Values{}
	for _, in := range hiddenField.FindAllString(c.last.body, -1) {
		n, m := nameOf.FindStringSubmatch(in), valueOf.FindStringSubmatch(in)
		if n != nil && m != nil {
			v.Set(n[1], html.UnescapeString(m[1]))
		}
	}
	return v
}

// send opens a form and sends it filled in.
func (c *client) send(path string, fields map[string]string) answer {
	c.w.t.Helper()
	c.get(path)
	form := c.hidden()
	for k, v := range fields {
		form.Set(k, v)
	}
	return c.post(path, form)
}

// enter types a code on the code page.
func (c *client) enter(code string) answer {
	c.w.t.Helper()
	form := c.hidden()
	form.Set("code", code)
	return c.post(c.last.at, form)
}

// newest is the number of the newest text to a phone, once the outbox had time
// to empty.
func (w *world) newest(phone string) int {
	time.Sleep(1200 * time.Millisecond)
	n := 0
	for _, m := range w.outside.Inbox(phone, 0) {
		n = m.N
	}
	return n
}

// code waits for the next code to a phone after a text number.
func (w *world) code(phone string, since int) (string, int) {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		for _, m := range w.outside.Inbox(phone, since) {
			if m.Class == "code" {
				return m.Text[:6], m.N
			}
		}
	}
	var log []string
	for line := range strings.Lines(w.log.String()) {
		if !strings.Contains(line, "list published") {
			log = append(log, line)
		}
	}
	w.t.Fatalf("no code on the phone after text %d, but %d texts; log:\n%s", since, len(w.outside.Inbox(phone, 0)), log)
	return "", 0
}

// rider is a made-up person.
type rider struct {
	id     person.ID
	phone  string
	card   string
	hes    string
	fields map[string]string
}

// rider makes a citizen up with a card of İstanbul.
func (w *world) rider() rider {
	n := w.next()
	r := rider{id: sandbox.TCKN(fmt.Sprintf("%09d", 261_000_000+n*7)), phone: fmt.Sprintf("90534%07d", n*1001), card: fmt.Sprintf("34%014d", 10_000+n)}
	r.fill("Ayşe", "Yılmaz", "1985", "3", "12", "ayse@ornek.example")
	return r
}

func (r *rider) fill(first, last, y, m, d, email string) {
	f, l := person.RestoreName(first), person.RestoreName(last)
	r.hes = sandbox.HESFor(r.id, f, l, sandbox.Riskless).Reveal()
	r.fields = map[string]string{
		"first_name": first, "last_name": last, "birth_day": d, "birth_month": m, "birth_year": y, "email": email, "phone": r.phone,
		"card": r.card, "hes": r.hes, "box_terms": "1", "box_notice": "1", "citizen": "tc", "province": "44",
	}
	if r.id.Kind() == person.Passport {
		r.fields["doc"], r.fields["passport"], r.fields["country"], r.fields["citizen"] = "passport", r.id.Reveal(), "SY", "other"
	} else {
		r.fields["id"] = r.id.Reveal()
	}
}

// api is the rider's form as an app sends it to İstanbul.
func (r rider) api() map[string]any {
	f := map[string]any{}
	for _, k := range []string{"first_name", "last_name", "id", "email", "phone", "card", "hes"} {
		if v := r.fields[k]; v != "" {
			f[k] = v
		}
	}
	f["birth"] = fmt.Sprintf("%04s-%02s-%02s", r.fields["birth_year"], pad(r.fields["birth_month"]), pad(r.fields["birth_day"]))
	return map[string]any{"kind": "pair", "lang": "tr", "fields": f, "boxes": map[string]bool{"terms": true, "notice": true}}
}

func pad(s string) string {
	if len(s) == 1 {
		return "0" + s
	}
	return s
}
