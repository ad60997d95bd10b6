package tap

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"turnike/gate"
	"turnike/internal/bench"
	"turnike/internal/card"
	"turnike/internal/storage/postgres"
	"turnike/internal/storage/sqlite"
	"turnike/internal/storage/sqlstore"
	"turnike/internal/tap"
	"turnike/statuslist"
)

// IngestConfig says how much is taken in.
type IngestConfig struct {
	Dir      string // for the databases; a folder of the system's if empty
	Postgres string // an empty database and its server; without it PostgreSQL is not measured
	Devices  int    // each hands in a batch a round; 2,000 if zero
	Hours    int    // that a batch covers; 6 if zero
	Rounds   int    // 7 if zero
	Callers  int    // batches at once; 1,024 if zero: the next group is checked while one is written
	Seed     uint64
	Progress io.Writer
}

const (
	ingestCity = "bench"
	// classesAnHour is how many figures a device's hour comes to: five classes
	// of card, most of them with two answers.
	classesAnHour = 10
)

// Ingest compares taking signed batches in, each answered when it is on disk,
// with loading the rows they come to in bulk: in one transaction, in the order
// of their keys, two hundred rows to a statement on SQLite and by COPY on
// PostgreSQL. Both leave the same rows in tables of the same keys and indexes.
//
// A round is what comes when it matters: two thousand buses that were away for
// six hours, each with one batch, since a device seals no second one while the first
// cannot be handed in. Otherwise batches come by the minute, 83 a second from
// 5,000 devices, which is no load; one of an hour's ten figures costs as much to
// check (Ed25519) as to write, and then two processors hold about half the bulk
// load's pace.
func Ingest(ctx context.Context, cfg IngestConfig) ([]bench.Bar, error) {
	if cfg.Devices == 0 {
		cfg.Devices = 2000
	}
	if cfg.Hours == 0 {
		cfg.Hours = 6
	}
	if cfg.Rounds == 0 {
		cfg.Rounds = 7
	}
	if cfg.Callers == 0 {
		cfg.Callers = 1024
	}
	if cfg.Progress == nil {
		cfg.Progress = io.Discard
	}
	dir, err := os.MkdirTemp(cfg.Dir, "turnike-bench-tap-")
	if err != nil {
		return nil, fmt.Errorf("bench tap: %w", err)
	}
	defer os.RemoveAll(dir)
	cfg.Dir = dir
	embedded, err := ingestSQLite(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("bench tap on sqlite: %w", err)
	}
	served, err := ingestPostgres(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("bench tap on postgres: %w", err)
	}
	if served.Median > 0 {
		// A figure without a bar: a batch is checked on the processors that the
		// server writes with.
		embedded.Note += fmt.Sprintf("; on PostgreSQL beside COPY %.2f (%.2f to %.2f), %s", served.Median, served.Min, served.Max, served.Note)
	}
	return []bench.Bar{embedded}, nil
}

func ingestSQLite(ctx context.Context, cfg IngestConfig) (bench.Bar, error) {
	path := filepath.Join(cfg.Dir, "ours.db")
	s, err := sqlite.Open(ctx, sqlite.Config{Path: path, Migrate: true})
	if err != nil {
		return bench.Bar{}, err
	}
	defer s.Close()
	bulk, err := newBulkSQLite(ctx, filepath.Join(cfg.Dir, "bulk.db"))
	if err != nil {
		return bench.Bar{}, err
	}
	defer bulk.Close()
	return compare(ctx, cfg, "ingest_to_bulk", s, bulk)
}

func ingestPostgres(ctx context.Context, cfg IngestConfig) (bench.Bar, error) {
	if cfg.Postgres == "" {
		return bench.Bar{}, nil
	}
	s, err := postgres.Open(ctx, postgres.Config{DSN: cfg.Postgres, Migrate: true})
	if err != nil {
		return bench.Bar{}, err
	}
	defer s.Close()
	bulk, err := newBulkPostgres(ctx, cfg.Postgres)
	if err != nil {
		return bench.Bar{}, err
	}
	defer bulk.Close()
	return compare(ctx, cfg, "postgres", s, bulk)
}

// bulk is the yardstick: it loads a round's rows and is done when they are on
// disk.
type bulk interface {
	Load(ctx context.Context, tables []loaded) error
	// Sums are the rows and taps it holds.
	Sums(ctx context.Context) (sums, error)
}

// sums are what is checked after each round.
type sums struct{ Receipts, Boots, Counts, Taps, Attempts int64 }

// loaded are the rows of one table, in the order of its key.
type loaded struct {
	table string
	cols  []string
	rows  [][]any
}

