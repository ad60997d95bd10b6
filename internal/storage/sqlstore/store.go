// Package sqlstore keeps what the modules know, on SQLite and on PostgreSQL,
// with one set of queries and one type for both.
//
// A module writes store.Update(ctx, func(tx) error). What waits is gathered: a
// writer takes up to a few hundred functions, runs them one after the other in
// one transaction, commits once, then answers all. A function that fails sinks
// nobody else. So a disk that syncs four hundred times a second still takes
// tens of thousands of pairings in it, and an answer always means that it is
// on disk.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"turnike/internal/fault"
)

// Faults of a store. They are answers to "may I write now"; the cause is in
// the error chain and in Ready.
var (
	// ErrBusy: more waits than the queue holds. Nothing was started.
	ErrBusy = fault.New(fault.Unavailable, "store.busy").After(2 * time.Second)
	// ErrFull: the disk has no room. Nothing was written; reads go on, and
	// writes do again once there is room.
	ErrFull = fault.New(fault.Unavailable, "store.full").After(10 * time.Second)
	// ErrAway: the database cannot be reached, or was lost on the way to an
	// answer, in which case nobody knows whether the write stands; the caller
	// asks again under the same idempotency key.
	ErrAway = fault.New(fault.Unavailable, "store.away").After(5 * time.Second)
	// ErrBroken: a sync to disk failed. What the kernel did with the pages is
	// unknowable, and a second sync may falsely succeed, so nothing is
	// acknowledged until the process is started anew and the log replayed.
	ErrBroken = fault.New(fault.Unavailable, "store.broken").After(time.Minute)
)

// ErrClosed is given to who comes after Close.
var ErrClosed = errors.New("store: closed")

// ErrDuplicate is given for a row whose key is there already, where no rule of
// the module names the case.
var ErrDuplicate = errors.New("store: the key is taken")

// Failure sorts database errors by what can be done about them.
type Failure uint8

// The failures.
const (
	Ordinary Failure = iota // this statement's own: a constraint, a type
	Retry                   // serialization or deadlock: run again
	Full                    // no room on the disk
	Away                    // no connection
	Broken                  // a sync failed, or the file is damaged
)

// Engine is what a database brings along.
type Engine struct {
	Dialect Dialect
	// Write hands out the writers' connections, Read the others.
	Write, Read *sql.DB
	// Writers is how many transactions may be written at once: one on SQLite.
	Writers int
	// Group is the most functions that share one transaction, Queue the most
	// that may wait for their turn.
	Group, Queue int
	// Classify tells what an error of this database means.
	Classify func(error) Failure
	// Check tells whether the settings a write relies on still hold; asked on
	// each fresh writing connection.
	Check func(ctx context.Context, c *sql.Conn) error
	// Between is what a writer does after each group it has committed and
	// answered, on its connection; its error counts as a failed commit's does.
	Between func(ctx context.Context, c *sql.Conn) error
	// Close is called last, after both pools are closed.
	Close func() error
}

// Store is a database. It is safe for use by many goroutines.
type Store struct {
	eng    Engine
	queue  chan *job
	quit   chan struct{} // closed when Close begins: writers finish what waits
	gone   chan struct{} // closed when the writers have ended
	closed atomic.Bool
	broken atomic.Pointer[error]
	wg     sync.WaitGroup

	// Metrics counts since start.
	Metrics Metrics
}

// Metrics are counters of a store; all only rise.
type Metrics struct {
	Commits  atomic.Int64 // transactions committed
	Updates  atomic.Int64 // functions that were in them
	Replays  atomic.Int64 // groups run again because one function's writes had to be undone
	Retries  atomic.Int64 // groups run again because the database asked for it
	Refused  atomic.Int64 // updates turned away because the queue was full
	Failures atomic.Int64 // groups that could not be committed
}

// New starts the writers of an engine.
func New(eng Engine) *Store {
	s := &Store{
		eng:   eng,
		queue: make(chan *job, eng.Queue),
		quit:  make(chan struct{}),
		gone:  make(chan struct{}),
	}
	for range eng.Writers {
		s.wg.Go(func() { newWriter(s).run() })
	}
	go func() {
		s.wg.Wait()
		close(s.gone)
	}()
	return s
}

// Dialect is the engine's.
func (s *Store) Dialect() Dialect { return s.eng.Dialect }

// ReadDB is the pool of reading connections, for export and backup.
func (s *Store) ReadDB() *sql.DB { return s.eng.Read }

