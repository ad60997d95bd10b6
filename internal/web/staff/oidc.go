package staff

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"turnike/internal/access"
	"turnike/internal/fault"
	"turnike/internal/web/httpx"
)

// Provider is a tenant's own sign-in by OpenID Connect. Whoever it vouches for
// is let in where the tenant's administrator has invited that value of Claim.
type Provider struct {
	Tenant   string
	Name     string // on the button
	Issuer   string // its address; discovery says the rest
	ClientID string
	Secret   string
	// Claim holds what an invitation names: "sub", "email", "employee_number".
	Claim string
	// Scopes are asked for besides openid and profile.
	Scopes []string
}

// outside is a provider that has answered.
type outside struct {
	Provider
	endpoint oauth2.Endpoint
	verifier *oidc.IDTokenVerifier
}

// Faults of a tenant's own sign-in.
var (
	errOutsideAway    = fault.New(fault.Unavailable, "staff.outside_away").After(30 * time.Second)
	errOutsideRefused = fault.New(fault.Refused, "staff.outside_refused")
	errOutsideUnknown = fault.New(fault.Refused, "staff.outside_unknown")
)

func (s *Server) provider(city string) (Provider, bool) {
	for _, p := range s.cfg.Providers {
		if p.Tenant == city {
			return p, true
		}
	}
	return Provider{}, false
}

// outsideClient asks providers; one that hangs must not hold a page.
var outsideClient = &http.Client{Timeout: 10 * time.Second}

// outside reads a provider's discovery the first time, so that one that is
// away keeps nothing from starting.
func (s *Server) outside(city string) (*outside, error) {
	p, ok := s.provider(city)
	if !ok {
		return nil, httpx.ErrNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.known[city]; o != nil {
		return o, nil
	}
	// Its keys are fetched again long after this request: a context of its own.
	ctx := oidc.ClientContext(context.Background(), outsideClient)
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return nil, errors.Join(errOutsideAway, fmt.Errorf("discover %s: %w", p.Issuer, err))
	}
	o := &outside{p, found.Endpoint(), found.Verifier(&oidc.Config{ClientID: p.ClientID, Now: s.cfg.Now})}
	s.known[city] = o
	return o, nil
}

func (o *outside) config(origin string) *oauth2.Config {
	return &oauth2.Config{ClientID: o.ClientID, ClientSecret: o.Secret, Endpoint: o.endpoint, RedirectURL: origin + signInPath + "/back",
		Scopes: append([]string{oidc.ScopeOpenID, "profile"}, o.Scopes...)}
}

// trip is what the browser carries, sealed, while it is at the provider.
type trip struct {
	Tenant, State, Nonce, Verifier, Next string
	Again                                string // the account that proves itself again; "" signs in
	At                                   time.Time
}

const tripLife = 10 * time.Minute

// goOutside sends somebody to their tenant's own sign-in.
func (s *Server) goOutside(w http.ResponseWriter, r *http.Request) error {
	o, err := s.outside(r.PathValue("tenant"))
	if err != nil {
		return err
	}
	t := trip{Tenant: o.Tenant, State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: ours(r.URL.Query().Get("next")), At: s.cfg.Now()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)}
	se, ok, err := s.session(r)
	if err != nil {
		return err
	}
	if ok && se.City == o.Tenant {
		// A proof again: a session that is open over there is none.
		t.Again = se.Account
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	sealed, err := s.cfg.Accounts.SealState("trip", t)
	if err != nil {
		return err
	}
	s.site.SetCookie(w, outsideCookie, sealed, int(tripLife.Seconds()))
	http.Redirect(w, r, o.config(s.origin(r)).AuthCodeURL(t.State, options...), http.StatusSeeOther)
	return nil
}

// backFromOutside takes the answer: the state of the browser that left, a code
// exchanged with the proof of who asked (PKCE), a token signed by the provider
// for us and this trip.
func (s *Server) backFromOutside(w http.ResponseWriter, r *http.Request) error {
	sealed, _ := s.site.Cookie(r, outsideCookie)
	s.site.DropCookie(w, outsideCookie)
	var t trip
	if err := s.cfg.Accounts.OpenState("trip", sealed, &t); err != nil {
		return err
	}
	q := r.URL.Query()
	if s.cfg.Now().Sub(t.At) > tripLife || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(t.State)) != 1 {
		return access.ErrLapsed
	}
	if q.Get("error") != "" || q.Get("code") == "" {
		return errOutsideRefused
	}
	o, err := s.outside(t.Tenant)
	if err != nil {
		return err
	}
	ctx := oidc.ClientContext(r.Context(), outsideClient)
	tokens, err := o.config(s.origin(r)).Exchange(ctx, q.Get("code"), oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return errors.Join(errOutsideRefused, fmt.Errorf("exchange code: %w", err))
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := o.verifier.Verify(ctx, raw)
	if err != nil {
		return errors.Join(errOutsideRefused, fmt.Errorf("verify token: %w", err))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1 {
		return errOutsideRefused
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return errors.Join(errOutsideRefused, fmt.Errorf("read claims: %w", err))
	}
	claim, _ := claims[o.Claim].(string)
	if o.Claim == "email" && claims["email_verified"] != true {
		claim = "" // anybody may write an address
	}
	if claim == "" {
		return errOutsideUnknown
	}
	if t.Again != "" {
		return s.provenOutside(w, r, t, claim, claims)
	}
	name, _ := claims["name"].(string)
	in, err := s.cfg.Accounts.Outside(r.Context(), t.Tenant, claim, name)
	if errors.Is(err, access.ErrUnknown) {
		return errOutsideUnknown
	}
	if err != nil {
		return err
	}
	s.enter(w, in)
	return httpx.See(w, r, t.Next)
}

// provenOutside ends a step-up. Only a sign-in of just now is one.
func (s *Server) provenOutside(w http.ResponseWriter, r *http.Request, t trip, claim string, claims map[string]any) error {
	se, ok, err := s.session(r)
	if err != nil {
		return err
	}
	if !ok || se.Account != t.Again {
		return access.ErrLapsed
	}
	at, _ := claims["auth_time"].(float64)
	if s.cfg.Now().Sub(time.Unix(int64(at), 0)) > access.StepUp {
		return errOutsideRefused
	}
	if err := s.cfg.Accounts.AgainOutside(r.Context(), se, claim); err != nil {
		return err
	}
	return httpx.See(w, r, t.Next)
}