func compare(ctx context.Context, cfg IngestConfig, name string, s *sqlstore.Store, b bulk) (bench.Bar, error) {
	fleet, err := newFleet(ctx, s, cfg)
	if err != nil {
		return bench.Bar{}, err
	}
	service := tap.Service{Store: sqlstore.As[tap.Tx](s), Known: &tap.Known{}}
	var ratios []float64
	var note string
	want := sums{}
	for round := range cfg.Rounds + 1 {
		files, tables := fleet.round(round)
		rows := 0
		for _, t := range tables {
			rows += len(t.rows)
		}
		// Which goes first changes from round to round.
		var ours, theirs time.Duration
		commits := s.Metrics.Commits.Load()
		for turn := range 2 {
			began := time.Now()
			if turn == round%2 {
				if err := takeAll(ctx, service, files, fleet.received(round), cfg.Callers); err != nil {
					return bench.Bar{}, err
				}
				ours = time.Since(began)
				commits = s.Metrics.Commits.Load() - commits
				continue
			}
			if err := b.Load(ctx, tables); err != nil {
				return bench.Bar{}, err
			}
			theirs = time.Since(began)
		}
		want = want.and(tables)
		for who, read := range map[string]func(context.Context) (sums, error){
			"taken in": func(ctx context.Context) (sums, error) { return sumsOf(ctx, s.ReadDB()) }, "loaded": b.Sums,
		} {
			got, err := read(ctx)
			if err != nil {
				return bench.Bar{}, err
			}
			if got != want {
				return bench.Bar{}, fmt.Errorf("round %d: %s %+v, want %+v", round, who, got, want)
			}
		}
		rate := func(d time.Duration) float64 { return float64(rows) / d.Seconds() }
		fmt.Fprintf(cfg.Progress, "%s round %d: %d batches, %d rows, taken in %.0f rows/s (%.0f batches/s, %d commits), bulk %.0f rows/s, %.2f\n",
			name, round, len(files), rows, rate(ours), float64(len(files))/ours.Seconds(), commits, rate(theirs), rate(ours)/rate(theirs))
		if round == 0 {
			continue // statements are compiled, caches warm up
		}
		ratios = append(ratios, rate(ours)/rate(theirs))
		note = fmt.Sprintf("last round: %.0f batches/s = %.0f rows/s taken in, %.0f rows/s in bulk, %d devices back after %d hours, %d callers",
			float64(len(files))/ours.Seconds(), rate(ours), rate(theirs), cfg.Devices, cfg.Hours, cfg.Callers)
	}
	bar, err := bench.NewBar(name, ">=0.5", ratios)
	bar.Note = note
	return bar, err
}

func (s sums) and(tables []loaded) sums {
	for _, t := range tables {
		n := int64(len(t.rows))
		switch t.table {
		case "tap_receipt":
			s.Receipts += n
		case "tap_boot":
			s.Boots += n
		case "tap_attempt":
			s.Attempts += n
		case "tap_count":
			s.Counts += n
			for _, r := range t.rows {
				s.Taps += r[len(r)-1].(int64)
			}
		}
	}
	return s
}

