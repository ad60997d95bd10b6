package hook

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"turnike/internal/access"
	"turnike/internal/audit"
)

// Key is what an app or a script shows instead of signing in. It belongs to
// one tenant, and may do what its scopes say at its centres.
type Key struct {
	City    string
	ID      string // UUIDv7
	Name    string // what it is for, as its maker wrote it
	Scopes  []access.Action
	Centres []string // empty: all of the tenant
	Rate    int      // requests a minute
	MadeBy  string   // staff account
	MadeAt  time.Time
	UsedAt  time.Time // to the minute; zero for never
	Revoked time.Time // zero while it opens something
}

// Scopes are the actions a key may have. Accounts and keys are for people, who
// prove themselves again; a name is opened by somebody who says why.
func Scopes() []access.Action {
	return []access.Action{access.Queue, access.Book, access.ReadVisits, access.Plan, access.Figures}
}

// May tells whether the key is for an action at a centre of its tenant;
// centre "" is none in particular.
func (k Key) May(a access.Action, centre string) bool {
	return slices.Contains(k.Scopes, a) && (centre == "" || k.Sees(centre))
}

// Sees tells whether a centre is among the key's.
func (k Key) Sees(centre string) bool {
	return len(k.Centres) == 0 || slices.Contains(k.Centres, centre)
}

// Actor is how the audit names what is done with the key.
func (k Key) Actor() audit.Actor { return audit.Actor{Kind: "key", Ref: k.ID, Channel: "api"} }

// Rates a key may have, in requests a minute, and what it gets unasked.
const (
	minRate     = 1
	maxRate     = 6000
	DefaultRate = 300
)

// keyMark begins every key, so that one left lying in a file is found by who
// looks for it; feedMark a feed's.
const (
	keyMark  = "tk_"
	feedMark = "cf_"
)

var plainText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newToken is 256 bits that cannot be guessed, led by the tenant they open, and
// their hash. The hash is without salt or stretching: there is nothing to
// guess.
func newToken(mark, city string) (token string, hash []byte) {
	var b [32]byte
	rand.Read(b[:])
	token = mark + city + "_" + plainText.EncodeToString(b[:])
	return token, hashOf(token)
}

func hashOf(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// tenantOf is the tenant a token says it opens.
func tenantOf(mark, token string) (city string, ok bool) {
	rest, ok := strings.CutPrefix(token, mark)
	i := strings.LastIndexByte(rest, '_')
	if !ok || i < 1 || len(rest)-i-1 != 52 || len(token) > 200 {
		return "", false
	}
	return rest[:i], true
}

// MakeKey makes a key. The token is given once and kept nowhere.
func (s *Service) MakeKey(ctx context.Context, k Key, a audit.Actor) (_ Key, token string, err error) {
	now := s.cfg.Now()
	if k.Rate == 0 {
		k.Rate = DefaultRate
	}
	if err := s.checkKey(k); err != nil {
		return Key{}, "", err
	}
	k.ID, k.MadeBy, k.MadeAt, k.UsedAt, k.Revoked = newID(now), a.Ref, now, time.Time{}, time.Time{}
	token, hash := newToken(keyMark, k.City)
	err = s.cfg.Store.Update(ctx, func(tx Tx) error {
		keys, err := tx.APIKeys(ctx, k.City)
		if err != nil {
			return err
		}
		live := 0
		for _, o := range keys {
			if o.Revoked.IsZero() {
				live++
			}
		}
		if live >= mostKeys {
			return ErrMany.With("most", mostKeys)
		}
		if err := tx.InsertAPIKey(ctx, k, hash); err != nil {
			return err
		}
		return s.log(ctx, tx, k.City, a, "key.make", k.ID)
	})
	if err != nil {
		return Key{}, "", fmt.Errorf("make key: %w", err)
	}
	return k, token, nil
}

func (s *Service) checkKey(k Key) error {
	if n := utf8.RuneCountInString(strings.TrimSpace(k.Name)); n == 0 || n > mostName {
		return ErrName.On("name")
	}
	if len(k.Scopes) == 0 {
		return ErrScope.On("scopes")
	}
	for _, a := range k.Scopes {
		if !slices.Contains(Scopes(), a) {
			return ErrScope.On("scopes")
		}
	}
	net, ok := s.cfg.Network(k.City)
	if !ok {
		return ErrUnknown
	}
	for _, c := range k.Centres {
		if _, ok := net.CentreByID(c); !ok {
			return ErrCentre.On("centres")
		}
	}
	if k.Rate < minRate || k.Rate > maxRate {
		return ErrRate.On("rate").With("min", minRate).With("max", maxRate)
	}
	return nil
}

// Keys are a tenant's, oldest first, revoked ones with them.
func (s *Service) Keys(ctx context.Context, city string) (keys []Key, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		keys, err = tx.APIKeys(ctx, city)
		return err
	})
	return keys, err
}

