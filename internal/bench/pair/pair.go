// Package pair measures how fast pairings are kept. A pairing is what it is in
// the product: the tie, a person sealed under a key of their own, an audit
// row, a message and an idempotency key, in one transaction, acknowledged when
// it is on disk, on a store that already holds half a million.
package pair

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/uuid/v5"

	"turnike/internal/audit"
	"turnike/internal/bench"
	"turnike/internal/notify"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/postgres"
	"turnike/internal/storage/sqlite"
	"turnike/internal/storage/sqlite/faultdisk"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/vault"
)

// The bars of the store.
const (
	barSQLite   = ">=2"
	barSlow     = ">=20"
	barPostgres = ">=3"
)

// slowSync is what the slow disk adds to each sync: that of a usual cloud
// volume.
const slowSync = 2 * time.Millisecond

// Config of a run; zero values are the usual run's.
type Config struct {
	Dir      string        // where files go; a temporary directory is made in it
	Postgres string        // address of an empty database; empty leaves its bar out, and so missed
	Rounds   int           // 5
	Preload  int           // pairings there before (500,000)
	Waiters  int           // callers at once (512)
	Span     time.Duration // of each measurement (1.5 s)
	Seed     uint64
	Progress io.Writer // nil for silence
}

// Store measures the store's bars: SQLite against a bare fdatasync on the same
// disk, the same on a slow disk, PostgreSQL against one transaction for each
// request.
func Store(ctx context.Context, c Config) ([]bench.Bar, error) {
	if c.Rounds == 0 {
		c.Rounds = 5
	}
	if c.Preload == 0 {
		c.Preload = 500_000
	}
	if c.Waiters == 0 {
		c.Waiters = 512
	}
	if c.Span == 0 {
		c.Span = 1500 * time.Millisecond
	}
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	dir, err := os.MkdirTemp(c.Dir, "turnike-bench")
	if err != nil {
		return nil, fmt.Errorf("bench pair: %w", err)
	}
	defer os.RemoveAll(dir)
	keys, err := vault.Open(ctx, vault.Config{Dir: filepath.Join(dir, "keys"), Stock: 8192})
	if err != nil {
		return nil, fmt.Errorf("bench pair: %w", err)
	}
	defer keys.Close()
	r := &runner{Config: c, dir: dir, keys: keys}
	bars, err := r.sqlite(ctx)
	if err != nil {
		return nil, fmt.Errorf("bench pair on sqlite: %w", err)
	}
	pg, err := r.postgres(ctx)
	if err != nil {
		return nil, fmt.Errorf("bench pair on postgres: %w", err)
	}
	return append(bars, pg), nil
}

type runner struct {
	Config
	dir  string
	keys *vault.Vault
	next atomic.Int64 // number of the next pairing
}

func (r *runner) sqlite(ctx context.Context) ([]bench.Bar, error) {
	disk, err := faultdisk.New("bench", false)
	if err != nil {
		return nil, err
	}
	defer disk.Close()
	s, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(r.dir, "t.db"), Migrate: true, VFS: "bench"})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := r.preload(ctx, s, "sqlite"); err != nil {
		return nil, err
	}
	var fast, slow []float64
	var notes [2][]string
	for i := range r.Rounds {
		for k, delay := range []time.Duration{0, slowSync} {
			disk.SyncDelay.Store(int64(delay))
			raw, err := syncRate(r.dir, r.Span/2, delay)
			if err != nil {
				return nil, err
			}
			rate, err := r.measure(ctx, s, func(ctx context.Context, p row) error { return group(ctx, s, p) })
			if err != nil {
				return nil, err
			}
			disk.SyncDelay.Store(0)
			fmt.Fprintf(r.Progress, "sqlite round %d, %v a sync more: %.0f pairings/s, %.0f fdatasync/s, %.2f\n", i+1, delay, rate, raw, rate/raw)
			if k == 0 {
				fast = append(fast, rate/raw)
			} else {
				slow = append(slow, rate/raw)
			}
			notes[k] = append(notes[k], fmt.Sprintf("%.0f/%.0f", rate, raw))
		}
	}
	a, err := bar("sqlite512_to_fdatasync", barSQLite, fast, "pairings/s to fdatasync/s by round: ", notes[0])
	if err != nil {
		return nil, err
	}
	b, err := bar("sqlite512_slow_disk_to_fdatasync", barSlow, slow, "the same with 2 ms more a sync: ", notes[1])
	if err != nil {
		return nil, err
	}
	if err := r.check(ctx, s); err != nil {
		return nil, err
	}
	over, err := r.http(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("over http: %w", err)
	}
	return append([]bench.Bar{a, b}, over...), nil
}

