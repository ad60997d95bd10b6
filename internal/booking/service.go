package booking

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"turnike/internal/audit"
	"turnike/internal/notify"
	"turnike/internal/person"
)

// Notice is what somebody is told by text message.
type Notice string

// The notices; each is also the key of its sentence, below "sms.visit.".
const (
	NoticeBooked      Notice = "booked"
	NoticeMoved       Notice = "moved"
	NoticeCancelled   Notice = "cancelled"
	NoticeReminder    Notice = "reminder"
	NoticeConfirm     Notice = "confirm"     // please confirm by tonight
	NoticeUnconfirmed Notice = "unconfirmed" // not confirmed, so given to somebody else
	NoticeOffered     Notice = "offered"     // a place from the waiting list, kept for a while
	NoticeLink        Notice = "link"        // the address of a visit, asked for again
)

// Config is what a service works with.
type Config struct {
	Store   Store
	Network *Network
	Now     func() time.Time
	// Rand gives an even number in [0, n); nil for the system's.
	Rand func(n uint64) uint64
	// Tell makes the messages of a notice, sealed for the outbox; nil tells
	// nobody. It may be called more than once for one event.
	Tell func(n Notice, v Visit, now time.Time) ([]notify.Queued, error)
	// Note is told of every deed; nil for nobody.
	Note Note
}

// Service books. It is safe for use by many goroutines.
type Service struct {
	cfg   Config
	net   *Network
	board *Board
	paces paces

	mu      sync.Mutex
	first   []*task // about visits that are there
	waiting []*task
	size    int  // of the next batch
	busy    bool // somebody leads
}

// New makes a service. Days are open for booking once Plan has run for them.
func New(cfg Config) *Service {
	if cfg.Rand == nil {
		cfg.Rand = rand.Uint64N
	}
	return &Service{cfg: cfg, net: cfg.Network, board: newBoard(cfg.Network), size: batch,
		paces: paces{by: map[string]*Pace{}, rnd: rand.New(rand.NewPCG(cfg.Rand(1<<63), 1))}}
}

// Network is the file the service works by.
func (s *Service) Network() *Network { return s.net }

// Board is what is remembered of all days.
func (s *Service) Board() *Board { return s.board }

// Request asks for a place.
type Request struct {
	Centre  string
	Service string
	Matters int // 0 for one
	Day     Day
	Unit    int
	Channel Channel
	Actor   audit.Actor
	Key     string // idempotency key: the same again gives the same visit
	Who     Who
}

// Who comes: tags to find and count them by, and the rest sealed.
type Who struct {
	// Holder is the tag of the identity number or phone; for a place held
	// while a page is filled in, of the session.
	Holder person.Tag
	Phone  person.Tag
	Sealed []byte
	Lang   string
}

// place is where a request leads, by the network's file.
func (s *Service) place(r *Request) (Place, error) {
	if r.Matters == 0 {
		r.Matters = 1
	}
	c, ok := s.net.byID[r.Centre]
	if !ok {
		return Place{}, ErrNoCentre
	}
	pool, ok := c.PoolFor(r.Service)
	if !ok {
		return Place{}, ErrNoCentre
	}
	units, err := s.net.Units(r.Service, r.Matters)
	if err != nil {
		return Place{}, err
	}
	return Place{r.Centre, pool, r.Day, r.Unit, units}, nil
}

// Hold keeps a place while a page is filled in. Confirm makes it a booking
// before HoldUntil; after that it is anybody's.
func (s *Service) Hold(ctx context.Context, r Request) (Visit, error) { return s.take(ctx, r, Held) }

// Book takes a place for somebody who is known already: at a desk, on the
// telephone.
func (s *Service) Book(ctx context.Context, r Request) (Visit, error) { return s.take(ctx, r, Booked) }

