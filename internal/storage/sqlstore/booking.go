package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"turnike/internal/booking"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/dbq"
)

var _ booking.Tx = (*Tx)(nil)

// failBooking is fail with the booking module's word for "no rows".
func (t *Tx) failBooking(what string, err error) error {
	if err = t.fail(what, err); errors.Is(err, pairing.ErrNoRow) {
		return booking.ErrNoRow
	}
	return err
}

// oneBooking says booking.ErrNoRow for an update that found nothing.
func oneBooking(n int64, err error) error {
	if err == nil && n == 0 {
		return booking.ErrNoRow
	}
	return err
}

// LockDay reads a day's head, locked in a writing transaction.
func (t *Tx) LockDay(ctx context.Context, k booking.DayKey) (booking.DayRow, error) {
	r, err := t.q.LockBookingDay(ctx, dbq.LockBookingDayParams{City: k.City, Centre: k.Centre, Day: int64(k.Day)})
	return dayOf(r), t.failBooking("lock day", err)
}

func dayOf(r dbq.BookingDay) booking.DayRow {
	return booking.DayRow{DayKey: booking.DayKey{City: r.City, Centre: r.Centre, Day: booking.Day(r.Day)},
		Version: r.Version, Tickets: int(r.Tickets), Events: int(r.Events)}
}

// InsertDay writes the head of a day that nobody has planned yet.
func (t *Tx) InsertDay(ctx context.Context, d booking.DayRow) (bool, error) {
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.InsertBookingDay(ctx, dbq.InsertBookingDayParams{City: d.City, Centre: d.Centre,
		Day: int64(d.Day), Version: d.Version, Tickets: int64(d.Tickets), Events: int64(d.Events)})
	return n == 1, t.failBooking("insert day", err)
}

// PutDay writes a day's head.
func (t *Tx) PutDay(ctx context.Context, d booking.DayRow) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failBooking("write day", t.q.PutBookingDay(ctx, dbq.PutBookingDayParams{City: d.City, Centre: d.Centre,
		Day: int64(d.Day), Version: d.Version, Tickets: int64(d.Tickets), Events: int64(d.Events)}))
}

// DayRows are the heads of a city's days.
func (t *Tx) DayRows(ctx context.Context, city string, from, to booking.Day) ([]booking.DayRow, error) {
	rows, err := t.q.BookingDays(ctx, dbq.BookingDaysParams{City: city, FromDay: int64(from), ToDay: int64(to)})
	return each(rows, dayOf), t.failBooking("read days", err)
}

// Cells are a day's counters.
func (t *Tx) Cells(ctx context.Context, k booking.DayKey) ([]booking.Cell, error) {
	rows, err := t.q.BookingCells(ctx, dbq.BookingCellsParams{City: k.City, Centre: k.Centre, Day: int64(k.Day)})
	return each(rows, func(r dbq.BookingCellsRow) booking.Cell {
		return booking.Cell{Pool: r.Pool, Unit: int(r.Unit), Plan: int(r.Plan), Cap: int(r.Cap), Used: int(r.Used),
			Phone: int(r.Phone), PhoneUsed: int(r.PhoneUsed), Walk: int(r.Walk), WalkUsed: int(r.WalkUsed)}
	}), t.failBooking("read cells", err)
}

// PutCell writes one counter.
func (t *Tx) PutCell(ctx context.Context, k booking.DayKey, c booking.Cell) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failBooking("write cell", t.q.PutBookingCell(ctx, dbq.PutBookingCellParams{City: k.City, Centre: k.Centre,
		Day: int64(k.Day), Pool: c.Pool, Unit: int64(c.Unit), Plan: int64(c.Plan), Cap: int64(c.Cap), Used: int64(c.Used),
		Phone: int64(c.Phone), PhoneUsed: int64(c.PhoneUsed), Walk: int64(c.Walk), WalkUsed: int64(c.WalkUsed)}))
}

