package booking

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"turnike/internal/audit"
	"turnike/internal/fault"
)

// NoticeAsked asks somebody whether another place would do, since the plan of
// their centre has changed; the visit it comes with has that place, and is
// held until HoldUntil.
const NoticeAsked Notice = "asked"

// MoveState is how far the asking of one person has come.
type MoveState uint8

// The states. Who chose another hour by themselves, or let the time pass, is
// told from the visit.
const (
	MoveAsked    MoveState = 1
	MoveAccepted MoveState = 2
	MoveKept     MoveState = 3 // comes at the old hour all the same
)

// Move is somebody who was asked to move. Nobody is moved without a yes.
type Move struct {
	City   string
	Visit  string
	Place  string // the visit that holds the place offered
	Centre string // where and when they were to come
	Day    Day
	Unit   int
	State  MoveState
	Actor  string // staff id
	Made   time.Time
	Until  time.Time // the place offered is held so long
	// Answered is zero while they have not.
	Answered time.Time
}

// Moves are those who were asked to move.
type Moves interface {
	PutMove(ctx context.Context, m Move) error
	MoveByVisit(ctx context.Context, city, visit string) (Move, error)
	// Moves are those of a centre whose old hour is in a span of days.
	Moves(ctx context.Context, city, centre string, from, to Day) ([]Move, error)
}

// How somebody is asked: the place is held for a day, but never so long that
// they could not come to either hour; a place at their own centre is looked
// for so many days on each side before one in a centre nearby.
const (
	moveLife   = 24 * time.Hour
	moveBefore = 2 * time.Hour
	moveOwn    = 3 // days
	moveTries  = 8 // places tried for one person
	moveNear   = 3 // centres nearby
)

// Answer is how somebody who was asked has answered.
type Answer string

// The answers.
const (
	AnswerNone     Answer = "none"     // not yet
	AnswerAccepted Answer = "accepted" // comes to the place offered
	AnswerKept     Answer = "kept"     // comes at the old hour
	AnswerOther    Answer = "other"    // chose another hour
	AnswerGone     Answer = "gone"     // cancelled
	AnswerSilent   Answer = "silent"   // the place lapsed without a word
)

// Asked is a person's case, for a manager's list.
type Asked struct {
	Move   Move
	Visit  Visit // as it stands
	Offer  Place
	Answer Answer
}

// AskMoves holds the nearest place for each of some visits and asks by text
// message whether it would do. Whom nothing could be found for is given back
// with ErrFull. Who was asked already and still has time is not asked again.
func (s *Service) AskMoves(ctx context.Context, ids []string, a audit.Actor) (asked []Asked, failed map[string]error, err error) {
	failed = map[string]error{}
	for _, id := range ids {
		m, err := s.askMove(ctx, id, a)
		switch {
		case err == nil:
			asked = append(asked, m)
		case fault.Of(err) != nil:
			failed[id] = err
		default:
			return asked, failed, fmt.Errorf("ask to move: %w", err)
		}
	}
	return asked, failed, nil
}

func (s *Service) askMove(ctx context.Context, id string, a audit.Actor) (Asked, error) {
	v, err := s.Visit(ctx, id)
	if err != nil {
		return Asked{}, err
	}
	for _, p := range s.near(v) {
		out, err := s.tryMove(ctx, id, p, a)
		if errors.Is(err, ErrFull) || errors.Is(err, ErrClosed) || errors.Is(err, ErrPast) {
			continue // taken since the board was looked at
		}
		return out, err
	}
	return Asked{}, ErrFull
}

// near are places that would do for a visit, nearest first: at its own centre
// by the time between, then at the centres nearest to it.
func (s *Service) near(v Visit) []Place {
	now := s.cfg.Now()
	home := s.net.byID[v.Place.Centre]
	if home == nil {
		return nil
	}
	was, _ := s.net.StartOf(v.Place)
	earliest := now.Add(moveBefore + time.Hour)
	find := func(c *Centre, days, most int) []Place {
		var slots []Slot
		for d := v.Place.Day - Day(days); d <= v.Place.Day+Day(days); d++ {
			// As at a desk: what is kept for people who come in may go to
			// those who had a place already.
			list, _, err := s.board.Slots(c.ID, d, v.Service, v.Matters, Desk, now)
			if err != nil {
				return nil
			}
			for _, x := range list {
				if x.Start.After(earliest) && x.Place != v.Place {
					slots = append(slots, x)
				}
			}
		}
		slices.SortStableFunc(slots, func(a, b Slot) int {
			return cmp.Compare(a.Start.Sub(was).Abs(), b.Start.Sub(was).Abs())
		})
		var out []Place
		for _, x := range slots[:min(most, len(slots))] {
			out = append(out, x.Place)
		}
		return out
	}
	out := find(home, moveOwn, moveTries)
	others := make([]*Centre, 0, len(s.net.Centres))
	for i := range s.net.Centres {
		if c := &s.net.Centres[i]; c != home {
			others = append(others, c)
		}
	}
	slices.SortStableFunc(others, func(a, b *Centre) int { return cmp.Compare(home.Kilometres(a), home.Kilometres(b)) })
	for _, c := range others[:min(moveNear, len(others))] {
		out = append(out, find(c, moveOwn, 2)...)
	}
	return append(out, find(home, s.net.Ahead(), moveTries)...)
}

