// Package book measures appointments: whether any place is sold twice or not
// at all when ten thousand come for a thousand, how a hot hour compares with
// what the disk can sync, how fast all centres' days are shown, and how often
// a wait that was shown was kept.
package book

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"turnike/internal/audit"
	"turnike/internal/bench"
	"turnike/internal/booking"
	"turnike/internal/person"
	"turnike/internal/storage/sqlite"
	"turnike/internal/storage/sqlstore"
)

// What the figures are held to.
const (
	barOversold     = "=0"
	barUnsold       = "=0"
	barHot          = ">=0.5"
	barAvailability = "<=1"
	barKept         = ">=0.8"
)

// Config says how large the bench is. The zero value is the one whose bars
// count.
type Config struct {
	Racers  int           // 10,000 if zero, for a tenth as many places
	Rounds  int           // 5 if zero
	Clients int           // in the hot hour at once; 512 if zero
	Span    time.Duration // of each timed part; 1.5 s if zero
	Days    int           // rehearsed in each round; 20 if zero
	Seed    uint64
	Dir     string    // for the databases, on the disk that is measured; the system's if empty
	Log     io.Writer // progress; nil for none
}

// Run measures all bars.
func Run(ctx context.Context, c Config) (bench.Report, error) {
	if c.Racers == 0 {
		c.Racers = 10_000
	}
	if c.Rounds == 0 {
		c.Rounds = 5
	}
	if c.Clients == 0 {
		c.Clients = 512
	}
	if c.Span == 0 {
		c.Span = 1500 * time.Millisecond
	}
	if c.Days == 0 {
		c.Days = 20
	}
	if c.Log == nil {
		c.Log = io.Discard
	}
	var oversold, unsold, hot, grid, kept []float64
	var hotNote, keptNote string
	for round := range c.Rounds {
		r := &runner{Config: c, rnd: rand.New(rand.NewPCG(c.Seed, uint64(round)))}
		over, un, err := r.races(ctx)
		if err != nil {
			return bench.Report{}, fmt.Errorf("bench book: %w", err)
		}
		oversold, unsold = append(oversold, float64(over)), append(unsold, float64(un))
		rate, raw, err := r.hot(ctx)
		if err != nil {
			return bench.Report{}, fmt.Errorf("bench book: %w", err)
		}
		hot = append(hot, rate/raw)
		hotNote += fmt.Sprintf(" %.0f/%.0f", rate, raw)
		ms, err := r.availability(ctx)
		if err != nil {
			return bench.Report{}, fmt.Errorf("bench book: %w", err)
		}
		grid = append(grid, ms)
		s, err := r.waits()
		if err != nil {
			return bench.Report{}, fmt.Errorf("bench book: %w", err)
		}
		kept = append(kept, float64(s.Kept)/float64(s.Shown))
		keptNote += fmt.Sprintf(" %d/%d (in time %d/%d)", s.Kept, s.Shown, s.InTime, s.Appointments)
		fmt.Fprintf(c.Log, "round %d: %d over, %d unsold, %.0f bookings/s at %.0f syncs/s, %.2f ms for all days, %.2f kept\n",
			round+1, over, un, rate, raw, ms, kept[round])
	}
	rep := bench.Report{Bench: "book"}
	for _, b := range []struct {
		name, bound, note string
		rounds            []float64
	}{
		{"oversold", barOversold, "", oversold},
		{"unsold", barUnsold, "", unsold},
		{"hot_to_fdatasync", barHot, "bookings/s to fdatasync/s by round:" + hotNote, hot},
		{"availability_ms", barAvailability, "", grid},
		{"kept_waits", barKept, "waits kept of those shown, by round:" + keptNote, kept},
	} {
		bar, err := bench.NewBar(b.name, b.bound, b.rounds)
		if err != nil {
			return bench.Report{}, err
		}
		// A place sold twice once is sold twice, whatever the other rounds say.
		if b.bound == "=0" && bar.Max != 0 {
			bar.OK = false
		}
		bar.Note = b.note
		rep.Bars = append(rep.Bars, bar)
	}
	return rep, nil
}

type runner struct {
	Config
	rnd *rand.Rand
}

var day = booking.Date(2021, 3, 17)