func (r *runner) postgres(ctx context.Context) (bench.Bar, error) {
	const name = "postgres_to_single"
	if r.Postgres == "" {
		b, err := bench.NewBar(name, barPostgres, nil)
		b.Note = "no PostgreSQL here: name one with --postgres"
		return b, err
	}
	s, err := postgres.Open(ctx, postgres.Config{DSN: r.Postgres, Migrate: true})
	if err != nil {
		return bench.Bar{}, err
	}
	defer s.Close()
	r.next.Store(0)
	if err := r.preload(ctx, s, "postgres"); err != nil {
		return bench.Bar{}, err
	}
	one, err := newSingle(ctx, r.Postgres)
	if err != nil {
		return bench.Bar{}, err
	}
	defer one.Close()
	var ratios []float64
	var notes []string
	for i := range r.Rounds {
		single, err := r.measure(ctx, s, one.pair)
		if err != nil {
			return bench.Bar{}, err
		}
		rate, err := r.measure(ctx, s, func(ctx context.Context, p row) error { return group(ctx, s, p) })
		if err != nil {
			return bench.Bar{}, err
		}
		fmt.Fprintf(r.Progress, "postgres round %d: %.0f pairings/s, one at a time %.0f/s, %.2f\n", i+1, rate, single, rate/single)
		ratios = append(ratios, rate/single)
		notes = append(notes, fmt.Sprintf("%.0f/%.0f", rate, single))
	}
	b, err := bar(name, barPostgres, ratios, "pairings/s to one transaction for each by round: ", notes)
	if err != nil {
		return bench.Bar{}, err
	}
	return b, r.check(ctx, s)
}

func bar(name, bound string, rounds []float64, note string, rates []string) (bench.Bar, error) {
	b, err := bench.NewBar(name, bound, rounds)
	load, _ := os.ReadFile("/proc/loadavg") // Linux only, and only a remark
	b.Note = note + strings.Join(rates, " ") + "; load " + strings.TrimSpace(string(load))
	return b, err
}

// row is a pairing with all that goes with it.
type row struct {
	n      int64
	p      pairing.Pairing
	person pairing.Person
	once   pairing.Once
	audit  audit.Entry
	queued notify.Queued
}

// make makes the n-th pairing, sealed as in the product.
func (r *runner) make(ctx context.Context, n int64) (row, error) {
	return r.seal(ctx, n, make([]byte, 140))
}

// makeOf makes the pairing of a form.
func (r *runner) makeOf(ctx context.Context, n int64, f pairing.Form) (row, error) {
	return r.seal(ctx, n, f.Person.RevealBytes())
}

func (r *runner) seal(ctx context.Context, n int64, record []byte) (row, error) {
	now := time.Now()
	key, err := r.keys.NewKey(ctx)
	if err != nil {
		return row{}, err
	}
	ids := make([]string, 5)
	for i := range ids {
		id, err := uuid.NewV7()
		if err != nil {
			return row{}, err
		}
		ids[i] = id.String()
	}
	const city = "izmir"
	who := tag(r.Seed, 'i', n)
	sealed, err := r.keys.Seal(ctx, key, "person/"+ids[0], record)
	if err != nil {
		return row{}, err
	}
	hes, err := r.keys.Seal(ctx, key, "pairing/"+ids[1], []byte("A1B2C3D4E5"))
	if err != nil {
		return row{}, err
	}
	text, err := r.keys.SealShort("outbox/"+ids[2], make([]byte, 120))
	if err != nil {
		return row{}, err
	}
	return row{
		n: n,
		p: pairing.Pairing{City: city, ID: ids[1], CardTag: tag(r.Seed, 'c', n), Last4: fmt.Sprintf("%04d", n%10000), PersonID: ids[0],
			PersonTag: who, PhoneTag: tag(r.Seed, 'p', n), PersonSlot: 1, HESTag: tag(r.Seed, 'h', n), SealedHES: hes,
			Channel: "web", Lang: "tr", At: now, NextCheck: now.Add(24 * time.Hour)},
		person: pairing.Person{City: city, ID: ids[0], Tag: who, Key: key, Sealed: sealed, CreatedAt: now, UpdatedAt: now},
		once:   pairing.Once{City: city, Key: ids[3], Body: tag(r.Seed, 'b', n), Ref: ids[1], At: now},
		audit: audit.Entry{ID: ids[4], City: city, At: now, Actor: audit.Citizen("web"), Action: "pairing.complete", Subject: who,
			Object: ids[1], Result: "ok"},
		queued: notify.Queued{ID: ids[2], City: city, Class: notify.Info, Sealed: text, DueAt: now, Expires: now.Add(time.Hour)},
	}, nil
}