// PutException writes a change to a day's plan.
func (t *Tx) PutException(ctx context.Context, e booking.Exception) error {
	id, err := mustID("exception", e.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failBooking("write exception", t.q.PutBookingException(ctx, dbq.PutBookingExceptionParams{City: e.City, ID: id,
		Centre: e.Centre, Pool: e.Pool, Day: int64(e.Day), FromMin: int64(e.From), ToMin: int64(e.To), Desks: int64(e.Desks),
		Closed: btoi(e.Closed), Opened: btoi(e.Open), Why: e.Why, Actor: e.Actor, AtUs: us(e.At)}))
}

// DropException takes a change back.
func (t *Tx) DropException(ctx context.Context, city, id string) error {
	key, ok := binID(id)
	if !ok {
		return booking.ErrNoRow
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.DropBookingException(ctx, dbq.DropBookingExceptionParams{City: city, ID: key})
	return oneBooking(n, t.failBooking("drop exception", err))
}

// Exceptions are the changes to the plans of some days.
func (t *Tx) Exceptions(ctx context.Context, city string, from, to booking.Day) ([]booking.Exception, error) {
	rows, err := t.q.BookingExceptions(ctx, dbq.BookingExceptionsParams{City: city, FromDay: int64(from), ToDay: int64(to)})
	return each(rows, func(r dbq.BookingException) booking.Exception {
		return booking.Exception{City: r.City, ID: textID(r.ID), Centre: r.Centre, Pool: r.Pool, Day: booking.Day(r.Day),
			From: int(r.FromMin), To: int(r.ToMin), Desks: int(r.Desks), Closed: r.Closed != 0, Open: r.Opened != 0,
			Why: r.Why, Actor: r.Actor, At: at(r.AtUs)}
	}), t.failBooking("read exceptions", err)
}

// InsertVisit writes a visit where no unique rule stands in the way.
func (t *Tx) InsertVisit(ctx context.Context, v booking.Visit) (bool, error) {
	id, err := mustID("visit", v.ID)
	if err != nil {
		return false, err
	}
	wait, err := maybeID("wait", v.Wait)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.InsertVisit(ctx, dbq.InsertVisitParams{City: v.City, ID: id, Code: int64(v.Code), Centre: v.Place.Centre,
		Pool: v.Place.Pool, Day: int64(v.Place.Day), Unit: int64(v.Place.Unit), Units: int64(v.Place.Units),
		Service: v.Service, Matters: int64(v.Matters), State: int64(v.State), HoldUntilUs: nullUS(v.HoldUntil),
		Channel: string(v.Channel), Holder: tagOrNull(v.Holder), Slot: int64(v.Slot), PhoneTag: tagOrNull(v.Phone),
		Key: sql.NullString{String: v.Key, Valid: v.Key != ""}, Sealed: filled(v.Sealed), Lang: v.Lang, WaitID: wait,
		Sequence: int64(v.Sequence), DueUs: nullUS(v.DueAt), Confirmed: btoi(v.Confirmed), Reminded: btoi(v.Reminded),
		CreatedUs: us(v.CreatedAt), ChangedUs: us(v.ChangedAt)})
	return n == 1, t.failBooking("insert visit", err)
}

// UpdateVisit writes what may change of a visit.
func (t *Tx) UpdateVisit(ctx context.Context, v booking.Visit) error {
	id, err := mustID("visit", v.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	n, err := t.q.UpdateVisit(ctx, dbq.UpdateVisitParams{City: v.City, ID: id, Centre: v.Place.Centre, Pool: v.Place.Pool,
		Day: int64(v.Place.Day), Unit: int64(v.Place.Unit), Units: int64(v.Place.Units), Service: v.Service,
		Matters: int64(v.Matters), State: int64(v.State), HoldUntilUs: nullUS(v.HoldUntil), Channel: string(v.Channel),
		Holder: tagOrNull(v.Holder), Slot: int64(v.Slot), PhoneTag: tagOrNull(v.Phone), Sealed: filled(v.Sealed),
		Lang: v.Lang, Sequence: int64(v.Sequence), DueUs: nullUS(v.DueAt), Confirmed: btoi(v.Confirmed),
		Reminded: btoi(v.Reminded), ChangedUs: us(v.ChangedAt)})
	return oneBooking(n, t.failBooking("update visit", err))
}

// Visit reads a visit, locked in a writing transaction.
func (t *Tx) Visit(ctx context.Context, city, id string) (booking.Visit, error) {
	key, ok := binID(id)
	if !ok {
		return booking.Visit{}, booking.ErrNoRow
	}
	r, err := t.q.Visit(ctx, dbq.VisitParams{City: city, ID: key})
	return visitOf(r), t.failBooking("read visit", err)
}

// VisitByKey reads what an idempotency key made.
func (t *Tx) VisitByKey(ctx context.Context, city, key string) (booking.Visit, error) {
	r, err := t.q.VisitByKey(ctx, dbq.VisitByKeyParams{City: city, Key: sql.NullString{String: key, Valid: true}})
	return visitOf(r), t.failBooking("read visit by key", err)
}

// VisitByCode finds an open visit by the digits read aloud.
func (t *Tx) VisitByCode(ctx context.Context, city string, c booking.Code) (booking.Visit, error) {
	r, err := t.q.VisitByCode(ctx, dbq.VisitByCodeParams{City: city, Code: int64(c)})
	return visitOf(r), t.failBooking("read visit by code", err)
}

// OpenVisits are a holder's visits to come.
func (t *Tx) OpenVisits(ctx context.Context, city string, holder person.Tag) ([]booking.Visit, error) {
	if holder.IsZero() {
		return nil, nil
	}
	rows, err := t.q.OpenVisits(ctx, dbq.OpenVisitsParams{City: city, Holder: holder[:]})
	return each(rows, visitOf), t.failBooking("read open visits", err)
}

// VisitsByPhone are the newest visits of a phone number.
func (t *Tx) VisitsByPhone(ctx context.Context, city string, phone person.Tag) ([]booking.Visit, error) {
	if phone.IsZero() {
		return nil, nil
	}
	rows, err := t.q.VisitsByPhone(ctx, dbq.VisitsByPhoneParams{City: city, PhoneTag: phone[:]})
	return each(rows, visitOf), t.failBooking("read visits by phone", err)
}

// NextLapse is when the first held place of a day lapses.
func (t *Tx) NextLapse(ctx context.Context, k booking.DayKey) (time.Time, error) {
	r, err := t.q.NextLapse(ctx, dbq.NextLapseParams{City: k.City, Centre: k.Centre, Day: int64(k.Day)})
	return maybeAt(r), t.failBooking("read next lapse", err)
}

// LapsedVisits are the held places of a day whose time is over.
func (t *Tx) LapsedVisits(ctx context.Context, k booking.DayKey, now time.Time) ([]booking.Visit, error) {
	rows, err := t.q.LapsedVisits(ctx, dbq.LapsedVisitsParams{City: k.City, Centre: k.Centre, Day: int64(k.Day), NowUs: nullUS(now)})
	return each(rows, visitOf), t.failBooking("read lapsed visits", err)
}

// ExpireVisits ends the held places of a day whose time is over.
func (t *Tx) ExpireVisits(ctx context.Context, k booking.DayKey, now time.Time) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	_, err := t.q.ExpireVisits(ctx, dbq.ExpireVisitsParams{ChangedUs: us(now), City: k.City, Centre: k.Centre, Day: int64(k.Day),
		NowUs: nullUS(now)})
	return t.failBooking("expire visits", err)
}

// DayVisits are a centre's visits on a day.
func (t *Tx) DayVisits(ctx context.Context, k booking.DayKey) ([]booking.Visit, error) {
	rows, err := t.q.DayVisits(ctx, dbq.DayVisitsParams{City: k.City, Centre: k.Centre, Day: int64(k.Day)})
	return each(rows, visitOf), t.failBooking("read visits of a day", err)
}

// CountedVisits are the places of a day that its cells count.
func (t *Tx) CountedVisits(ctx context.Context, k booking.DayKey) ([]booking.Place, error) {
	rows, err := t.q.CountedVisits(ctx, dbq.CountedVisitsParams{City: k.City, Centre: k.Centre, Day: int64(k.Day)})
	return each(rows, func(r dbq.CountedVisitsRow) booking.Place {
		return booking.Place{Centre: k.Centre, Pool: r.Pool, Day: k.Day, Unit: int(r.Unit), Units: int(r.Units)}
	}), t.failBooking("read counted visits", err)
}

// DueVisits are those with something to do by itself.
func (t *Tx) DueVisits(ctx context.Context, now time.Time, limit int) ([]booking.Visit, error) {
	rows, err := t.q.DueVisits(ctx, dbq.DueVisitsParams{NowUs: nullUS(now), MaxRows: int32(limit)})
	return each(rows, visitOf), t.failBooking("read due visits", err)
}

func visitOf(r dbq.BookingVisit) booking.Visit {
	return booking.Visit{City: r.City, ID: textID(r.ID), Code: booking.Code(r.Code),
		Place:   booking.Place{Centre: r.Centre, Pool: r.Pool, Day: booking.Day(r.Day), Unit: int(r.Unit), Units: int(r.Units)},
		Service: r.Service, Matters: int(r.Matters), State: booking.State(r.State), HoldUntil: maybeAt(r.HoldUntilUs),
		Channel: booking.Channel(r.Channel), Holder: tagOf(r.Holder), Slot: int(r.Slot), Phone: tagOf(r.PhoneTag),
		Key: r.Key.String, Sealed: r.Sealed, Lang: r.Lang, Wait: textID(r.WaitID), Sequence: int(r.Sequence),
		DueAt: maybeAt(r.DueUs), Confirmed: r.Confirmed != 0, Reminded: r.Reminded != 0, CreatedAt: at(r.CreatedUs),
		ChangedAt: at(r.ChangedUs)}
}
