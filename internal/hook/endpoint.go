package hook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"turnike/internal/audit"
	"turnike/internal/booking"
	"turnike/internal/person"
)

// Kinds that are no fact of booking's.
const (
	KindTest   = "test.ping"         // sent by hand
	KindPaired = "pairing.completed" // a card was tied; says neither which nor whose
)

// Kinds are the events an endpoint of a tenant may ask for. Of paired cards the
// endpoints of a city's help desks are told.
func Kinds(city string) []string {
	var ks []string
	for _, k := range booking.FactKinds() {
		ks = append(ks, string(k))
	}
	if strings.HasSuffix(city, desksOf("")) {
		ks = append(ks, KindPaired)
	}
	return ks
}

// EndpointState is whether an endpoint is told anything.
type EndpointState uint8

// The states. The numbers are stored.
const (
	Live    EndpointState = 1
	Paused  EndpointState = 2 // by hand
	Failing EndpointState = 3 // by us, after Patience without a success
	Removed EndpointState = 4
)

// String is the state's name in catalogues.
func (s EndpointState) String() string {
	return [...]string{"", "live", "paused", "failing", "removed"}[min(s, Removed)]
}

// Patience is how long a delivery is tried, and how long an endpoint may fail
// before it is left alone.
const Patience = 72 * time.Hour

// Overlap is how long the secret before still signs after a new one is made.
const Overlap = 24 * time.Hour

// Endpoint is where another system hears of things.
type Endpoint struct {
	City    string
	ID      string // UUIDv7
	Name    string
	URL     string
	Kinds   []string // empty: all, also those that come later
	State   EndpointState
	Key     person.KeyRef // of Sealed
	Sealed  []byte        // secrets, newest first
	MadeBy  string
	MadeAt  time.Time
	Failing time.Time // since when it fails, zero where it does not
	Good    time.Time // the newest success
}

// Wants tells whether an endpoint is told of a kind.
func (e Endpoint) Wants(kind string) bool {
	return e.State == Live && (len(e.Kinds) == 0 || slices.Contains(e.Kinds, kind) || kind == KindTest)
}

// secret is one that signs, until a moment where a newer one has come.
type secret struct {
	Secret string    `json:"secret"`
	Until  time.Time `json:"until,omitzero"`
}

func newSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return secretMark + base64.StdEncoding.EncodeToString(b[:])
}

func sealedAt(e Endpoint) string { return "hook_endpoint/" + e.City + "/" + e.ID }

func (s *Service) secrets(ctx context.Context, e Endpoint, now time.Time) ([]secret, error) {
	b, err := s.cfg.Seal.Open(ctx, e.Key, sealedAt(e), e.Sealed)
	if err != nil {
		return nil, fmt.Errorf("open an endpoint's secrets: %w", err)
	}
	var all []secret
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, errors.New("an endpoint's secrets are not in our form")
	}
	return slices.DeleteFunc(all, func(x secret) bool { return !x.Until.IsZero() && !x.Until.After(now) }), nil
}

func (s *Service) sealSecrets(ctx context.Context, e *Endpoint, all []secret) error {
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	e.Sealed, err = s.cfg.Seal.Seal(ctx, e.Key, sealedAt(*e), b)
	if err != nil {
		return fmt.Errorf("seal an endpoint's secrets: %w", err)
	}
	return nil
}

// AddEndpoint makes an endpoint of URL, Name and Kinds. Its secret is shown
// once.
func (s *Service) AddEndpoint(ctx context.Context, e Endpoint, a audit.Actor) (_ Endpoint, shown string, err error) {
	now := s.cfg.Now()
	if err := s.checkEndpoint(e); err != nil {
		return Endpoint{}, "", err
	}
	e.ID, e.State, e.MadeBy, e.MadeAt, e.Failing, e.Good = newID(now), Live, a.Ref, now, time.Time{}, time.Time{}
	if e.Key, err = s.cfg.Seal.NewKey(ctx); err != nil {
		return Endpoint{}, "", fmt.Errorf("key for an endpoint: %w", err)
	}
	shown = newSecret()
	if err := s.sealSecrets(ctx, &e, []secret{{Secret: shown}}); err != nil {
		return Endpoint{}, "", err
	}
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		all, err := tx.HookEndpoints(ctx, e.City)
		if err != nil {
			return err
		}
		if len(all) >= mostEndpoints {
			return ErrMany.With("most", mostEndpoints)
		}
		if err := tx.PutHookEndpoint(ctx, e); err != nil {
			return err
		}
		return s.log(ctx, tx, e.City, a, "hook.add", e.ID)
	})
	if err != nil {
		return Endpoint{}, "", fmt.Errorf("add endpoint: %w", err)
	}
	return e, shown, nil
}