// Waiting is how many updates wait for a writer; admission looks at it.
func (s *Store) Waiting() (now, most int) { return len(s.queue), cap(s.queue) }

// job is one function on its way through a writer.
type job struct {
	ctx   context.Context
	fn    func(*Tx) error
	state atomic.Int32 // jobWaiting, then jobTaken or jobDropped
	err   error        // of the function itself
	done  chan error
}

const (
	jobWaiting int32 = iota
	jobTaken
	jobDropped
)

// Update runs fn in a transaction that is on disk when Update returns nil. fn
// may run more than once, and shares its transaction with others that must not
// wait: it touches nothing outside and calls nobody. A context that ends
// before fn's turn takes it out of the queue; after that the outcome is
// awaited, so that a caller always learns it.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	if err := s.brokenErr(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return ErrClosed
	}
	j := &job{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case s.queue <- j:
	default:
		s.Metrics.Refused.Add(1)
		return ErrBusy
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobDropped) {
			return ctx.Err()
		}
	case <-s.gone:
	}
	select {
	case err := <-j.done:
		return err
	case <-s.gone:
		select {
		case err := <-j.done:
			return err
		default:
			return ErrClosed
		}
	}
}

// View runs fn on one consistent state of the database.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	if s.closed.Load() {
		return ErrClosed
	}
	opt := &sql.TxOptions{ReadOnly: true}
	if s.eng.Dialect == Postgres {
		opt.Isolation = sql.LevelRepeatableRead
	}
	db, err := s.eng.Read.BeginTx(ctx, opt)
	if err != nil {
		return s.readErr("begin view", err)
	}
	defer db.Rollback()
	tx := newView(db, s.eng)
	if err := fn(tx); err != nil {
		if tx.s.bad != nil {
			return s.readErr("view", err)
		}
		return err
	}
	return nil
}

// readErr marks an error of a read with the fault it means.
func (s *Store) readErr(what string, err error) error {
	if s.eng.Classify(err) == Away {
		return fmt.Errorf("%s: %w: %w", what, ErrAway, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Ready tells whether the store takes writes.
func (s *Store) Ready(ctx context.Context) error {
	if err := s.brokenErr(); err != nil {
		return err
	}
	if s.closed.Load() {
		return ErrClosed
	}
	if err := s.eng.Read.PingContext(ctx); err != nil {
		return s.readErr("ping", err)
	}
	return nil
}

// Close takes no more, finishes what waits and closes the database.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	close(s.quit)
	<-s.gone
	err := errors.Join(s.eng.Read.Close(), s.eng.Write.Close())
	if s.eng.Close != nil {
		err = errors.Join(err, s.eng.Close())
	}
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

func (s *Store) brokenErr() error {
	if p := s.broken.Load(); p != nil {
		return *p
	}
	return nil
}

// take waits for the next function and gathers those behind it. It gives
// nothing when the store closes and nobody waits.
func (s *Store) take(group []*job) []*job {
	group = group[:0]
	select {
	case j := <-s.queue:
		group = append(group, j)
	case <-s.quit:
		select {
		case j := <-s.queue:
			group = append(group, j)
		default:
			return nil
		}
	}
	// It takes what is there and waits for nobody: while it works the others
	// gather behind it. Letting those who were just answered run first made
	// larger groups and an idle writer, and no more pairings a second.
	share := min(s.eng.Group, (len(s.queue)+s.eng.Writers)/s.eng.Writers)
	for len(group) < share {
		select {
		case j := <-s.queue:
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// Typed is a store as one module sees it.
type Typed[T any] struct{ s *Store }

// As gives a module its own view of a store: its Update and View pass the
// transaction as the module's interface. It panics when the transaction does
// not satisfy it, which start-up shows at once.
func As[T any](s *Store) Typed[T] {
	if _, ok := any((*Tx)(nil)).(T); !ok {
		panic(fmt.Sprintf("store: a transaction does not satisfy %T", (*T)(nil)))
	}
	return Typed[T]{s}
}

// Update is Store.Update.
func (t Typed[T]) Update(ctx context.Context, fn func(T) error) error {
	return t.s.Update(ctx, func(tx *Tx) error { return fn(any(tx).(T)) })
}

// View is Store.View.
func (t Typed[T]) View(ctx context.Context, fn func(T) error) error {
	return t.s.View(ctx, func(tx *Tx) error { return fn(any(tx).(T)) })
}
