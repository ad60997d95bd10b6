// Package api is the machine interface: what the pages can do, for the apps of
// a transit operator and for scripts, and with a key what staff can. It is described by the OpenAPI 3.1
// document it serves, speaks JSON only, and answers every failure as a problem
// (RFC 9457) in the caller's language.
//
// Two things it never does: it never repeats a value it refused, since that may
// be an identity number in the wrong field, and it never lets an answer depend
// on whether a card, a phone or a person is known.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"turnike/internal/city"
	"turnike/internal/pairing"
	"turnike/statuslist"
)

// Prefix is where the handler expects to be mounted; every path it serves, and
// every path it gives out, begins with it.
const Prefix = "/api/"

// MaxBody is the most a request may carry, in bytes. A pairing with every field
// at its longest is under five thousand.
const MaxBody = 64 << 10

// Pairing is the part the pairing service plays here.
type Pairing interface {
	Begin(ctx context.Context, in pairing.Input) (pairing.View, error)
	Enter(ctx context.Context, city, token, typed string) (pairing.View, error)
	Resend(ctx context.Context, city, token string) (pairing.View, error)
	Look(ctx context.Context, city, token string) (pairing.View, error)
}

// Config is what the interface needs: Pairing, Cities and Now.
type Config struct {
	Pairing Pairing
	// Networks gives the networks of centres of today, by id; without it there
	// are none.
	Networks func() map[string]Visits
	Keys     Keys // of apps and scripts; nil where none are taken
	// Cities gives the cities of today; a revised one is seen at once.
	Cities func() city.Set
	Now    func() time.Time
	// Head gives the newest head of a city's list, or ErrNoList. Without Head
	// no city has one.
	Head func(ctx context.Context, city string) (*statuslist.Head, error)
	// Version is the product's version as the document states it.
	Version string
	Log     *slog.Logger // nil: slog.Default()
}

// server holds what the operations share.
type server struct {
	cfg       Config
	log       *slog.Logger
	busy      inFlight
	styleHash string // of the one sheet in our pages, for their policy
}

// New makes the handler of everything under Prefix.
func New(cfg Config) (http.Handler, error) {
	if cfg.Pairing == nil || cfg.Cities == nil || cfg.Now == nil {
		return nil, errors.New("api: Pairing, Cities and Now are needed")
	}
	if cfg.Version == "" {
		cfg.Version = "0.0.0"
	}
	s := &server{cfg: cfg, log: cfg.Log}
	if s.log == nil {
		s.log = slog.Default()
	}
	mux := http.NewServeMux()
	doc := humago.New(mux, s.document())
	s.cityRoutes(doc)
	s.requestRoutes(doc)
	s.listRoutes(doc)
	s.networkRoutes(doc)
	s.visitRoutes(doc)
	s.counterRoutes(doc)
	s.planRoutes(doc)
	if err := s.pageRoutes(mux, doc.OpenAPI()); err != nil {
		return nil, err
	}
	return s.wrap(mux), nil
}

// document is the head of the OpenAPI document and the rules by which answers
// are written. No format but JSON, no link to a schema in every answer, no
// pages that load somebody else's script.
func (s *server) document() huma.Config {
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "Turnike",
				Version:     s.cfg.Version,
				Description: describe,
				License:     &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/", Description: "this installation"}},
			Tags: []*huma.Tag{
				{Name: "cities", Description: "What a city asks, where it helps, what it decided. Public and cacheable."},
				{Name: "requests", Description: "Pairing a card and what its holder may do with it: a form, a code by text message, a receipt."},
				{Name: "lists", Description: "The age of what gates go by."},
				{Name: "networks", Description: "Centres one visits by appointment: what they do, when they are open, how full they are. Public and cacheable."},
				{Name: "visits", Description: "An appointment: a place held, a code by text message, a visit that its token opens."},
				{Name: "waits", Description: "Waiting lists: a freed place is offered to one person, and held for them."},
				{Name: "counter", Description: "The day at a centre. With a key."},
				{Name: "plan", Description: "What a centre plans, and what came of it. With a key."},
			},
		},
		// "json" is what the framework makes of application/problem+json.
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.ownProblem},
	}
	c.Components = &huma.Components{
		Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
		SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer",
			Description: "A key made on the staff's pages. It opens its own tenant's part, for the scopes it was given; in another's it finds nothing."}},
	}
	return c
}

const describe = `The machine interface of a transit card pairing service.

**Nobody learns anything by asking.** A card that is free, taken, stopped or unknown gets the same answer; results go by text message to the phone they belong to.

**Failures** are ` + "`application/problem+json`" + ` (RFC 9457). ` + "`type`" + ` is stable and can be opened; ` + "`title`" + ` and ` + "`detail`" + ` are in the language of Accept-Language (tr, en, ar; Turkish where none fits). ` + "`errors`" + ` lists everything that is wrong at once, each with a JSON pointer into the request. A refused value is never repeated.

**Idempotency.** A form is sent with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the same key and form make one request however often they are sent; the same key with another form is refused with 422, a second sending while the first is still at work with 409.

**Keys.** What staff may do, a program may do with a key: ` + "`Authorization: Bearer tk_...`" + `. The answer says how much of the key's rate is left (` + "`RateLimit`, `RateLimit-Policy`" + `). Nothing here gives out who comes to a visit.

**Time** is RFC 3339 with an offset. **Text** is UTF-8 JSON, at most 64 kB; unknown fields are refused.`
