package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"turnike/internal/booking"
	"turnike/internal/storage/dbq"
)

// InsertWait puts somebody on a waiting list, once.
func (t *Tx) InsertWait(ctx context.Context, w booking.Wait) (bool, error) {
	id, err := mustID("wait", w.ID)
	if err != nil {
		return false, err
	}
	visit, err := maybeID("visit", w.Visit)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.InsertWait(ctx, dbq.InsertWaitParams{City: w.City, ID: id, Centre: w.Centre, Service: w.Service,
		Pool: w.Pool, Units: int64(w.Units), Matters: int64(w.Matters), FromDay: int64(w.From), ToDay: int64(w.To),
		Holder: w.Holder[:], PhoneTag: tagOrNull(w.Phone), Sealed: filled(w.Sealed), Lang: w.Lang, State: int64(w.State),
		VisitID: visit, Offers: int64(w.Offers), CreatedUs: us(w.CreatedAt)})
	return n == 1, t.failBooking("insert wait", err)
}

// UpdateWait writes what may change of a wait.
func (t *Tx) UpdateWait(ctx context.Context, w booking.Wait) error {
	id, err := mustID("wait", w.ID)
	if err != nil {
		return err
	}
	visit, err := maybeID("visit", w.Visit)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.UpdateWait(ctx, dbq.UpdateWaitParams{City: w.City, ID: id, FromDay: int64(w.From), ToDay: int64(w.To),
		Sealed: filled(w.Sealed), State: int64(w.State), VisitID: visit, Offers: int64(w.Offers)})
	return oneBooking(n, t.failBooking("update wait", err))
}

// Wait reads one, locked in a writing transaction.
func (t *Tx) Wait(ctx context.Context, city, id string) (booking.Wait, error) {
	key, ok := binID(id)
	if !ok {
		return booking.Wait{}, booking.ErrNoRow
	}
	r, err := t.q.Wait(ctx, dbq.WaitParams{City: city, ID: key})
	return waitOf(r), t.failBooking("read wait", err)
}

// NextWait is the first on the list whom a freed place would serve.
func (t *Tx) NextWait(ctx context.Context, k booking.DayKey, pool string, units int, after string) (booking.Wait, error) {
	behind := []byte{} // before every id
	if after != "" {
		var err error
		if behind, err = mustID("wait", after); err != nil {
			return booking.Wait{}, err
		}
	}
	r, err := t.q.NextWait(ctx, dbq.NextWaitParams{City: k.City, Centre: k.Centre, Pool: pool, After: behind,
		Units: int64(units), Day: int64(k.Day)})
	return waitOf(r), t.failBooking("read next wait", err)
}

func waitOf(r dbq.BookingWait) booking.Wait {
	return booking.Wait{City: r.City, ID: textID(r.ID), Centre: r.Centre, Service: r.Service, Pool: r.Pool,
		Units: int(r.Units), Matters: int(r.Matters), From: booking.Day(r.FromDay), To: booking.Day(r.ToDay),
		Holder: tagOf(r.Holder), Phone: tagOf(r.PhoneTag), Sealed: r.Sealed, Lang: r.Lang, State: booking.WaitState(r.State),
		Visit: textID(r.VisitID), Offers: int(r.Offers), CreatedAt: at(r.CreatedUs)}
}

// InsertTicket writes a number given out.
func (t *Tx) InsertTicket(ctx context.Context, k booking.Ticket) error {
	visit, err := maybeID("visit", k.Visit)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failBooking("insert ticket", t.q.InsertTicket(ctx, dbq.InsertTicketParams{City: k.City, Centre: k.Centre,
		Day: int64(k.Day), Number: int64(k.Number), VisitID: visit, Pool: k.Pool, Service: k.Service,
		Matters: int64(k.Matters), State: int64(k.State), Desk: k.Desk, Recalls: int64(k.Recalls), SlotUs: nullUS(k.Slot),
		ArrivedUs: us(k.Arrived), CalledUs: nullUS(k.Called), StartedUs: nullUS(k.Started), EndedUs: nullUS(k.Ended),
		ShownUs: sql.NullInt64{Int64: k.Shown.Microseconds(), Valid: k.Shown > 0}}))
}