func (s *Service) checkEndpoint(e Endpoint) error {
	if n := utf8.RuneCountInString(strings.TrimSpace(e.Name)); n == 0 || n > mostName {
		return ErrName.On("name")
	}
	if _, ok := s.cfg.Network(e.City); !ok {
		return ErrUnknown
	}
	for _, k := range e.Kinds {
		if !slices.Contains(Kinds(e.City), k) {
			return ErrKind.On("kinds")
		}
	}
	u, err := url.Parse(e.URL)
	if err != nil || len(e.URL) > 500 || u.Host == "" || u.User != nil || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !s.cfg.AllowPrivate) {
		return ErrURL.On("url")
	}
	// A name is looked up when it is called; an address can be refused now.
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && !s.cfg.AllowPrivate && !public(ip) {
		return ErrURL.On("url")
	}
	return nil
}

// Endpoints are a tenant's.
func (s *Service) Endpoints(ctx context.Context, city string) (es []Endpoint, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		es, err = tx.HookEndpoints(ctx, city)
		return err
	})
	return es, err
}

// Endpoint is one of a tenant's.
func (s *Service) Endpoint(ctx context.Context, city, id string) (e Endpoint, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		e, err = tx.HookEndpoint(ctx, city, id)
		return err
	})
	if err == nil && e.State == Removed {
		err = ErrNoRow
	}
	return e, unknown(err)
}

// Rotate gives an endpoint a new secret, shown once. The one before signs too
// for as long as Overlap.
func (s *Service) Rotate(ctx context.Context, city, id string, a audit.Actor) (shown string, err error) {
	shown = newSecret()
	return shown, s.alter(ctx, city, id, a, "hook.rotate", func(tx Tx, e *Endpoint) error {
		now := s.cfg.Now()
		all, err := s.secrets(ctx, *e, now)
		if err != nil {
			return err
		}
		for i := range all {
			if all[i].Until.IsZero() {
				all[i].Until = now.Add(Overlap)
			}
		}
		// Three at most sign: who rotates in a hurry has a leak to close.
		all = append([]secret{{Secret: shown}}, all...)
		return s.sealSecrets(ctx, e, all[:min(len(all), 3)])
	})
}

// Switch turns an endpoint on, or off. What it was owed when it went off it
// gets by Replay.
func (s *Service) Switch(ctx context.Context, city, id string, on bool, a audit.Actor) error {
	action := "hook.pause"
	if on {
		action = "hook.resume"
	}
	return s.alter(ctx, city, id, a, action, func(tx Tx, e *Endpoint) error {
		if on {
			e.State, e.Failing = Live, time.Time{}
			return nil
		}
		e.State = Paused
		_, err := tx.EndHookDeliveries(ctx, city, id, Dropped, "paused", s.cfg.Now())
		return err
	})
}

// Remove takes an endpoint away and destroys its secrets.
func (s *Service) Remove(ctx context.Context, city, id string, a audit.Actor) error {
	var key person.KeyRef
	err := s.alter(ctx, city, id, a, "hook.remove", func(tx Tx, e *Endpoint) error {
		key = e.Key
		e.State, e.Sealed = Removed, nil
		_, err := tx.EndHookDeliveries(ctx, city, id, Dropped, "removed", s.cfg.Now())
		return err
	})
	if err != nil {
		return err
	}
	return s.cfg.Seal.Destroy(ctx, key)
}

// alter changes an endpoint under its lock.
func (s *Service) alter(ctx context.Context, city, id string, a audit.Actor, action string, fn func(Tx, *Endpoint) error) error {
	err := s.cfg.Store.Update(ctx, func(tx Tx) error {
		e, err := tx.HookEndpoint(ctx, city, id)
		if err == nil && e.State == Removed {
			err = ErrNoRow
		}
		if err != nil {
			return unknown(err)
		}
		if err := fn(tx, &e); err != nil {
			return err
		}
		if err := tx.PutHookEndpoint(ctx, e); err != nil {
			return err
		}
		return s.log(ctx, tx, city, a, action, id)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return nil
}