// takeAll hands batches in from many callers and waits for every answer.
func takeAll(ctx context.Context, service tap.Service, files [][]byte, received time.Time, callers int) error {
	var next atomic.Int64
	var failed atomic.Value
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(files) || failed.Load() != nil {
					return
				}
				got, err := service.Take(ctx, ingestCity, files[i], received)
				if err == nil && !got.Fresh {
					err = fmt.Errorf("batch %d was known", i)
				}
				if err != nil {
					failed.CompareAndSwap(nil, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err, ok := failed.Load().(error); ok {
		return err
	}
	return nil
}

// fleet makes the batches of made-up devices.
type fleet struct {
	seed   uint64
	hours  int
	keys   []ed25519.PrivateKey
	before []statuslist.Digest // of each device's last batch
}

func newFleet(ctx context.Context, s *sqlstore.Store, cfg IngestConfig) (*fleet, error) {
	f := &fleet{seed: cfg.Seed, hours: cfg.Hours, keys: make([]ed25519.PrivateKey, cfg.Devices), before: make([]statuslist.Digest, cfg.Devices)}
	for i := range f.keys {
		seed := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("bench device"), uint64(i)))
		f.keys[i] = ed25519.NewKeyFromSeed(seed[:])
	}
	for part := range slices.Chunk(f.keys, 500) {
		err := s.Update(ctx, func(tx *sqlstore.Tx) error {
			for _, k := range part {
				public := k.Public().(ed25519.PublicKey)
				d := tap.Device{City: ingestCity, ID: statuslist.KeyIDOf(public), Key: public, Seal: make([]byte, 32), Place: tap.Place{Name: "bench"}, Enrolled: ingestStart}
				if err := tx.PutTapDevice(ctx, d); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

var ingestStart = time.Date(2021, 1, 15, 6, 0, 0, 0, time.UTC)

func (f *fleet) received(round int) time.Time {
	return ingestStart.Add(time.Duration((round+1)*f.hours) * time.Hour).Add(time.Minute)
}

// round makes each device's batch of an hour, signed, and the rows all of them
// come to.
func (f *fleet) round(round int) (files [][]byte, tables []loaded) {
	received := f.received(round)
	us := func(t time.Time) int64 { return t.UnixMicro() }
	var receipts, boots, counts, attempts [][]any
	for i, k := range f.keys {
		rng := rand.New(rand.NewPCG(f.seed, uint64(round)<<32|uint64(i)))
		var boot gate.Boot // one for all rounds: a device runs for days
		digest := sha256.Sum256(f.keys[i].Public().(ed25519.PublicKey))
		copy(boot[:], digest[:])
		sequence := int64(round + 1)
		first := ingestStart.Unix()/3600 + int64(round*f.hours)
		ran := time.Duration(f.hours) * time.Hour
		sealed := time.Unix((first+int64(f.hours))*3600, 0).UTC()
		issued := sealed.Add(-5 * time.Second)
		b := gate.Batch{City: ingestCity, Boot: boot, Sequence: uint64(sequence), Before: f.before[i], Sealed: sealed, Uptime: ran,
			List: uint64(1000 + round), ListIssued: issued}
		stop := uint32(100_000 + i)
		for c := range f.hours * classesAnHour {
			count := gate.Count{Hour: first + int64(c/classesAnHour), Stop: stop, Issued: true,
				Class:    statuslist.Class(card.Unpaired) + statuslist.Class(c%classesAnHour/2),
				Decision: []gate.Decision{gate.Admit, gate.Refuse}[c%2], Taps: 1 + rng.Uint64N(200)}
			b.Counts = append(b.Counts, count)
			counts = append(counts, []any{ingestCity, count.Hour, int64(stop), int64(0), int64(count.Class), int64(0), int64(count.Decision), int64(count.Taps)})
		}
		refused := time.Duration(rng.Int64N(int64(ran))).Truncate(time.Second)
		tap := gate.Stopped{Index: rng.Uint32N(34_260_087), Class: statuslist.Class(card.Paired), Stop: stop, At: sealed.Add(refused - ran),
			Uptime: refused, Sequence: b.List, ListIssued: sealed.Add(-2 * ran)}
		b.Stopped = append(b.Stopped, tap)
		file := b.Sign(k)
		files = append(files, file)
		before := f.before[i]
		f.before[i] = statuslist.Sum(file)
		after, device := f.before[i], b.Device
		receipts = append(receipts, []any{ingestCity, device[:], boot[:], sequence, after[:], before[:], us(received)})
		boots = append(boots, []any{ingestCity, device[:], boot[:], int64(1), int64(1), us(received), int64(b.List), us(issued), int64(0), int64(0), []byte{}})
		attempts = append(attempts, []any{ingestCity, device[:], boot[:], sequence, int64(0), int64(tap.Index), int64(tap.Class), int64(stop), int64(0),
			us(tap.At), us(tap.ListIssued), us(received.Add(refused - ran)), int64(1), int64(b.List), us(tap.ListIssued), us(received), int64(0), us(received)})
	}
	byDevice := func(a, b []any) int { return slices.Compare(a[1].([]byte), b[1].([]byte)) }
	for _, rows := range [][][]any{receipts, boots, attempts} {
		slices.SortFunc(rows, byDevice)
	}
	slices.SortFunc(counts, func(a, b []any) int {
		return cmp.Or(cmp.Compare(a[1].(int64), b[1].(int64)), cmp.Compare(a[2].(int64), b[2].(int64)), cmp.Compare(a[4].(int64), b[4].(int64)), cmp.Compare(a[6].(int64), b[6].(int64)))
	})
	if round > 0 {
		boots = nil // they are there; ours are added to, which no bulk load does
	}
	return files, []loaded{
		{"tap_receipt", []string{"city", "device", "boot", "sequence", "digest", "follows", "received_us"}, receipts},
		{"tap_boot", []string{"city", "device", "boot", "highest", "taken", "seen_us", "list", "list_issued_us", "floor", "chained", "digest"}, boots},
		{"tap_count", []string{"city", "hour", "stop", "mode", "class", "unissued", "decision", "taps"}, counts},
		{"tap_attempt", []string{"city", "device", "boot", "batch", "place", "card", "class", "stop", "mode", "clock_us", "earliest_us", "latest_us",
			"certain", "list", "list_issued_us", "received_us", "state", "due_us"}, attempts},
	}
}