// UpdateTicket writes what may change of a number.
func (t *Tx) UpdateTicket(ctx context.Context, k booking.Ticket) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.UpdateTicket(ctx, dbq.UpdateTicketParams{City: k.City, Centre: k.Centre, Day: int64(k.Day),
		Number: int64(k.Number), Pool: k.Pool, Service: k.Service, Matters: int64(k.Matters), State: int64(k.State),
		Desk: k.Desk, Recalls: int64(k.Recalls), ArrivedUs: us(k.Arrived), CalledUs: nullUS(k.Called),
		StartedUs: nullUS(k.Started), EndedUs: nullUS(k.Ended),
		ShownUs: sql.NullInt64{Int64: k.Shown.Microseconds(), Valid: k.Shown > 0}})
	return oneBooking(n, t.failBooking("update ticket", err))
}

// Tickets are all numbers of a day.
func (t *Tx) Tickets(ctx context.Context, k booking.DayKey) ([]booking.Ticket, error) {
	rows, err := t.q.Tickets(ctx, dbq.TicketsParams{City: k.City, Centre: k.Centre, Day: int64(k.Day)})
	return each(rows, ticketOf), t.failBooking("read tickets", err)
}

func ticketOf(r dbq.BookingTicket) booking.Ticket {
	return booking.Ticket{DayKey: booking.DayKey{City: r.City, Centre: r.Centre, Day: booking.Day(r.Day)},
		Number: int(r.Number), Visit: textID(r.VisitID), Pool: r.Pool, Service: r.Service, Matters: int(r.Matters),
		State: booking.TicketState(r.State), Desk: r.Desk, Recalls: int(r.Recalls), Slot: maybeAt(r.SlotUs),
		Arrived: at(r.ArrivedUs), Called: maybeAt(r.CalledUs), Started: maybeAt(r.StartedUs), Ended: maybeAt(r.EndedUs),
		Shown: durationOf(r.ShownUs)}
}

// InsertEvent writes what happened to a number.
func (t *Tx) InsertEvent(ctx context.Context, e booking.Event) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failBooking("insert event", t.q.InsertBookingEvent(ctx, dbq.InsertBookingEventParams{City: e.City,
		Centre: e.Centre, Day: int64(e.Day), Seq: int64(e.Seq), Ticket: int64(e.Ticket), Was: e.Was, State: int64(e.State),
		Desk: e.Desk, Actor: e.Actor, AtUs: us(e.At), Undone: btoi(e.Undone)}))
}

// UpdateEvent writes whether an event was taken back.
func (t *Tx) UpdateEvent(ctx context.Context, e booking.Event) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.UpdateBookingEvent(ctx, dbq.UpdateBookingEventParams{City: e.City, Centre: e.Centre, Day: int64(e.Day),
		Seq: int64(e.Seq), Undone: btoi(e.Undone)})
	return oneBooking(n, t.failBooking("update event", err))
}

// LastEvent is the newest of a desk that stands.
func (t *Tx) LastEvent(ctx context.Context, k booking.DayKey, desk string) (booking.Event, error) {
	r, err := t.q.LastBookingEvent(ctx, dbq.LastBookingEventParams{City: k.City, Centre: k.Centre, Day: int64(k.Day), Desk: desk})
	return eventOf(r), t.failBooking("read last event", err)
}

// Events are all of a day, in order.
func (t *Tx) Events(ctx context.Context, k booking.DayKey) ([]booking.Event, error) {
	rows, err := t.q.BookingEvents(ctx, dbq.BookingEventsParams{City: k.City, Centre: k.Centre, Day: int64(k.Day)})
	return each(rows, eventOf), t.failBooking("read events", err)
}

func eventOf(r dbq.BookingEvent) booking.Event {
	return booking.Event{DayKey: booking.DayKey{City: r.City, Centre: r.Centre, Day: booking.Day(r.Day)}, Seq: int(r.Seq),
		Ticket: int(r.Ticket), Was: r.Was, State: booking.TicketState(r.State), Desk: r.Desk, Actor: r.Actor, At: at(r.AtUs),
		Undone: r.Undone != 0}
}

func durationOf(us sql.NullInt64) time.Duration { return time.Duration(us.Int64) * time.Microsecond }
