package booking

import (
	"context"
	"errors"
	"slices"
	"time"

	"turnike/internal/fault"
)

// task is one thing to do with visits and days. do runs in a transaction that
// holds the days; it may run more than once, and decides before it changes
// anything.
type task struct {
	city string
	ids  []string // visits whose days are to be held too
	days []DayKey
	do   func(ctx context.Context, w *work) error
	err  error
	done chan struct{}
}

// batch is the most tasks that share a transaction, and queued the most that
// wait for one. Where a transaction takes longer than slow, the next has half
// as many tasks, down to small: who confirms a place waits for at most two.
const (
	batch  = 256
	small  = 16
	queued = 8192
	slow   = 200 * time.Millisecond
)

// run brings a task to its end. All that wait are done together: in one
// transaction, which reads each day once, holds all days in one order and
// writes each counter once however many booked it. The transaction is begun,
// so the outcome is awaited even where ctx ends.
func (s *Service) run(ctx context.Context, t *task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.done = make(chan struct{})
	s.mu.Lock()
	if len(s.waiting)+len(s.first) >= queued {
		s.mu.Unlock()
		return ErrQueueFull
	}
	if len(t.ids) > 0 {
		s.first = append(s.first, t)
	} else {
		s.waiting = append(s.waiting, t)
	}
	if !s.busy {
		s.busy = true
		go s.lead()
	}
	s.mu.Unlock()
	<-t.done
	return t.err
}

// lead does what waits until nothing does. Who has a place goes before who
// wants one: in a rush a place must not lapse because its holder's word stood
// behind thousands of others' wishes.
func (s *Service) lead() {
	for {
		s.mu.Lock()
		group := gather(make([]*task, 0, s.size), &s.first)
		group = gather(group, &s.waiting)
		if len(group) == 0 {
			s.busy = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		begun := time.Now()
		s.settle(group)
		took := time.Since(begun)
		for _, t := range group {
			close(t.done)
		}
		s.mu.Lock()
		if took > slow {
			s.size = max(s.size/2, small)
		} else if took < slow/3 {
			s.size = min(s.size*2, batch)
		}
		s.mu.Unlock()
	}
}

// gather moves as many tasks as there is room for from a queue to a group.
func gather(group []*task, queue *[]*task) []*task {
	n := min(len(*queue), cap(group)-len(group))
	group = append(group, (*queue)[:n]...)
	*queue = slices.Delete(*queue, 0, n)
	return group
}

// settle does a group together, and where the database refused that, one by
// one: two servers may book for one person at the same moment, which the
// unique index tells only to the later one, and only by an error.
func (s *Service) settle(group []*task) {
	err := s.once(group)
	if err == nil {
		return
	}
	if fault.Of(err) != nil { // the store's word: busy, full, away; nothing was the tasks' own
		for _, t := range group {
			t.err = err
		}
		return
	}
	for _, t := range group {
		if err := s.once([]*task{t}); err != nil {
			t.err = s.once([]*task{t})
		}
	}
}

// once does a group in one transaction. The errors of tasks are left in them.
func (s *Service) once(group []*task) error {
	var days map[DayKey]*dayState
	var nextLapse map[DayKey]lapse
	err := s.cfg.Store.Update(context.Background(), func(tx Tx) error {
		ctx := context.Background()
		w := &work{tx: tx, s: s, now: s.cfg.Now(), days: map[DayKey]*dayState{}, visits: map[string]Visit{}, nobody: map[poolDay]int{}}
		days = w.days
		keys, err := s.keys(ctx, w, group)
		if err != nil {
			return err
		}
		if err := w.lock(ctx, keys); err != nil {
			return err
		}
		for _, t := range group {
			t.err = t.do(ctx, w)
			if w.bad != nil {
				return w.bad
			}
			if t.err != nil && fault.Of(t.err) == nil {
				return t.err
			}
		}
		if err := w.flush(ctx); err != nil {
			return err
		}
		if len(w.facts) > 0 {
			if err := s.cfg.Note(ctx, tx, w.facts); err != nil {
				return err
			}
		}
		nextLapse = map[DayKey]lapse{}
		for k, d := range w.days {
			if d.row.Version == d.was.Version {
				continue
			}
			at, err := tx.NextLapse(ctx, k)
			if err != nil && !errors.Is(err, ErrNoRow) {
				return err
			}
			nextLapse[k] = lapse{at}
		}
		return nil
	})
	if err != nil {
		for k := range days {
			s.board.doubt(k)
		}
		return err
	}
	for k, l := range nextLapse {
		s.board.put(days[k], l.at)
	}
	return nil
}

// keys are the days a group needs: those its tasks name and those of the
// visits they are about. Visits are read, and locked, in the order of their
// ids.
func (s *Service) keys(ctx context.Context, w *work, group []*task) ([]DayKey, error) {
	type ref struct{ city, id string }
	var refs []ref
	var keys []DayKey
	for _, t := range group {
		keys = append(keys, t.days...)
		for _, id := range t.ids {
			refs = append(refs, ref{t.city, id})
		}
	}
	slices.SortFunc(refs, func(a, b ref) int {
		if c := compare(a.city, b.city); c != 0 {
			return c
		}
		return compare(a.id, b.id)
	})
	for _, r := range slices.Compact(refs) {
		v, err := w.read(ctx, r.city, r.id)
		if errors.Is(err, ErrNoRow) {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, v.day())
	}
	return keys, nil
}