// RevokeKey ends a key at once.
func (s *Service) RevokeKey(ctx context.Context, city, id string, a audit.Actor) error {
	return s.cfg.Store.Update(ctx, func(tx Tx) error {
		ok, err := tx.RevokeAPIKey(ctx, city, id, s.cfg.Now())
		if err != nil || !ok {
			return errors.Join(err, notThere(ok))
		}
		return s.log(ctx, tx, city, a, "key.revoke", id)
	})
}

func notThere(ok bool) error {
	if ok {
		return nil
	}
	return ErrUnknown
}

// Pace is how much of its rate a key has left.
type Pace struct {
	Limit, Left int
	Reset       time.Duration // until all of it is back
}

// Enter is the key a token is, and takes one request off its rate: ErrKeyWrong
// for none, ErrTooFast for one that asks too often.
func (s *Service) Enter(ctx context.Context, token string) (Key, Pace, error) {
	city, ok := tenantOf(keyMark, token)
	if !ok {
		return Key{}, Pace{}, ErrKeyWrong
	}
	var k Key
	hash := hashOf(token)
	err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		k, err = tx.APIKey(ctx, city, hash)
		return err
	})
	if errors.Is(err, ErrNoRow) || err == nil && !k.Revoked.IsZero() {
		return Key{}, Pace{}, ErrKeyWrong
	}
	if err != nil {
		return Key{}, Pace{}, fmt.Errorf("read key: %w", err)
	}
	now := s.cfg.Now()
	if s.stale(k.ID, now) {
		if err := s.cfg.Store.Update(ctx, func(tx Tx) error { return tx.TouchAPIKey(ctx, city, hash, now) }); err != nil {
			return Key{}, Pace{}, fmt.Errorf("note use of key: %w", err)
		}
	}
	pace, wait := s.take(k.ID, k.Rate, now)
	if wait > 0 {
		return k, pace, ErrTooFast.After(wait)
	}
	return k, pace, nil
}

// stale tells whether a use is to be written down: once a minute is enough.
func (s *Service) stale(id string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.touched[id]; ok && now.Sub(at) < time.Minute && !now.Before(at) {
		return false
	}
	s.touched[id] = now
	return true
}

// bucket fills evenly up to a minute's worth.
type bucket struct {
	left float64
	at   time.Time
}

func (s *Service) take(id string, rate int, now time.Time) (Pace, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.rates[id]
	if b == nil {
		b = &bucket{left: float64(rate), at: now}
		s.rates[id] = b
	}
	if d := now.Sub(b.at); d > 0 {
		b.left = min(float64(rate), b.left+d.Minutes()*float64(rate))
		b.at = now
	}
	one := time.Minute / time.Duration(rate)
	if b.left < 1 {
		return Pace{rate, 0, time.Duration((float64(rate) - b.left) * float64(one))}, max(time.Duration((1-b.left)*float64(one)), time.Millisecond)
	}
	b.left--
	return Pace{rate, int(b.left), time.Duration((float64(rate) - b.left) * float64(one))}, 0
}
