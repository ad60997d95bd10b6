package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// mode is how much a writer takes for granted. It begins with everything and
// comes down a step each time that proves wrong for a group.
type mode uint8

const (
	// hopeful: inserts wait in memory and go out many rows at a time, and keys
	// that should be new are taken to be new. One that is not is seen when the
	// rows go out, and the group is run again.
	hopeful mode = iota
	// asking: as hopeful, but whatever a function may learn from the answer of
	// an insert is asked there and then.
	asking
	// careful: nothing waits, and each function has a savepoint of its own.
	careful
)

// errAgain ends a run whose assumptions did not hold: the next mode makes
// fewer. errCareful ends one in which a function failed after something of it
// had reached the database, which only a savepoint undoes.
var (
	errAgain   = errors.New("store: run the group again, taking less for granted")
	errCareful = errors.New("store: run the group again, with savepoints")
)

// errEnded is given to a group in which a function ended the writer.
var errEnded = errors.New("store: a function ended its transaction's goroutine")

// maxTries is how often a group is run again because the database asked for it
// (serialization, deadlock) before its functions are run one by one.
const maxTries = 4

// writer is one goroutine with one connection.
type writer struct {
	s    *Store
	conn *sql.Conn
	sess session
	tx   *Tx
}

func newWriter(s *Store) *writer { return &writer{s: s} }

func (w *writer) run() {
	var group []*job
	ended := false
	defer func() {
		w.drop()
		if !ended {
			// A function ended the goroutine (runtime.Goexit, as a failing
			// test does). Nobody is left waiting, and another writer goes on.
			for _, j := range group {
				select {
				case j.done <- errEnded:
				default: // answered already
				}
			}
			w.s.wg.Go(func() { newWriter(w.s).run() })
		}
	}()
	for {
		group = w.s.take(group)
		if len(group) == 0 {
			ended = true
			return
		}
		live := group[:0]
		for _, j := range group {
			if j.state.CompareAndSwap(jobWaiting, jobTaken) {
				live = append(live, j)
			}
		}
		if len(live) > 0 {
			w.serve(live)
			w.between()
		}
	}
}

// serve brings a group to its end and answers every function in it.
func (w *writer) serve(group []*job) {
	err := w.settle(group)
	if err != nil {
		w.s.Metrics.Failures.Add(1)
	} else {
		w.s.Metrics.Commits.Add(1)
		w.s.Metrics.Updates.Add(int64(len(group)))
	}
	for _, j := range group {
		if j.err == nil {
			j.err = err
		}
		j.done <- j.err
	}
}

// between does what the engine wants done while nobody's transaction is open.
// Nobody waits for an answer of it, so an error that the next commit would not
// meet by itself is kept for it.
func (w *writer) between() {
	if w.s.eng.Between == nil || w.conn == nil || w.s.brokenErr() != nil {
		return
	}
	err := w.s.eng.Between(context.Background(), w.conn)
	if err == nil {
		return
	}
	w.s.Metrics.Failures.Add(1)
	if w.s.eng.Classify(err) == Broken {
		broken := fmt.Errorf("store: %w: %w", ErrBroken, err)
		w.s.broken.CompareAndSwap(nil, &broken)
		w.drop()
	}
}

// settle runs a group until it is committed or cannot be.
func (w *writer) settle(group []*job) error {
	m := hopeful
	for try := 1; ; {
		err := w.once(group, m)
		if err == nil {
			return nil
		}
		if errors.Is(err, errAgain) {
			w.s.Metrics.Replays.Add(1)
			m++
			continue
		}
		if errors.Is(err, errCareful) {
			w.s.Metrics.Replays.Add(1)
			m = careful
			continue
		}
		switch w.s.eng.Classify(err) {
		case Retry:
			w.s.Metrics.Retries.Add(1)
			if try++; try <= maxTries {
				// Apart by chance, or the same two meet again.
				time.Sleep(time.Duration(rand.Int64N(int64(try) * int64(2*time.Millisecond))))
				continue
			}
			if len(group) > 1 {
				w.alone(group)
				return nil
			}
			return fmt.Errorf("store: %w: %w", ErrBusy, err)
		case Full:
			return fmt.Errorf("store: %w: %w", ErrFull, err)
		case Away:
			w.drop()
			return fmt.Errorf("store: %w: %w", ErrAway, err)
		case Broken:
			broken := fmt.Errorf("store: %w: %w", ErrBroken, err)
			w.s.broken.CompareAndSwap(nil, &broken)
			w.drop()
			return broken
		default:
			return fmt.Errorf("store: %w", err)
		}
	}
}

