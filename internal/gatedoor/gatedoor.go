// Package gatedoor is the city's door for validators: under /gate/{city}/ a
// device is let in by a token, hands in its batches of taps and says how it is.
// What the two say to each other is in gate/agent/door; the rules are in tap.
//
// The door has a lane of its own and a bound: whoever finds it full is told when
// to come back, each at a time of their own, so that five thousand buses that
// return to the network together are served one after the other.
package gatedoor

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"turnike/gate"
	"turnike/gate/agent/door"
	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/tap"
	"turnike/statuslist"
)

// Faults of the door itself.
var (
	// ErrUnsigned: the request is not signed in the form that is taken.
	ErrUnsigned = fault.New(fault.Unauthorized, "tap.signature")
	// ErrClock: signed at another time than the server's; the Date of the answer
	// says which that is.
	ErrClock = fault.New(fault.Unauthorized, "tap.clock")
	// ErrReplay: this very request was answered before.
	ErrReplay = fault.New(fault.Conflict, "tap.replay")
	// ErrFull: as many as allowed are at the door.
	ErrFull = fault.New(fault.Unavailable, "tap.full")
	// ErrBody: what was sent is not what is asked for here.
	ErrBody     = fault.New(fault.Invalid, "tap.body")
	ErrTooLarge = fault.New(fault.TooLarge, "tap.too_large")
	// ErrGuess: too many wrong tokens from everywhere.
	ErrGuess = fault.New(fault.TooMany, "tap.guess")
	errPath  = fault.New(fault.NotFound, "path.unknown")
	errOurs  = fault.New(fault.Internal, "ours")
)

// Config says what the door leads to. All but Log and InFlight are needed.
type Config struct {
	Taps     tap.Service
	Registry tap.Registry
	// Kit is what a city's devices are born with.
	Kit func(ctx context.Context, city string, province int) (Kit, error)
	// City tells whether a city is served here.
	City func(id string) bool
	// Lists is the path the lists are served under.
	Lists string
	Now   func() time.Time
	Log   *slog.Logger
	// InFlight is how many are at the door at once; 1,024 if zero: they wait for a commit together.
	InFlight int
}

// Kit is what a device goes by.
type Kit struct {
	Fingerprint string
	Secrets     door.Secrets
}

const (
	defaultInFlight = 1024
	// maxBatch is the largest batch a gate makes, maxWord the largest other
	// body, and maxHeld what all bodies together may take of memory.
	maxBatch = 8 << 20
	maxWord  = 8 << 10
	maxHeld  = 64 << 20
	// leastHeld is what any request is reckoned at.
	leastHeld = 16 << 10
)

// Server is the door.
type Server struct {
	cfg    Config
	slots  chan struct{}
	held   *semaphore.Weighted
	nonces nonces
	crowd  crowd
	// wrong bounds wrong tokens, from whomever: a token is 60 bits, and nobody
	// mistypes hundreds.
	wrong *rate.Limiter
}

// New makes a door.
func New(cfg Config) *Server {
	if cfg.InFlight == 0 {
		cfg.InFlight = defaultInFlight
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, slots: make(chan struct{}, cfg.InFlight), held: semaphore.NewWeighted(maxHeld), wrong: rate.NewLimiter(1, 200)}
}

// Handler answers everything under /gate/.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /gate/{city}/"+door.EnrolPath, s.bounded(maxWord, s.enrol))
	mux.Handle("POST /gate/{city}/"+door.TapsPath, s.bounded(maxBatch, s.taps))
	mux.Handle("POST /gate/{city}/"+door.StatusPath, s.bounded(maxWord, s.status))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, errPath) })
	return mux
}

// handler answers a request whose body was read, with what is sent as JSON.
type handler func(r *http.Request, body []byte) (status int, answer any, err error)

// bounded reads a body of at most so many bytes and answers, if there is room.
func (s *Server) bounded(most int64, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The server's clock, for devices whose own is wrong.
		w.Header().Set("Date", s.cfg.Now().UTC().Format(http.TimeFormat))
		w.Header().Set("Cache-Control", "no-store")
		status, answer, err := s.admit(w, r, most, h)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // who has gone asks again
	})
}

func (s *Server) admit(w http.ResponseWriter, r *http.Request, most int64, h handler) (int, any, error) {
	if !s.cfg.City(r.PathValue("city")) {
		return 0, nil, errPath
	}
	if r.ContentLength > most {
		return 0, nil, ErrTooLarge
	}
	weight := max(r.ContentLength, leastHeld)
	if r.ContentLength < 0 {
		weight = most
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return 0, nil, ErrFull.After(s.crowd.wait(s.cfg.Now()))
	}
	if !s.held.TryAcquire(weight) {
		return 0, nil, ErrFull.After(s.crowd.wait(s.cfg.Now()))
	}
	defer s.held.Release(weight)
	defer func() { s.crowd.serve(s.cfg.Now()) }()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return 0, nil, ErrTooLarge
		}
		return 0, nil, ErrBody
	}
	return h(r, body)
}

// enrol lets a device in by a token. It must have signed with the key it brings.
func (s *Server) enrol(r *http.Request, body []byte) (int, any, error) {
	var e door.Enrolment
	if !isType(r, "application/json") || json.Unmarshal(body, &e) != nil {
		return 0, nil, ErrBody
	}
	if err := s.signed(r, body, func(statuslist.KeyID) (ed25519.PublicKey, error) { return e.Key, nil }); err != nil {
		if errors.Is(err, tap.ErrDevice) {
			return 0, nil, tap.ErrKey
		}
		return 0, nil, err
	}
	city := r.PathValue("city")
	if s.wrong.Tokens() < 1 {
		return 0, nil, ErrGuess.After(time.Minute)
	}
	d, err := s.cfg.Registry.Enrol(r.Context(), city, e.Token, e.Key, e.Seal, s.cfg.Now())
	if err != nil {
		if errors.Is(err, tap.ErrToken) {
			s.wrong.Allow()
		}
		return 0, nil, err
	}
	s.cfg.Log.Info("gate enrolled", "city", city, "device", d.ID.String())
	reg, err := s.registration(r.Context(), d)
	return http.StatusCreated, reg, err
}

// taps takes a batch. Who hands it in must be let in; whose it is, its own
// signature says, so that one device may carry another's.
func (s *Server) taps(r *http.Request, body []byte) (int, any, error) {
	if !isType(r, door.BatchType) {
		return 0, nil, ErrBody
	}
	city := r.PathValue("city")
	if _, err := s.device(r, body); err != nil {
		return 0, nil, err
	}
	got, err := s.cfg.Taps.Take(r.Context(), city, body, s.cfg.Now())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, door.Receipt{
		Device: got.Receipt.Device.String(), Boot: got.Receipt.Boot.String(), Sequence: got.Receipt.Sequence,
		Digest: hex.EncodeToString(got.Receipt.Digest[:]),
	}, nil
}

// status hears how a device is, and tells it what it is registered as.
func (s *Server) status(r *http.Request, body []byte) (int, any, error) {
	var said door.Status
	if !isType(r, "application/json") || json.Unmarshal(body, &said) != nil {
		return 0, nil, ErrBody
	}
	d, err := s.device(r, body)
	if err != nil {
		return 0, nil, err
	}
	err = s.cfg.Registry.Note(r.Context(), d.City, d.ID, tap.Report{
		List: said.List, ListIssued: said.ListIssued, Waiting: said.Waiting, Dropped: said.Dropped, Program: said.Program,
	}, s.cfg.Now())
	if err != nil {
		return 0, nil, err
	}
	reg, err := s.registration(r.Context(), d)
	return http.StatusOK, reg, err
}

func (s *Server) registration(ctx context.Context, d tap.Device) (door.Registration, error) {
	kit, err := s.cfg.Kit(ctx, d.City, d.Province)
	if err != nil {
		return door.Registration{}, err
	}
	sealed, err := door.Seal(kit.Secrets, d.Seal, d.City, d.ID.String())
	if err != nil {
		return door.Registration{}, err
	}
	return door.Registration{
		City: d.City, Device: d.ID.String(), Name: d.Name, Stop: d.Stop, Mode: d.Mode,
		Fingerprint: kit.Fingerprint, Lists: s.cfg.Lists, Sealed: sealed,
	}, nil
}

// device finds who signed a request. A stranger, a device put out and a
// signature that does not hold are one answer.
func (s *Server) device(r *http.Request, body []byte) (tap.Device, error) {
	var d tap.Device
	err := s.signed(r, body, func(id statuslist.KeyID) (key ed25519.PublicKey, err error) {
		d, err = s.cfg.Registry.Device(r.Context(), r.PathValue("city"), gate.Device(id))
		return d.Key, err
	})
	return d, err
}

// signed checks a request's signature by the key that find gives, and that it
// is not one heard before.
func (s *Server) signed(r *http.Request, body []byte, find func(statuslist.KeyID) (ed25519.PublicKey, error)) error {
	claim, err := door.ReadClaim(r)
	if err != nil {
		return ErrUnsigned
	}
	key, err := find(claim.Device)
	if err != nil {
		return err
	}
	now := s.cfg.Now()
	switch err := claim.Verify(r, body, key, now); {
	case errors.Is(err, door.ErrClock):
		return ErrClock
	case err != nil:
		return tap.ErrDevice
	}
	if !s.nonces.fresh(claim.Device, claim.Nonce, now) {
		return ErrReplay
	}
	return nil
}

func isType(r *http.Request, want string) bool {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && got == want
}

// problem is a failure as RFC 9457 has it, in the shape of the API's.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	Reference string `json:"reference,omitempty"`
}

var titles = map[fault.Kind]string{
	fault.Internal: "internal", fault.Invalid: "invalid", fault.Refused: "refused", fault.NotFound: "not_found",
	fault.Conflict: "conflict", fault.TooMany: "too_many", fault.Unavailable: "unavailable", fault.TooLarge: "too_large",
	fault.Forbidden: "refused", fault.Unauthorized: "refused",
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	f := errOurs
	if list := fault.Of(err); len(list) > 0 && list[0].Kind != fault.Internal {
		f = list[0]
	}
	l := i18n.Parse(r.Header.Get("Accept-Language"))
	p := problem{Type: "/api/problems/" + f.Code, Title: i18n.T(l, "problem.title."+titles[f.Kind]), Status: f.Kind.Status(),
		Detail: i18n.T(l, "fault."+f.Code), Code: f.Code}
	switch {
	case f == errOurs:
		p.Reference = rand.Text()[:8]
		level := slog.LevelError
		if r.Context().Err() != nil {
			level = slog.LevelDebug
		}
		s.cfg.Log.LogAttrs(r.Context(), level, "gate request failed", slog.String("reference", p.Reference), slog.String("error", err.Error()))
	case f.Kind == fault.Unavailable:
		s.cfg.Log.LogAttrs(r.Context(), slog.LevelDebug, "gate request put off", slog.String("error", err.Error()))
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // who has gone asks again
}