// tag is a keyed hash's like: random, but found again.
func tag(seed uint64, kind byte, n int64) (t person.Tag) {
	r := rand.NewPCG(seed+uint64(kind)<<56, uint64(n))
	binary.LittleEndian.PutUint64(t[:8], r.Uint64())
	binary.LittleEndian.PutUint64(t[8:], r.Uint64())
	return t
}

var errKnown = errors.New("a new key is known")

// write is the pairing's transaction.
func (p row) write(ctx context.Context, tx *sqlstore.Tx) error {
	known, err := tx.RememberOnce(ctx, p.once)
	if err != nil {
		return err
	}
	if known != nil {
		return errKnown
	}
	if err := tx.InsertPerson(ctx, p.person); err != nil {
		return err
	}
	if err := tx.InsertPairing(ctx, p.p); err != nil {
		return err
	}
	if err := tx.Enqueue(ctx, p.queued); err != nil {
		return err
	}
	return tx.Audit(ctx, p.audit)
}

func group(ctx context.Context, s *sqlstore.Store, p row) error {
	return s.Update(ctx, func(tx *sqlstore.Tx) error { return p.write(ctx, tx) })
}

// preload fills a store by the product's own way, two hundred at a time.
func (r *runner) preload(ctx context.Context, s *sqlstore.Store, what string) error {
	begun := time.Now()
	const bite = 200
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			for {
				from := r.next.Add(bite) - bite
				if from >= int64(r.Preload) {
					errs <- nil
					return
				}
				ps := make([]row, 0, bite)
				for n := from; n < from+bite; n++ {
					p, err := r.make(ctx, n)
					if err != nil {
						errs <- err
						return
					}
					ps = append(ps, p)
				}
				if err := s.Update(ctx, func(tx *sqlstore.Tx) error {
					for _, p := range ps {
						if err := p.write(ctx, tx); err != nil {
							return err
						}
					}
					return nil
				}); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			return fmt.Errorf("preload: %w", err)
		}
	}
	r.next.Store(int64(r.Preload))
	fmt.Fprintf(r.Progress, "%s holds %d pairings after %v\n", what, r.Preload, time.Since(begun).Round(time.Millisecond))
	return nil
}

// measure lets all waiters pair for a span and gives the rate of those
// acknowledged in it.
func (r *runner) measure(ctx context.Context, s *sqlstore.Store, pair func(context.Context, row) error) (float64, error) {
	var done atomic.Int64
	var failed atomic.Pointer[error]
	var stop atomic.Bool
	var wg sync.WaitGroup
	begun := time.Now()
	for range r.Waiters {
		wg.Go(func() {
			for !stop.Load() {
				p, err := r.make(ctx, r.next.Add(1)-1)
				if err == nil {
					err = pair(ctx, p)
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					stop.Store(true)
					return
				}
				if !stop.Load() {
					done.Add(1)
				}
			}
		})
	}
	time.Sleep(r.Span)
	stop.Store(true)
	span := time.Since(begun)
	n := done.Load()
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n) / span.Seconds(), nil
}

// check looks a few thousand pairings up, the first, the last and some between:
// each acknowledged one must be there with its person.
func (r *runner) check(ctx context.Context, s *sqlstore.Store) error {
	last := r.next.Load()
	pick := rand.New(rand.NewPCG(r.Seed, 1))
	return s.View(ctx, func(tx *sqlstore.Tx) error {
		for i := range int64(3000) {
			n := pick.Int64N(last)
			if i < 500 {
				n = last - 1 - i
			}
			p, err := tx.LiveByCard(ctx, "izmir", tag(r.Seed, 'c', n))
			if err != nil {
				return fmt.Errorf("pairing %d of %d: %w", n, last, err)
			}
			if _, err := tx.Person(ctx, "izmir", p.PersonID); err != nil {
				return fmt.Errorf("person of pairing %d: %w", n, err)
			}
		}
		return nil
	})
}

// syncRate writes 4 KiB and syncs, over and over, within a file that has its
// size already: the most commits a disk can take one by one.
func syncRate(dir string, span, delay time.Duration) (float64, error) {
	const page, pages = 4096, 256
	f, err := os.CreateTemp(dir, "sync")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	buf := make([]byte, page)
	for i := range int64(pages) {
		if _, err := f.WriteAt(buf, i*page); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	begun := time.Now()
	n := int64(0)
	for ; time.Since(begun) < span; n++ {
		binary.LittleEndian.PutUint64(buf, uint64(n))
		if _, err := f.WriteAt(buf, n%pages*page); err != nil {
			return 0, err
		}
		if delay > 0 {
			time.Sleep(delay)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}