// Kilometres is about how far two centres are apart, as the crow flies.
func (c *Centre) Kilometres(o *Centre) float64 {
	const degree = 111.2 // of a great circle
	return math.Hypot(c.Lat-o.Lat, (c.Lon-o.Lon)*math.Cos(c.Lat*math.Pi/180)) * degree
}

func (s *Service) tryMove(ctx context.Context, id string, p Place, a audit.Actor) (Asked, error) {
	k := DayKey{s.net.ID, p.Centre, p.Day}
	var out Asked
	err := s.run(ctx, &task{city: s.net.ID, ids: []string{id}, days: []DayKey{k}, do: func(ctx context.Context, w *work) error {
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		if v.State != Booked {
			return ErrEnded
		}
		m, err := w.tx.MoveByVisit(ctx, s.net.ID, id)
		if err == nil && m.State == MoveAsked && m.Until.After(w.now) && m.Centre == v.Place.Centre && m.Day == v.Place.Day && m.Unit == v.Place.Unit {
			held, err := w.read(ctx, s.net.ID, m.Place)
			if w.note(err) != nil {
				return err
			}
			out = Asked{m, v, held.Place, AnswerNone}
			return nil
		}
		if err != nil && !errors.Is(err, ErrNoRow) {
			return w.note(err)
		}
		d := w.days[k]
		if d == nil {
			return ErrClosed
		}
		start, _ := s.net.StartOf(p)
		was, _ := s.net.StartOf(v.Place)
		until := earliest(w.now.Add(moveLife), start.Add(-moveBefore), was.Add(-moveBefore/2))
		if !until.After(w.now.Add(moveBefore / 4)) {
			return ErrPast
		}
		if err := d.cells.fit(p.Pool, p.Unit, p.Units, Desk, s.net.Release(p.Day, p.Unit, w.now)); err != nil {
			return err
		}
		// The place is nobody's until they say yes: a holder may have only one
		// open visit for a matter, and that is the one they have.
		held := Visit{City: s.net.ID, ID: newID(w.now), Place: p, Service: v.Service, Matters: v.Matters, State: Held,
			HoldUntil: until, Channel: Desk, CreatedAt: w.now, ChangedAt: w.now}
		if err := w.put(ctx, d, &held); err != nil {
			return err
		}
		m = Move{City: s.net.ID, Visit: v.ID, Place: held.ID, Centre: v.Place.Centre, Day: v.Place.Day, Unit: v.Place.Unit,
			State: MoveAsked, Actor: a.Ref, Made: w.now, Until: until}
		if err := w.note(w.tx.PutMove(ctx, m)); err != nil {
			return err
		}
		out = Asked{m, v, p, AnswerNone}
		if err := w.audit(ctx, a, "visit.ask", v); err != nil {
			return err
		}
		v.Place, v.HoldUntil = p, until
		return w.tell(ctx, NoticeAsked, v)
	}})
	return out, err
}

func earliest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.Before(t) {
			t = o
		}
	}
	return t
}

// Moving is the case of a visit whose holder was asked to move; ErrNoMove where
// nobody was.
func (s *Service) Moving(ctx context.Context, id string) (out Asked, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) error {
		m, err := tx.MoveByVisit(ctx, s.net.ID, id)
		if errors.Is(err, ErrNoRow) {
			return ErrNoMove
		}
		if err != nil {
			return err
		}
		out, err = s.asked(ctx, tx, m)
		return err
	})
	return out, err
}