// network is one centre with so many counters, open for so many quarters of an
// hour from 06:00.
func network(desks, units int) (*booking.Network, error) {
	return booking.ParseNetwork([]byte(fmt.Sprintf(`
id = "bench"
name = { tr = "Deneme" }
zone = "Europe/Istanbul"
unit_minutes = 15
[rules]
horizon_days = 60
hold_minutes = 10
offer_minutes = 30
max_open = 2
max_matters = 4
walk_after = 3
walk_after_minutes = 20
[[band]]
days = "mon-sun"
from = "06:00"
to = "%s"
[[service]]
id = "account"
name = { tr = "Hesap" }
minutes = 15
[[centre]]
id = "konak"
name = "Konak"
desks = %d
`, booking.Clock(6*60+units*15), desks)))
}

const firstUnit = 24 // 06:00

// open gives a service over an empty database in a directory of its own.
func (r *runner) open(ctx context.Context, n *booking.Network, now func() time.Time) (*booking.Service, *sqlstore.Store, func(), error) {
	dir, err := os.MkdirTemp(r.Dir, "turnike-bench")
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "book.db"), Migrate: true})
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, nil, err
	}
	b := booking.New(booking.Config{Store: sqlstore.As[booking.Tx](s), Network: n, Now: now})
	return b, s, func() { s.Close(); os.RemoveAll(dir) }, nil
}

func ask(unit, n int) booking.Request {
	var t person.Tag
	t[0], t[1], t[2], t[3], t[4] = 1, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	return booking.Request{Centre: "konak", Service: "account", Day: day, Unit: unit, Channel: booking.Web,
		Actor: audit.Citizen("web"), Who: booking.Who{Holder: t, Phone: t, Lang: "tr"}}
}

// patient asks again while more wait than may.
func patient(call func() (booking.Visit, error)) (booking.Visit, error) {
	for {
		v, err := call()
		if !errors.Is(err, booking.ErrQueueFull) {
			return v, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// races runs the crowd at the places twice: those who book at once, and those
// of whom two in five let their place lapse.
func (r *runner) races(ctx context.Context) (over, unsold int, err error) {
	const units = 40
	places := r.Racers / 10 / units * units
	if places == 0 {
		return 0, 0, fmt.Errorf("%d racers are too few", r.Racers)
	}
	n, err := network(places/units, units)
	if err != nil {
		return 0, 0, err
	}
	for _, lapse := range []bool{false, true} {
		begun := time.Now()
		start := day.At(0, n.Location()).Add(-12 * time.Hour)
		b, _, done, err := r.open(ctx, n, func() time.Time { return start.Add(time.Since(begun) * 400) }) // ten minutes are 1.5 s
		if err != nil {
			return 0, 0, err
		}
		o, u, err := r.race(ctx, b, places, units, lapse)
		done()
		if err != nil {
			return 0, 0, err
		}
		over, unsold = over+o, unsold+u
	}
	return over, unsold, nil
}

func (r *runner) race(ctx context.Context, b *booking.Service, places, units int, lapse bool) (over, unsold int, err error) {
	if err := b.Plan(ctx, day, 1); err != nil {
		return 0, 0, err
	}
	deadline := time.Now().Add(time.Minute)
	var sold atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	seed := r.rnd.Uint64()
	for i := range r.Racers {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			for sold.Load() < int64(places) && time.Now().Before(deadline) && failed.Load() == nil {
				q := ask(firstUnit+rnd.IntN(units), i)
				v, err := patient(func() (booking.Visit, error) { return b.Hold(ctx, q) })
				if errors.Is(err, booking.ErrFull) {
					time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
					continue
				}
				if err == nil && lapse && i%5 < 2 {
					return
				}
				if err == nil {
					_, err = patient(func() (booking.Visit, error) { return b.Confirm(ctx, v.ID, q.Who, audit.Citizen("web")) })
				}
				if err == nil {
					sold.Add(1)
					return
				}
				if !errors.Is(err, booking.ErrLapsed) {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	wg.Wait()
	if p := failed.Load(); p != nil {
		return 0, 0, *p
	}
	// What the racers were told, and what stands, must be the same thing.
	list, err := b.OnDay(ctx, "konak", day)
	if err != nil {
		return 0, 0, err
	}
	perUnit, booked := map[int]int{}, 0
	for _, v := range list {
		if v.State == booking.Booked {
			perUnit[v.Place.Unit]++
			booked++
		}
	}
	if int64(booked) != sold.Load() {
		return 0, 0, fmt.Errorf("%d were told they have a place, %d have one", sold.Load(), booked)
	}
	for _, k := range perUnit {
		over += max(0, k-places/units)
	}
	wrong, err := b.Audit(ctx, day, 1)
	if err != nil {
		return 0, 0, err
	}
	return over + len(wrong), places - booked, nil
}

// hot is bookings a second into one hour that everybody wants, and the bare
// syncs a second of the same disk.
func (r *runner) hot(ctx context.Context) (rate, raw float64, err error) {
	n, err := network(1_000_000, 1)
	if err != nil {
		return 0, 0, err
	}
	now := day.At(0, n.Location()).Add(-12 * time.Hour)
	b, _, done, err := r.open(ctx, n, func() time.Time { return now })
	if err != nil {
		return 0, 0, err
	}
	defer done()
	if err := b.Plan(ctx, day, 1); err != nil {
		return 0, 0, err
	}
	if raw, err = r.syncs(); err != nil {
		return 0, 0, err
	}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	begun := time.Now()
	for range r.Clients {
		wg.Go(func() {
			for time.Since(begun) < r.Span {
				if _, err := b.Book(ctx, ask(firstUnit, int(next.Add(1)))); err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	if p := failed.Load(); p != nil {
		return 0, 0, *p
	}
	list, err := b.OnDay(ctx, "konak", day)
	if err != nil {
		return 0, 0, err
	}
	if len(list) != int(next.Load()) {
		return 0, 0, fmt.Errorf("%d were told they have a place, %d have one", next.Load(), len(list))
	}
	return float64(len(list)) / took.Seconds(), raw, nil
}

// syncs is how often a second the disk brings a page-sized write down.
func (r *runner) syncs() (float64, error) {
	f, err := os.CreateTemp(r.Dir, "turnike-sync")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	n := 0
	begun := time.Now()
	for time.Since(begun) < r.Span/2 {
		if _, err := f.Write(page); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		n++
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}

// availability is how many milliseconds it takes to tell, for all of İZSU's
// centres and thirty days, how much is free: the median of 50 times.
func (r *runner) availability(ctx context.Context) (float64, error) {
	n, err := booking.Shipped("izsu")
	if err != nil {
		return 0, err
	}
	n.Waves = nil
	n.Rules.HorizonDays = 60
	now := day.At(10*60, n.Location())
	b, _, done, err := r.open(ctx, n, func() time.Time { return now })
	if err != nil {
		return 0, err
	}
	defer done()
	if err := b.Plan(ctx, day, 30); err != nil {
		return 0, err
	}
	took := make([]float64, 0, 50)
	want := -1
	for range cap(took) {
		begun := time.Now()
		grid, err := b.Board().Grid("closing", 1, day, 30, booking.Web, now)
		took = append(took, float64(time.Since(begun).Microseconds())/1000)
		if err != nil {
			return 0, err
		}
		free := 0
		for _, s := range grid {
			free += s.Free
		}
		if want < 0 {
			want = free
		}
		if len(grid) != 900 || free == 0 || free != want {
			return 0, fmt.Errorf("%d days with %d free, want 900 with %d", len(grid), free, want)
		}
	}
	b2, err := bench.NewBar("availability_ms", barAvailability, took)
	return b2.Median, err
}

// waits rehearses days at a centre of five counters under three loads, and
// tells how the waits shown were kept. The first days teach the pace.
func (r *runner) waits() (booking.Score, error) {
	n, err := booking.Shipped("izsu")
	if err != nil {
		return booking.Score{}, err
	}
	c, ok := n.CentreByID("karabaglar")
	if !ok {
		return booking.Score{}, fmt.Errorf("a centre is missing")
	}
	var all booking.Score
	for _, walkins := range []float64{5, 8, 10} {
		pace := booking.NewPace(n)
		for d := range r.Days {
			tickets, floor := n.Rehearse(c, day+booking.Day(d), n.Crowd(c, day+booking.Day(d), booking.Crowd{Bookable: 0.75, Fill: 0.75, Walkins: walkins}, r.rnd), pace, r.rnd)
			if floor > c.Floor {
				return all, fmt.Errorf("%d people on a floor for %d", floor, c.Floor)
			}
			if d >= r.Days/5 {
				all.Add(booking.ScoreOf(tickets))
			}
		}
	}
	if all.Shown == 0 {
		return all, fmt.Errorf("no wait was shown")
	}
	return all, nil
}