// alone settles each function of a group in a transaction of its own.
func (w *writer) alone(group []*job) {
	for i, j := range group {
		j.err = nil
		if err := w.settle(group[i : i+1]); err != nil && j.err == nil {
			j.err = err
		}
	}
}

// once runs a group in one transaction and commits it. Errors of functions
// are left in their jobs; an error of its own means that nothing was
// committed, or for Away and Broken that nobody knows.
func (w *writer) once(group []*job, m mode) error {
	ctx := context.Background() // a caller's end must not end the others
	if err := w.s.brokenErr(); err != nil {
		return err
	}
	if err := w.begin(ctx); err != nil {
		return err
	}
	committed := false
	defer func() {
		if !committed && w.conn != nil {
			w.rollback(ctx)
		}
	}()
	w.tx.reset(m)
	wrote := false
	for i, j := range group {
		j.err = nil
		if err := w.one(ctx, j, m); err != nil {
			return fmt.Errorf("function %d of %d: %w", i+1, len(group), err)
		}
		wrote = wrote || j.err == nil
	}
	if !wrote {
		return nil // every function failed and left nothing behind
	}
	if err := w.tx.flush(ctx); err != nil {
		if m != careful && !errors.Is(err, errAgain) && w.s.eng.Classify(err) == Ordinary {
			return errCareful // one row is at fault; find out whose
		}
		return err
	}
	if ackEarly {
		for _, j := range group {
			j.done <- j.err
			j.done = make(chan error, 1)
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	committed = true
	return nil
}

// one runs a function within the group's transaction and undoes it if it
// fails. It returns an error where the group cannot go on.
func (w *writer) one(ctx context.Context, j *job, m mode) error {
	if m == careful {
		if _, err := w.conn.ExecContext(ctx, "SAVEPOINT one"); err != nil {
			return err
		}
	}
	before := w.tx.mark()
	err := call(j.fn, w.tx)
	if bad := w.sess.bad; bad != nil {
		if errors.Is(bad, errAgain) || w.s.eng.Classify(bad) != Ordinary {
			return bad
		}
		if err == nil {
			err = bad // the function hid it, but what it wrote is not all there
		}
		if m != careful {
			return errCareful
		}
	}
	if err == nil {
		if m == careful {
			_, err := w.conn.ExecContext(ctx, "RELEASE one")
			return err
		}
		return nil
	}
	j.err = err
	switch {
	case m == careful:
		w.sess.bad = nil
		w.tx.undo(before)
		if _, err := w.conn.ExecContext(ctx, "ROLLBACK TO one"); err != nil {
			return err
		}
		if _, err := w.conn.ExecContext(ctx, "RELEASE one"); err != nil {
			return err
		}
	case w.sess.writes != before.writes:
		return errCareful
	default:
		if m == hopeful {
			// It may have failed only because it took a known key for a new one.
			if known, err := w.tx.knewKey(ctx, before); err != nil {
				return err
			} else if known {
				return errAgain
			}
		}
		w.tx.undo(before)
	}
	return nil
}

// call keeps a panic within the function that raised it.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in a transaction: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

// begin opens a transaction, and a connection where there is none.
func (w *writer) begin(ctx context.Context) error {
	if w.conn == nil {
		if err := w.open(ctx); err != nil {
			return err
		}
	}
	begin := "BEGIN"
	if w.s.eng.Dialect == SQLite {
		begin = "BEGIN IMMEDIATE"
	}
	w.sess.bad = nil
	if _, err := w.conn.ExecContext(ctx, begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return nil
}

// dialTime bounds how long a writer tries to reach the database: those who
// wait are told it is away rather than kept.
const dialTime = 2 * time.Second

func (w *writer) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	c, err := w.s.eng.Write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if w.s.eng.Check != nil {
		if err := w.s.eng.Check(ctx, c); err != nil {
			c.Close()
			return err
		}
	}
	w.conn = c
	w.sess = session{eng: w.s.eng, db: c, writing: true, texts: map[string]string{}}
	if w.s.eng.Dialect == SQLite {
		w.sess.stmts = map[string]*sql.Stmt{}
	}
	w.tx = newTx(&w.sess)
	return nil
}

// rollback ends a transaction that is not to stand; a connection on which even
// that fails is given up.
func (w *writer) rollback(ctx context.Context) {
	if _, err := w.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		// SQLite rolls back by itself on a full disk or a failed read; then
		// there is nothing to roll back, and a fresh connection is cheap.
		w.drop()
	}
}

// drop gives the connection up for good; the next group opens another.
func (w *writer) drop() {
	if w.conn == nil {
		return
	}
	w.sess.forget()
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	w.conn.Close()
	w.conn = nil
}