func (s *Service) take(ctx context.Context, r Request, state State) (Visit, error) {
	p, err := s.place(&r)
	if err != nil {
		return Visit{}, err
	}
	k := DayKey{s.net.ID, r.Centre, r.Day}
	// The board's "no" may not be given to somebody who asks again for what
	// they have, so a request with a key is looked up first.
	now := s.cfg.Now()
	if err := s.board.refuse(k, p, r.Channel, now); err != nil {
		if r.Key == "" {
			return Visit{}, s.full(err, r.Day, now)
		}
		if v, err := s.byKey(ctx, r.Key); err == nil {
			return s.again(v, p, r)
		} else if !errors.Is(err, ErrNoRow) {
			return Visit{}, err
		}
		return Visit{}, s.full(err, r.Day, now)
	}
	var out Visit
	err = s.run(ctx, &task{city: s.net.ID, days: []DayKey{k}, do: func(ctx context.Context, w *work) error {
		if r.Key != "" {
			v, err := w.tx.VisitByKey(ctx, s.net.ID, r.Key)
			if err == nil {
				out, err = s.again(v, p, r)
				return err
			}
			if !errors.Is(err, ErrNoRow) {
				return w.note(err)
			}
		}
		d := w.days[k]
		if d == nil {
			return ErrClosed
		}
		if !s.net.Start(p.Day, p.Unit).After(w.now) {
			return ErrPast
		}
		if err := d.cells.fit(p.Pool, p.Unit, p.Units, r.Channel, s.net.Release(p.Day, p.Unit, w.now)); err != nil {
			return s.full(err, r.Day, w.now)
		}
		v := Visit{City: s.net.ID, ID: newID(w.now), Place: p, Service: r.Service, Matters: r.Matters, State: state,
			Channel: r.Channel, Holder: r.Who.Holder, Slot: 1, Phone: r.Who.Phone, Key: r.Key, Sealed: r.Who.Sealed,
			Lang: r.Who.Lang, CreatedAt: w.now, ChangedAt: w.now}
		if state == Held {
			v.HoldUntil = w.now.Add(time.Duration(s.net.Rules.HoldMinutes) * time.Minute)
		} else {
			s.schedule(&v, w.now)
		}
		if err := w.put(ctx, d, &v); err != nil {
			return err
		}
		out = v
		if state == Held {
			return nil // nobody's yet: the deed is the booking
		}
		if err := w.audit(ctx, r.Actor, "visit.book", v); err != nil {
			return err
		}
		return w.tell(ctx, NoticeBooked, v)
	}})
	return out, err
}

// again answers a request whose key is known.
func (s *Service) again(v Visit, p Place, r Request) (Visit, error) {
	if !same(v, p, r.Service, r.Matters, r.Who.Holder) {
		return Visit{}, ErrKeyReused
	}
	return v, nil
}

// full adds to ErrFull when more is released.
func (s *Service) full(err error, day Day, now time.Time) error {
	if errors.Is(err, ErrFull) {
		if next := s.net.NextRelease(day, now); !next.IsZero() {
			// In digits, which read alike in all three languages.
			return ErrFull.With("next", next.In(s.net.zone).Format("02.01.2006 15:04")).After(next.Sub(now))
		}
	}
	return err
}

// Confirm makes a held place a booking. Said twice it answers twice; said too
// late it is refused, since the place may be another's by then.
func (s *Service) Confirm(ctx context.Context, id string, who Who, a audit.Actor) (Visit, error) {
	var out Visit
	err := s.run(ctx, &task{city: s.net.ID, ids: []string{id}, do: func(ctx context.Context, w *work) error {
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		switch {
		case v.State == Booked && v.Holder == who.Holder:
			out = v
			return nil
		case v.State == Expired || v.State == Held && !v.HoldUntil.After(w.now):
			return ErrLapsed
		case v.State != Held:
			return ErrEnded
		}
		v.Holder, v.Phone, v.Sealed, v.Lang = who.Holder, who.Phone, who.Sealed, who.Lang
		if v.Slot, err = w.slot(ctx, v); err != nil {
			return err
		}
		v.State, v.HoldUntil, v.ChangedAt = Booked, time.Time{}, w.now
		s.schedule(&v, w.now)
		if err := w.update(ctx, v); err != nil {
			return err
		}
		if v.Wait != "" {
			if err := w.endWait(ctx, v.City, v.Wait); err != nil {
				return err
			}
		}
		out = v
		if err := w.audit(ctx, a, "visit.book", v); err != nil {
			return err
		}
		return w.tell(ctx, NoticeBooked, v)
	}})
	return out, err
}

