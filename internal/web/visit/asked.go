package visit

import (
	"context"
	"errors"
	"net/http"

	"turnike/internal/audit"
	"turnike/internal/booking"
)

// moving is what somebody was asked who may have to move: the centre's plan
// has changed, and a place is held for them until they answer. nil where
// nobody asked, or it is answered or too late.
func (s *Server) moving(ctx context.Context, o *office, v booking.Visit) (*booking.Asked, error) {
	if v.State != booking.Booked {
		return nil, nil
	}
	x, err := o.Service.Moving(ctx, v.ID)
	if errors.Is(err, booking.ErrNoMove) || err == nil && x.Answer != booking.AnswerNone {
		return nil, nil
	}
	return &x, err
}

// takeOffer says yes to the place that is held.
func (s *Server) takeOffer(w http.ResponseWriter, r *http.Request, o *office) error {
	return s.act(w, r, o, func(ctx context.Context, v booking.Visit) (booking.Visit, string, error) {
		v, err := o.Service.AcceptMove(ctx, v.ID, audit.Citizen("web"))
		return v, "moved", err
	})
}

// keepHour says that they come at their old hour all the same.
func (s *Server) keepHour(w http.ResponseWriter, r *http.Request, o *office) error {
	return s.act(w, r, o, func(ctx context.Context, v booking.Visit) (booking.Visit, string, error) {
		v, err := o.Service.KeepPlace(ctx, v.ID, audit.Citizen("web"))
		return v, "kept", err
	})
}

// centreName is a centre's name as people know it.
func (o *office) centreName(id string) string {
	if c, ok := o.net.CentreByID(id); ok {
		return c.Name
	}
	return id
}