// Moves are the cases of a centre whose old hour is in a span of days.
func (s *Service) Moves(ctx context.Context, centre string, from Day, days int) (out []Asked, err error) {
	err = s.cfg.Store.View(ctx, func(tx Tx) error {
		out = nil
		ms, err := tx.Moves(ctx, s.net.ID, centre, from, from+Day(days)-1)
		if err != nil {
			return err
		}
		for _, m := range ms {
			x, err := s.asked(ctx, tx, m)
			if err != nil {
				return err
			}
			out = append(out, x)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read moves: %w", err)
	}
	return out, nil
}

func (s *Service) asked(ctx context.Context, tx Tx, m Move) (Asked, error) {
	v, err := tx.Visit(ctx, m.City, m.Visit)
	if err != nil {
		return Asked{}, err
	}
	held, err := tx.Visit(ctx, m.City, m.Place)
	if err != nil {
		return Asked{}, err
	}
	x := Asked{m, v, held.Place, AnswerNone}
	stays := v.Place.Centre == m.Centre && v.Place.Day == m.Day && v.Place.Unit == m.Unit
	switch {
	case m.State == MoveAccepted:
		x.Answer = AnswerAccepted
	case v.State == Cancelled || v.State == Expired:
		x.Answer = AnswerGone
	case !stays:
		x.Answer = AnswerOther
	case m.State == MoveKept:
		x.Answer = AnswerKept
	case !m.Until.After(s.cfg.Now()):
		x.Answer = AnswerSilent
	}
	return x, nil
}

// AcceptMove brings a visit to the place that was offered for it.
func (s *Service) AcceptMove(ctx context.Context, id string, a audit.Actor) (Visit, error) {
	return s.answer(ctx, id, func(ctx context.Context, w *work, m *Move, v, held Visit) (Visit, error) {
		if held.State != Held || !held.HoldUntil.After(w.now) {
			return v, ErrLapsed
		}
		moved := v
		moved.Place = held.Place
		var err error
		if moved.Slot, err = w.slot(ctx, moved); err != nil {
			return v, err
		}
		d, old := w.days[held.day()], w.days[v.day()]
		if d == nil || old == nil {
			return v, ErrClosed
		}
		from := v.Place
		old.cells.take(from.Pool, from.Unit, from.Units, w.countedAs(v), -1)
		d.cells.take(held.Place.Pool, held.Place.Unit, held.Place.Units, w.countedAs(held), -1)
		d.cells.take(held.Place.Pool, held.Place.Unit, held.Place.Units, w.countedAs(moved), 1)
		held.State, held.HoldUntil, held.ChangedAt = Expired, time.Time{}, w.now
		if err := w.update(ctx, held); err != nil {
			return v, err
		}
		moved.Sequence++
		moved.ChangedAt, moved.Reminded, moved.Confirmed = w.now, false, false
		s.schedule(&moved, w.now)
		if err := w.update(ctx, moved); err != nil {
			return v, err
		}
		m.State = MoveAccepted
		if err := w.freed(ctx, old, from); err != nil {
			return v, err
		}
		if err := w.audit(ctx, a, "visit.move", moved); err != nil {
			return v, err
		}
		return moved, w.tell(ctx, NoticeMoved, moved)
	})
}

// KeepPlace is the word that somebody comes at the old hour all the same.
func (s *Service) KeepPlace(ctx context.Context, id string, a audit.Actor) (Visit, error) {
	return s.answer(ctx, id, func(ctx context.Context, w *work, m *Move, v, held Visit) (Visit, error) {
		m.State = MoveKept
		if err := w.release(ctx, held); err != nil {
			return v, err
		}
		return v, w.audit(ctx, a, "visit.keep", v)
	})
}

// release lets a held place go.
func (w *work) release(ctx context.Context, held Visit) error {
	d := w.days[held.day()]
	if held.State != Held || d == nil {
		return nil
	}
	d.cells.take(held.Place.Pool, held.Place.Unit, held.Place.Units, w.countedAs(held), -1)
	held.State, held.HoldUntil, held.ChangedAt = Expired, time.Time{}, w.now
	if err := w.update(ctx, held); err != nil {
		return err
	}
	_, err := w.offer(ctx, d, held.Place, "")
	return err
}

func (s *Service) answer(ctx context.Context, id string, do func(context.Context, *work, *Move, Visit, Visit) (Visit, error)) (Visit, error) {
	x, err := s.Moving(ctx, id)
	if err != nil {
		return Visit{}, err
	}
	var out Visit
	err = s.run(ctx, &task{city: s.net.ID, ids: []string{id, x.Move.Place}, do: func(ctx context.Context, w *work) error {
		m, err := w.tx.MoveByVisit(ctx, s.net.ID, id)
		if w.note(err) != nil {
			return err
		}
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		held, err := w.read(ctx, s.net.ID, x.Move.Place)
		if w.note(err) != nil {
			return err
		}
		switch {
		case m.State == MoveAccepted && v.State == Booked && v.Place == held.Place:
			out = v // said twice
			return nil
		case m.State != MoveAsked && m.State != MoveKept || m.Place != x.Move.Place:
			return ErrNoMove
		case v.State != Booked:
			return ErrEnded
		}
		if out, err = do(ctx, w, &m, v, held); err != nil {
			return err
		}
		m.Answered = w.now
		return w.note(w.tx.PutMove(ctx, m))
	}})
	return out, err
}