// Cancel gives a place back. What is cancelled already stays so.
func (s *Service) Cancel(ctx context.Context, id string, a audit.Actor) (Visit, error) {
	var out Visit
	err := s.run(ctx, &task{city: s.net.ID, ids: []string{id}, do: func(ctx context.Context, w *work) error {
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		if v.State == Cancelled || v.State == Expired {
			out = v
			return nil
		}
		if v.State != Held && v.State != Booked {
			return ErrEnded
		}
		out, err = w.cancel(ctx, v, a, NoticeCancelled)
		return err
	}})
	return out, err
}

// cancel ends a visit that is held or booked, and gives its place back.
func (w *work) cancel(ctx context.Context, v Visit, a audit.Actor, n Notice) (Visit, error) {
	d := w.days[v.day()]
	if d == nil {
		return v, fmt.Errorf("cancel visit: its day is not held")
	}
	booked := v.State == Booked
	d.cells.take(v.Place.Pool, v.Place.Unit, v.Place.Units, w.countedAs(v), -1)
	v.State, v.HoldUntil, v.DueAt, v.ChangedAt = Cancelled, time.Time{}, time.Time{}, w.now
	v.Sequence++
	if err := w.update(ctx, v); err != nil {
		return v, err
	}
	if v.Wait != "" && !booked {
		if err := w.endWait(ctx, v.City, v.Wait); err != nil {
			return v, err
		}
	}
	if !booked {
		_, err := w.offer(ctx, d, v.Place, "")
		return v, err
	}
	if err := w.freed(ctx, d, v.Place); err != nil {
		return v, err
	}
	if err := w.audit(ctx, a, "visit.cancel", v); err != nil {
		return v, err
	}
	return v, w.tell(ctx, n, v)
}

// Move takes another place for a visit and gives the old one back, both or
// neither: where the new one is taken, the old one stands.
func (s *Service) Move(ctx context.Context, id, centre string, day Day, unit int, ch Channel, a audit.Actor) (Visit, error) {
	k := DayKey{s.net.ID, centre, day}
	c, ok := s.net.byID[centre]
	if !ok {
		return Visit{}, ErrNoCentre
	}
	var out Visit
	err := s.run(ctx, &task{city: s.net.ID, ids: []string{id}, days: []DayKey{k}, do: func(ctx context.Context, w *work) error {
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		switch {
		case v.State == Expired || v.State == Held && !v.HoldUntil.After(w.now):
			return ErrLapsed
		case v.State != Held && v.State != Booked:
			return ErrEnded
		}
		pool, ok := c.PoolFor(v.Service)
		if !ok {
			return ErrNoCentre
		}
		to := Place{centre, pool, day, unit, v.Place.Units}
		from, fromDay := v.Place, v.day()
		if to == from {
			out = v
			return nil
		}
		d, old := w.days[k], w.days[fromDay]
		if d == nil || old == nil {
			return ErrClosed
		}
		if !s.net.Start(day, unit).After(w.now) {
			return ErrPast
		}
		moved := v
		moved.Place, moved.Channel = to, ch
		if moved.Slot, err = w.slot(ctx, moved); err != nil {
			return err
		}
		old.cells.take(from.Pool, from.Unit, from.Units, w.countedAs(v), -1)
		if err := d.cells.fit(to.Pool, to.Unit, to.Units, ch, s.net.Release(day, unit, w.now)); err != nil {
			old.cells.take(from.Pool, from.Unit, from.Units, w.countedAs(v), 1)
			return s.full(err, day, w.now)
		}
		d.cells.take(to.Pool, to.Unit, to.Units, ch, 1)
		moved.Sequence++
		moved.ChangedAt, moved.Reminded, moved.Confirmed = w.now, false, false
		if v.State == Held {
			// Looking about does not keep places for ever.
			hold := time.Duration(s.net.Rules.HoldMinutes) * time.Minute
			if until := w.now.Add(hold); until.Before(v.CreatedAt.Add(3 * hold)) {
				moved.HoldUntil = until
			}
		} else {
			s.schedule(&moved, w.now)
		}
		if err := w.update(ctx, moved); err != nil {
			return err
		}
		out = moved
		if v.State == Held {
			_, err := w.offer(ctx, old, from, "")
			return err
		}
		if fromDay != k || from.Pool != to.Pool || from.Unit+from.Units <= to.Unit || to.Unit+to.Units <= from.Unit {
			if err := w.freed(ctx, old, from); err != nil {
				return err
			}
		}
		if err := w.audit(ctx, a, "visit.move", moved); err != nil {
			return err
		}
		return w.tell(ctx, NoticeMoved, moved)
	}})
	return out, err
}

