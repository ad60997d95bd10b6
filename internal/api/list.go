package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/city"
)

// listCache is short: whoever watches the age of a list wants it as it is.
const listCache = "public, max-age=5"

// List is the state of what a city's gates go by.
type List struct {
	City       string    `json:"city" example:"istanbul"`
	Sequence   uint64    `json:"sequence" doc:"Only rises; a gate never goes back"`
	IssuedAt   time.Time `json:"issued_at"`
	NotAfter   time.Time `json:"not_after" doc:"Past this gates go by what the city's rules say for an old list"`
	AgeSeconds int64     `json:"age_seconds" minimum:"0"`
	Fresh      bool      `json:"fresh"`
	Cards      uint32    `json:"cards" doc:"Cards that were issued"`
}

func (s *server) listRoutes(doc huma.API) {
	type in struct {
		City string `path:"city" doc:"A city's id" example:"istanbul"`
	}
	type out struct {
		Cacheable
		Body List
	}
	operation[struct{}](doc, huma.Operation{
		OperationID: "get-list", Method: http.MethodGet, Path: Prefix + "v1/cities/{city}/list", Tags: []string{"lists"},
		Summary:     "See how old the list of cards is",
		Description: "Says nothing about any card. For those who watch that gates are fed.",
	}, "The newest list", nil, func(ctx context.Context, in *in) (*out, error) {
		p, ok := s.cfg.Cities()[in.City]
		if !ok {
			return nil, s.problem(ctx, city.ErrNoCity)
		}
		if s.cfg.Head == nil {
			return nil, s.problem(ctx, ErrNoList)
		}
		h, err := s.cfg.Head(ctx, p.ID)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		now := s.cfg.Now()
		return &out{Cacheable{CacheControl: listCache}, List{
			City: p.ID, Sequence: h.Sequence, IssuedAt: h.Issued.In(p.Location()), NotAfter: h.NotAfter.In(p.Location()),
			AgeSeconds: max(0, int64(now.Sub(h.Issued)/time.Second)), Fresh: now.Before(h.NotAfter), Cards: h.Cards,
		}}, nil
	}, nil, ErrNoList)
}
