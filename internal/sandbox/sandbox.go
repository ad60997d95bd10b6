// Package sandbox is the outside world in one process: the health ministry's
// HES services, the identity register, three SMS gateways with an inbox, an
// SMSC and the interior ministry's receiver, each with faults on demand. The
// same clients that talk to the real ones talk to it, so a city can be tried,
// shown and rehearsed without anybody's permission. Everybody in it is made
// up, and what it knows follows from magic numbers (docs/sandbox.md), so that
// a test can say beforehand what will be answered.
package sandbox

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"filippo.io/age"
)

// The accounts the sandbox's services accept, the same at each: the clients
// must be seen to send what they were given.
const (
	User     = "turnike"
	Password = "sandbox"
	Header   = "TURNIKE" // the one registered sender title
)

// Config is what a sandbox may be told. The zero value works.
type Config struct {
	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: none; never holds names, numbers, codes or texts
	// Open lets the services be called from any address. By default only this
	// machine may: the inbox shows every one-time code.
	Open bool
	// InboxSize is how many texts are kept, oldest dropped first; 0 is 100,000.
	InboxSize int
	// HangFor is how long the fault "hang" holds a call; 0 is two minutes.
	HangFor time.Duration
}

// Sandbox is the outside world. It keeps everything in memory.
type Sandbox struct {
	now       func() time.Time
	log       *slog.Logger
	open      bool
	inboxSize int
	hangFor   time.Duration
	identity  *age.X25519Identity // the interior ministry's key
	receipts  ed25519.PrivateKey  // by which it signs receipts
	began     time.Time

	mu        sync.Mutex
	faults    map[string]Fault
	calls     map[string]int // by service, faulty ones included
	codes     map[string]*hesCode
	order     []string // codes by first sight
	logins    map[string]string
	sessions  map[string]string
	inbox     []Text
	dropped   int                  // texts dropped from the front of inbox
	byPhone   map[string][]int     // numbers of the texts in the inbox, by phone
	byOrder   map[string]time.Time // texts sent, for the gateways that refuse repeats
	campaigns []*campaign
	minute    int64 // the current one, and requests in it
	inMinute  int
	appCodes  map[string][]appCode // by phone
	reports   []Report
	serial    int
	smpp      string // where the SMSC listens
}

// New makes a sandbox with nobody in it yet.
func New(c Config) (*Sandbox, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.InboxSize <= 0 {
		c.InboxSize = 100_000
	}
	if c.HangFor <= 0 {
		c.HangFor = 2 * time.Minute
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("sandbox: make the interior ministry's key: %w", err)
	}
	_, receipts, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sandbox: make the interior ministry's key: %w", err)
	}
	return &Sandbox{
		now: c.Now, log: c.Log, open: c.Open, inboxSize: c.InboxSize, hangFor: c.HangFor, identity: id, receipts: receipts, began: c.Now(),
		faults: map[string]Fault{}, calls: map[string]int{}, codes: map[string]*hesCode{},
		logins: map[string]string{}, sessions: map[string]string{}, byPhone: map[string][]int{}, appCodes: map[string][]appCode{}, byOrder: map[string]time.Time{},
	}, nil
}

// maxBody is the most a request may carry (Verimor's 10 MB).
const maxBody = 10 << 20

// Handler is every service on one mux, and pages for people.
func (s *Sandbox) Handler() http.Handler {
	mux := http.NewServeMux()
	s.hesRoutes(mux)
	s.hesAppRoutes(mux)
	s.nviRoutes(mux)
	s.gatewayRoutes(mux)
	s.verimorRoutes(mux)
	s.iletiRoutes(mux)
	s.interiorRoutes(mux)
	s.inboxRoutes(mux)
	s.pageRoutes(mux)
	return s.guard(mux)
}

// guard keeps strangers out unless the sandbox is open, and bounds bodies.
func (s *Sandbox) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.open && !fromHere(r) {
			http.Error(w, "the sandbox answers this machine only", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// fromHere tells whether a request comes from this machine, by address and by
// the name it was asked under (a web page elsewhere can make a browser call
// 127.0.0.1, but not under that name).
func fromHere(r *http.Request) bool {
	local := func(hostport string) bool {
		host := hostport
		if i := strings.LastIndexByte(hostport, ':'); i >= 0 && !strings.HasSuffix(hostport, "]") {
			host = hostport[:i]
		}
		host = strings.Trim(host, "[]")
		return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
	}
	return local(r.RemoteAddr) && local(r.Host)
}

// service wraps one outside service: it counts the call and plays its fault.
func (s *Sandbox) service(name string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "request body too large", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.calls[name]++
		n := s.calls[name]
		s.mu.Unlock()
		f, _ := s.hits(name, n)
		s.log.Debug("sandbox call", "service", name, "path", r.URL.Path, "fault", f.Mode)
		s.play(f, w, r, h)
	}
}

// Calls is how often a service was called, faulty calls included.
func (s *Sandbox) Calls(service string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[service]
}

// next gives a number that was not given before.
func (s *Sandbox) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serial++
	return s.serial
}

// digits gives n random digits.
func digits(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b)
}

// Services are the names faults are set by.
func Services() []string {
	return []string{"hes", "hessvc", "nvi", "netgsm", "verimor", "iletimerkezi", "smpp", "interior"}
}

func isService(name string) bool { return slices.Contains(Services(), name) }

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }
