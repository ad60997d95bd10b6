// Package hook is what other machines hold of us: keys by which an app or a
// script comes in, calendar feeds that a clerk's own calendar reads, and
// webhooks by which another system is told what happened to a visit, a number
// or a day.
//
// An event is written in the transaction of its deed, once, with one delivery
// for each endpoint that asked for it; so none is lost with a crash and none is
// told that did not happen. A delivery may arrive twice, with the same id; the
// events of one visit arrive in their order. Nothing that leaves here says who
// comes.
package hook

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/fault"
	"turnike/internal/person"
)

// ErrNoRow is what a read returns when it finds nothing.
var ErrNoRow = errors.New("hook: no such row")

// Faults a person may see.
var (
	ErrName     = fault.New(fault.Invalid, "hook.name")          // no name, or a long one
	ErrURL      = fault.New(fault.Invalid, "hook.url")           // not an address we may call
	ErrKind     = fault.New(fault.Invalid, "hook.kind")          // an event nobody knows
	ErrScope    = fault.New(fault.Invalid, "hook.scope")         // none, or one a key cannot have
	ErrCentre   = fault.New(fault.Invalid, "hook.centre")        // a centre nobody knows
	ErrRate     = fault.New(fault.Invalid, "hook.rate")          // requests a minute, out of bounds
	ErrMany     = fault.New(fault.Refused, "hook.many")          // as many as a tenant may have
	ErrUnknown  = fault.New(fault.NotFound, "hook.unknown")      // no such key, endpoint, delivery or feed
	ErrOff      = fault.New(fault.Conflict, "hook.off")          // the endpoint is not told anything now
	ErrKeyWrong = fault.New(fault.Unauthorized, "hook.key")      // a key that opens nothing
	ErrKeyNone  = fault.New(fault.Unauthorized, "hook.no_key")   // the operation needs one
	ErrMayNot   = fault.New(fault.Forbidden, "hook.may_not")     // the key is not for this
	ErrTooFast  = fault.New(fault.TooMany, "hook.too_fast")      // more than its rate
	ErrSign     = fault.New(fault.Unauthorized, "hook.unsigned") // what Verify says
)

// How many of each a tenant may have, and how long a name may be.
const (
	mostKeys      = 100
	mostEndpoints = 20
	mostFeeds     = 10
	mostName      = 80
)

// Store is what this asks of a database.
type Store interface {
	Update(ctx context.Context, fn func(Tx) error) error
	View(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. Reads that find nothing return ErrNoRow.
type Tx interface {
	audit.Log
	Keys
	Feeds
	Hooks
	Deliveries
}

// Keys are the API keys and Feeds the calendar feeds; both are found by the
// hash of what was shown once.
type (
	Keys interface {
		InsertAPIKey(ctx context.Context, k Key, hash []byte) error
		APIKey(ctx context.Context, city string, hash []byte) (Key, error)
		APIKeys(ctx context.Context, city string) ([]Key, error)
		TouchAPIKey(ctx context.Context, city string, hash []byte, at time.Time) error
		RevokeAPIKey(ctx context.Context, city, id string, at time.Time) (bool, error)
	}
	Feeds interface {
		InsertFeed(ctx context.Context, f Feed, hash []byte) error
		Feed(ctx context.Context, city string, hash []byte) (Feed, error)
		Feeds(ctx context.Context, city, account string) ([]Feed, error)
		TouchFeed(ctx context.Context, city string, hash []byte, at time.Time) error
		RevokeFeed(ctx context.Context, city, id, account string, at time.Time) (bool, error)
	}
)

// Hooks are endpoints and what they are told of.
type Hooks interface {
	PutHookEndpoint(ctx context.Context, e Endpoint) error
	// HookEndpoint is locked in a writing transaction.
	HookEndpoint(ctx context.Context, city, id string) (Endpoint, error)
	// HookEndpoints are a tenant's that were not taken away, live ones first.
	HookEndpoints(ctx context.Context, city string) ([]Endpoint, error)
	// LastHookEvent is the highest N of a subject, 0 for none.
	LastHookEvent(ctx context.Context, city, subject string) (int, error)
	InsertHookEvent(ctx context.Context, e Event) error
	HookEvent(ctx context.Context, city, id string) (Event, error)
	// HookEventsSince are those behind a moment and an id, oldest first.
	HookEventsSince(ctx context.Context, city string, since time.Time, after string, limit int) ([]Event, error)
}

// Deliveries are events on their way to endpoints.
type Deliveries interface {
	// PutDelivery writes a new one, or begins one again.
	PutDelivery(ctx context.Context, d Delivery) error
	// ClaimDeliveries takes up to limit that are due; they are due again at
	// lease, with Attempts raised. Of one subject only the first that waits is
	// given.
	ClaimDeliveries(ctx context.Context, now, lease time.Time, limit int) ([]Delivery, error)
	// EndDelivery and RetryDelivery take effect only while Attempts is still
	// what the claim gave.
	EndDelivery(ctx context.Context, d Delivery) (bool, error)
	RetryDelivery(ctx context.Context, d Delivery) (bool, error)
	// EndHookDeliveries ends all of an endpoint that wait.
	EndHookDeliveries(ctx context.Context, city, endpoint string, s DeliveryState, why string, at time.Time) (int, error)
	// HookDeliveries are an endpoint's before an event id, newest first.
	HookDeliveries(ctx context.Context, city, endpoint, before string, limit int) ([]Delivery, error)
	SweepHooks(ctx context.Context, before time.Time, limit int) (int, error)
}

// Config is what a service works with.
type Config struct {
	Store Store
	Seal  person.Keyring // an endpoint's secrets are sealed under a key of its own
	Now   func() time.Time
	// Network is one by its id; events are told in its words and hours.
	Network func(id string) (*booking.Network, bool)
	// AllowPrivate lets endpoints be in the operator's own network and without
	// TLS: for receivers beside us, and for tests.
	AllowPrivate bool
	// Client calls endpoints; nil for one that holds to AllowPrivate.
	Client *http.Client
	Log    *slog.Logger // nil for silence
}

// Metrics count since start.
type Metrics struct {
	Delivered, Failed, GivenUp atomic.Int64 // calls that were taken, calls that were not, deliveries given up
	Disabled                   atomic.Int64 // endpoints left alone
}

// Service keeps keys, feeds and endpoints, and delivers.
type Service struct {
	Metrics Metrics

	cfg    Config
	client *http.Client
	wake   chan struct{}

	mu      sync.Mutex
	touched map[string]time.Time // when a key's last use was written, by its id
	rates   map[string]*bucket
}

// New makes a service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Seal == nil || c.Now == nil || c.Network == nil {
		return nil, errors.New("hook: Store, Seal, Now and Network are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{cfg: c, client: c.Client, wake: make(chan struct{}, 1),
		touched: map[string]time.Time{}, rates: map[string]*bucket{}}
	if s.client == nil {
		s.client = newClient(c.AllowPrivate)
	}
	return s, nil
}

// newID makes an id that sorts by the moment it is made.
func newID(at time.Time) string {
	u, err := uuid.NewV7AtTime(at)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return u.String()
}

// log writes who did what to a key, a feed or an endpoint.
func (s *Service) log(ctx context.Context, tx audit.Log, city string, a audit.Actor, action, object string) error {
	now := s.cfg.Now()
	return tx.Audit(ctx, audit.Entry{ID: newID(now), City: city, At: now, Actor: a, Action: action, Object: object, Result: "ok"})
}

// unknown is what callers are told of a row that is not there.
func unknown(err error) error {
	if errors.Is(err, ErrNoRow) {
		return ErrUnknown
	}
	return err
}
