package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"turnike/internal/booking"
	"turnike/internal/storage/dbq"
)

// revisionBody is what a revision says, as it stands in its row.
type revisionBody struct {
	Base  bool          `json:"base,omitempty"`
	Week  *booking.Week `json:"week,omitempty"`
	Floor int           `json:"floor,omitempty"`
	Show  int           `json:"show,omitempty"`
	Walk  int           `json:"walk,omitempty"`
}

// PutPlanRevision writes a manager's dated change.
func (t *Tx) PutPlanRevision(ctx context.Context, r booking.Revision) error {
	id, err := mustID("revision", r.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	b := revisionBody{Base: r.Base, Floor: r.Floor, Show: r.Show, Walk: r.Walk}
	if r.Kind == booking.Staffing && !r.Base {
		b.Week = &r.Week
	}
	body, err := json.Marshal(b)
	if err != nil {
		return err // numbers always encode
	}
	return t.failBooking("write revision", t.q.PutStaffingRevision(ctx, dbq.PutStaffingRevisionParams{City: r.City, ID: id,
		Centre: r.Centre, Pool: r.Pool, Kind: string(r.Kind), SinceDay: int64(r.Since), UntilDay: int64(r.Until),
		Body: string(body), Why: r.Why, Actor: r.Actor, AtUs: us(r.At)}))
}

// DropPlanRevision takes a change back.
func (t *Tx) DropPlanRevision(ctx context.Context, city, id string) error {
	key, ok := binID(id)
	if !ok {
		return booking.ErrNoRow
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.DropStaffingRevision(ctx, dbq.DropStaffingRevisionParams{City: city, ID: key})
	return oneBooking(n, t.failBooking("drop revision", err))
}

// PlanRevisions are the changes that reach into some days.
func (t *Tx) PlanRevisions(ctx context.Context, city string, from, to booking.Day) ([]booking.Revision, error) {
	rows, err := t.q.StaffingRevisions(ctx, dbq.StaffingRevisionsParams{City: city, FromDay: int64(from), ToDay: int64(to)})
	if err := t.failBooking("read revisions", err); err != nil {
		return nil, err
	}
	out := make([]booking.Revision, len(rows))
	for i, r := range rows {
		var b revisionBody
		if err := json.Unmarshal([]byte(r.Body), &b); err != nil {
			return nil, fmt.Errorf("read revision %s: %w", textID(r.ID), err)
		}
		out[i] = booking.Revision{City: r.City, ID: textID(r.ID), Centre: r.Centre, Pool: r.Pool,
			Kind: booking.RevisionKind(r.Kind), Since: booking.Day(r.SinceDay), Until: booking.Day(r.UntilDay), Base: b.Base,
			Floor: b.Floor, Show: b.Show, Walk: b.Walk, Why: r.Why, Actor: r.Actor, At: at(r.AtUs)}
		if b.Week != nil {
			out[i].Week = *b.Week
		}
	}
	return out, nil
}

// PutMove writes whom a manager asks to move, or what they answered.
func (t *Tx) PutMove(ctx context.Context, m booking.Move) error {
	visit, err := mustID("visit", m.Visit)
	if err != nil {
		return err
	}
	place, err := mustID("place", m.Place)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failBooking("write move", t.q.PutMove(ctx, dbq.PutMoveParams{City: m.City, VisitID: visit, PlaceID: place,
		Centre: m.Centre, Day: int64(m.Day), Unit: int64(m.Unit), State: int64(m.State), Actor: m.Actor, MadeUs: us(m.Made),
		UntilUs: us(m.Until), AnsweredUs: nullUS(m.Answered)}))
}

func moveOf(r dbq.BookingMove) booking.Move {
	return booking.Move{City: r.City, Visit: textID(r.VisitID), Place: textID(r.PlaceID), Centre: r.Centre,
		Day: booking.Day(r.Day), Unit: int(r.Unit), State: booking.MoveState(r.State), Actor: r.Actor, Made: at(r.MadeUs),
		Until: at(r.UntilUs), Answered: maybeAt(r.AnsweredUs)}
}

// MoveByVisit is the asking of one visit.
func (t *Tx) MoveByVisit(ctx context.Context, city, visit string) (booking.Move, error) {
	id, ok := binID(visit)
	if !ok {
		return booking.Move{}, booking.ErrNoRow
	}
	r, err := t.q.MoveByVisit(ctx, dbq.MoveByVisitParams{City: city, VisitID: id})
	return moveOf(r), t.failBooking("read move", err)
}

// Moves are those of a centre by their old hour.
func (t *Tx) Moves(ctx context.Context, city, centre string, from, to booking.Day) ([]booking.Move, error) {
	rows, err := t.q.Moves(ctx, dbq.MovesParams{City: city, Centre: centre, FromDay: int64(from), ToDay: int64(to)})
	return each(rows, moveOf), t.failBooking("read moves", err)
}

// PastVisits are the appointments of a centre as figures need them.
func (t *Tx) PastVisits(ctx context.Context, city, centre string, from, to booking.Day) ([]booking.PastVisit, error) {
	rows, err := t.q.PastVisits(ctx, dbq.PastVisitsParams{City: city, Centre: centre, FromDay: int64(from), ToDay: int64(to)})
	return each(rows, func(r dbq.PastVisitsRow) booking.PastVisit {
		return booking.PastVisit{ID: textID(r.ID), Day: booking.Day(r.Day), Unit: int(r.Unit), Service: r.Service,
			Matters: int(r.Matters), Channel: booking.Channel(r.Channel), State: booking.State(r.State), Created: at(r.CreatedUs)}
	}), t.failBooking("read past visits", err)
}

// PastTickets are the numbers a centre gave out.
func (t *Tx) PastTickets(ctx context.Context, city, centre string, from, to booking.Day) ([]booking.Ticket, error) {
	rows, err := t.q.PastTickets(ctx, dbq.PastTicketsParams{City: city, Centre: centre, FromDay: int64(from), ToDay: int64(to)})
	return each(rows, ticketOf), t.failBooking("read past tickets", err)
}
