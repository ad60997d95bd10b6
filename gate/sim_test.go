package gate

import (
	"crypto/ed25519"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"turnike/statuslist"
)

// TestEightDaysOfPartitions runs thousands of devices over eight virtual days
// in which most lose the network for hours and some for all of it. Whatever
// list a device holds it must answer by, at the time it is; and a stop that
// has ended holds nobody up anywhere.
func TestEightDaysOfPartitions(t *testing.T) {
	const devices, cards, hours, asks = 5000, 1500, 8 * 24, 2
	w := newWorld(t, cards)
	rng := rand.New(rand.NewPCG(77, 1))
	held := make([]device, devices)
	for i := range held {
		switch rng.IntN(20) {
		case 0:
			held[i].backAt = hours // never seen again after the first hour
		case 1:
			held[i].backAt = 48 + rng.IntN(96)
		}
	}
	decisions, late := 0, 0
	for hour := range hours {
		now := w.start.Add(time.Duration(hour) * time.Hour)
		w.change(rng, now)
		for i := range held {
			d := &held[i]
			if online := hour == 0 || hour >= d.backAt && rng.IntN(12) == 0; online {
				d.sync(t, w)
				if rng.IntN(40) == 0 {
					d.backAt = hour + rng.IntN(60)
				}
			}
			for range asks {
				card := rng.Uint32N(cards)
				got := d.gate.Decide(statuslist.Number{Scheme: 1, Value: uint64(card)}, now, 0)
				decisions++
				said := w.truth[d.version][card]
				if want := w.decide(said, now, w.heads[d.version].NotAfter); got != want {
					t.Fatalf("hour %d, device %d with version %d, card %d (%v): got %v, want %v", hour, i, d.version, card, said, got, want)
				}
				if d.version == len(w.heads)-1 {
					continue
				}
				late++
				if s := w.truth[d.version][card]; s.StopUntil != 0 && s.StopUntil < w.today(now) && got != Admit {
					t.Fatalf("hour %d, device %d: card %d is held up by a stop that ended on %v", hour, i, card, s.StopUntil)
				}
			}
		}
	}
	t.Logf("%d decisions, %d of them by a list that was not the newest, %d versions", decisions, late, len(w.heads))
	if late < decisions/10 {
		t.Errorf("decisions by an old list: got %d of %d; too few to show anything", late, decisions)
	}
}

// device is a gate without a disk.
type device struct {
	gate    Gate
	version int
	backAt  int // the hour it has the network again
}

// sync is what Update does once files are proved, from memory.
func (d *device) sync(t *testing.T, w *world) {
	newest := len(w.heads) - 1
	h := w.heads[newest]
	live := d.gate.live.Load()
	if live != nil && live.head == h {
		return
	}
	have, list := uint64(0), (*statuslist.List)(nil)
	if live != nil {
		have, list = live.head.Sequence, live.list
	}
	full, refs, err := h.Plan(have)
	if err == nil && full != nil {
		list, err = statuslist.DecodeFull(w.file(t, full.Name()), h.Cards)
	}
	var files [][]byte
	for _, ref := range refs {
		files = append(files, w.file(t, ref.Name()))
	}
	if err == nil {
		list, err = list.Apply(h, files)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.gate.live.Store(newSnapshot(h, w.ranges, list, w.calendar))
	d.version = newest
}

// world is a publisher and everything it ever said.
type world struct {
	start    time.Time
	dir      string
	pub      *statuslist.Publisher
	ranges   *statuslist.Ranges
	rules    *statuslist.Rules
	calendar *statuslist.Calendar
	heads    []*statuslist.Head
	truth    [][]statuslist.Status
	files    map[string][]byte
}

func newWorld(t *testing.T, cards uint32) *world {
	t.Helper()
	w := &world{start: time.Date(2021, 1, 14, 12, 0, 0, 0, time.UTC), dir: t.TempDir(), files: map[string][]byte{}}
	w.rules = &statuslist.Rules{Zone: []statuslist.Transition{{Offset: 3 * time.Hour}}, Stopped: statuslist.Refuse, StaleStopped: statuslist.Refuse}
	for c := range w.rules.Default {
		w.rules.Default[c], w.rules.Stale[c] = statuslist.Ride, statuslist.Ride
	}
	w.rules.Default[0] = statuslist.Refuse
	w.calendar = statuslist.NewCalendar([]*statuslist.Rules{w.rules})
	key := fuzzKey()
	public := key.Public().(ed25519.PublicKey)
	root := statuslist.Root{City: "izmir", Version: 1, Threshold: 1, Keys: []ed25519.PublicKey{public},
		ListKeys: []statuslist.ListKey{{Key: public, From: w.start.AddDate(-1, 0, 0), To: w.start.AddDate(1, 0, 0)}}}
	file, err := root.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if w.ranges, err = statuslist.NewRanges([]statuslist.Scheme{{ID: 1, Digits: 8}}, statuslist.Range{Scheme: 1, First: 0, Last: uint64(cards) - 1}); err != nil {
		t.Fatal(err)
	}
	w.pub, err = statuslist.OpenPublisher(statuslist.PublisherConfig{
		Dir: w.dir, City: "izmir", Ranges: w.ranges, Rules: []*statuslist.Rules{w.rules}, Key: key, Roots: [][]byte{file}, MaxAge: 5 * 24 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) today(now time.Time) statuslist.Day {
	day, _, _ := w.rules.Local(now)
	return day
}

// change pairs, stops and lifts some cards and publishes.
func (w *world) change(rng *rand.Rand, now time.Time) {
	truth := make([]statuslist.Status, w.ranges.Len())
	if n := len(w.truth); n > 0 {
		copy(truth, w.truth[n-1])
	}
	for range 30 {
		i := rng.Uint32N(w.ranges.Len())
		s := statuslist.Status{Class: 1 + statuslist.Class(rng.IntN(3))}
		if rng.IntN(3) == 0 {
			s.StopUntil = w.today(now) + statuslist.Day(rng.IntN(4))
		}
		truth[i] = s
		w.pub.Set(i, s)
	}
	h, _, err := w.pub.Publish(now)
	if err != nil {
		panic(err) // a temporary folder that cannot be written
	}
	w.heads, w.truth = append(w.heads, &h), append(w.truth, truth)
}

// decide is the rules of this world, said again.
func (w *world) decide(s statuslist.Status, now, notAfter time.Time) Decision {
	switch {
	case s.StopUntil != 0 && w.today(now) <= s.StopUntil:
		return Refuse
	case s.Class == 0 && !now.After(notAfter):
		return Refuse
	}
	return Admit
}

func (w *world) file(t *testing.T, name string) []byte {
	if file, ok := w.files[name]; ok {
		return file
	}
	file, err := os.ReadFile(filepath.Join(w.dir, "izmir", name))
	if err != nil {
		t.Fatal(err)
	}
	w.files[name] = file
	return file
}