// Promise is the word, given the day before, that one will come.
func (s *Service) Promise(ctx context.Context, id string, a audit.Actor) (Visit, error) {
	var out Visit
	err := s.run(ctx, &task{city: s.net.ID, ids: []string{id}, do: func(ctx context.Context, w *work) error {
		v, err := w.visit(ctx, s.net.ID, id)
		if err != nil {
			return err
		}
		if v.State != Booked {
			return ErrEnded
		}
		out = v
		if v.Confirmed {
			return nil
		}
		v.Confirmed, v.ChangedAt = true, w.now
		s.schedule(&v, w.now)
		out = v
		if err := w.update(ctx, v); err != nil {
			return err
		}
		return w.audit(ctx, a, "visit.promise", v)
	}})
	return out, err
}

// askAhead is how long before the hour of confirming people are asked, and
// lateAhead how long before it a booking is too late to be asked.
const (
	askAhead  = 10 * time.Hour
	lateAhead = 4 * time.Hour
)

// deadline is when a visit must be confirmed; ok is false where its centre
// asks nobody.
func (s *Service) deadline(v Visit) (time.Time, bool) {
	c := s.net.byID[v.Place.Centre]
	if c == nil || !c.Confirm || s.net.Rules.confirmBy < 0 {
		return time.Time{}, false
	}
	return (v.Place.Day - 1).At(s.net.Rules.confirmBy, s.net.zone), true
}

// ConfirmBy is until when a visit's holder is to say that they will come; ok is
// false where the centre asks nobody.
func (s *Service) ConfirmBy(v Visit) (time.Time, bool) { return s.deadline(v) }

// schedule sets when something of a booked visit is due by itself: the asking,
// the end of the time to confirm, or a reminder.
func (s *Service) schedule(v *Visit, now time.Time) {
	v.DueAt = time.Time{}
	if by, ok := s.deadline(*v); ok && !v.Confirmed {
		switch {
		case v.Reminded:
			v.DueAt = by
			return
		case now.Before(by.Add(-lateAhead)):
			v.DueAt = by.Add(-askAhead)
			if v.DueAt.Before(now) {
				v.DueAt = now
			}
			return
		}
		v.Confirmed = true
	}
	if h := s.net.Rules.ReminderHours; h > 0 && !v.Reminded {
		start, _ := s.net.StartOf(v.Place)
		if due := start.Add(-time.Duration(h) * time.Hour); due.After(now) {
			v.DueAt = due
		}
	}
}

// Work does what is due by itself: asks, reminds, and cancels what was not
// confirmed in time. It tells how much it did.
func (s *Service) Work(ctx context.Context) (int, error) {
	now := s.cfg.Now()
	var due []Visit
	if err := s.cfg.Store.View(ctx, func(tx Tx) (err error) {
		due, err = tx.DueVisits(ctx, now, 500)
		return err
	}); err != nil {
		return 0, fmt.Errorf("look for due visits: %w", err)
	}
	var errs []error
	for _, v := range due {
		if v.City != s.net.ID {
			continue
		}
		errs = append(errs, s.run(ctx, &task{city: v.City, ids: []string{v.ID}, do: func(ctx context.Context, w *work) error {
			v, err := w.visit(ctx, v.City, v.ID)
			if err != nil {
				return err
			}
			if v.State != Booked || v.DueAt.IsZero() || v.DueAt.After(w.now) {
				return nil // moved, cancelled or done meanwhile
			}
			by, asks := s.deadline(v)
			if asks && !v.Confirmed && v.Reminded {
				if by.After(w.now) {
					return nil
				}
				_, err := w.cancel(ctx, v, audit.System("booking"), NoticeUnconfirmed)
				return err
			}
			n := NoticeReminder
			if asks && !v.Confirmed {
				n = NoticeConfirm
			}
			v.Reminded, v.ChangedAt = true, w.now
			s.schedule(&v, w.now)
			if err := w.update(ctx, v); err != nil {
				return err
			}
			return w.tell(ctx, n, v)
		}}))
	}
	return len(due), errors.Join(errs...)
}
