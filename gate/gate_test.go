package gate_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"turnike/gate"
	"turnike/statuslist"
)

// start is a Friday, ten in the morning in Türkiye.
var start = time.Date(2021, 1, 15, 7, 0, 0, 0, time.UTC)

const (
	unpaired statuslist.Class = iota
	adult
	senior
)

func testKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// city is a publisher with its folder and keys.
type city struct {
	t     testing.TB
	dir   string
	cfg   statuslist.PublisherConfig
	pub   *statuslist.Publisher
	now   time.Time
	truth map[uint32]statuslist.Status
	n     uint32
	chips uint64
	// newest is the head in the folder last read.
	newest []byte
}

var (
	rootKeys = []ed25519.PrivateKey{testKey("root 1"), testKey("root 2"), testKey("root 3")}
	listKeyA = testKey("list a")
	listKeyB = testKey("list b")
)

func rootFile(t testing.TB, cityName string, version uint32, listKeys ...ed25519.PrivateKey) []byte {
	t.Helper()
	root := statuslist.Root{City: cityName, Version: version, Threshold: 2}
	for _, k := range rootKeys {
		root.Keys = append(root.Keys, k.Public().(ed25519.PublicKey))
	}
	for _, k := range listKeys {
		root.ListKeys = append(root.ListKeys, statuslist.ListKey{
			Key: k.Public().(ed25519.PublicKey), From: start.AddDate(-1, 0, 0), To: start.AddDate(10, 0, 0),
		})
	}
	file, err := root.Sign(rootKeys[0], rootKeys[2])
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func anchor() statuslist.Anchor {
	a := statuslist.Anchor{Threshold: 2}
	for _, k := range rootKeys {
		a.Keys = append(a.Keys, k.Public().(ed25519.PublicKey))
	}
	return a
}

func testRules(from time.Time) *statuslist.Rules {
	r := &statuslist.Rules{
		EffectiveFrom: from,
		Zone:          []statuslist.Transition{{Offset: 3 * time.Hour}},
		Stopped:       statuslist.Refuse, StaleStopped: statuslist.Refuse,
		Amber: 24 * time.Hour, Alarm: 72 * time.Hour,
	}
	for c := range r.Default {
		r.Default[c], r.Stale[c] = statuslist.Ride, statuslist.Ride
	}
	r.Default[unpaired] = statuslist.Refuse
	return r
}

var scheme = statuslist.Scheme{ID: 1, Name: "test", Digits: 8, Check: statuslist.CheckLuhn}

func newCity(t testing.TB, name string, cards uint32) *city {
	t.Helper()
	ranges, err := statuslist.NewRanges([]statuslist.Scheme{scheme}, statuslist.Range{Scheme: 1, First: 1000, Last: 1000 + uint64(cards) - 1})
	if err != nil {
		t.Fatal(err)
	}
	c := &city{t: t, dir: t.TempDir(), now: start, truth: map[uint32]statuslist.Status{}, n: cards}
	c.cfg = statuslist.PublisherConfig{
		Dir: c.dir, City: name, Ranges: ranges, Key: listKeyA, Roots: [][]byte{rootFile(t, name, 1, listKeyA)},
		Rules: []*statuslist.Rules{testRules(start.AddDate(0, -1, 0))},
	}
	c.open()
	return c
}

// chipScheme numbers cards of which only the chips' ids are known.
var chipScheme = statuslist.Scheme{ID: 9, Name: "chips", Digits: 17, Chips: true}

func chip(i uint64) statuslist.Number {
	return statuslist.Number{Scheme: 9, Value: 1<<63 | i*0x9e3779b97f4a7c15}
}

// withChips is newCity with chips besides.
func withChips(t testing.TB, name string, cards uint32, chips uint64) *city {
	t.Helper()
	c := newCity(t, name, cards)
	if chips == 0 {
		return c
	}
	ranges, err := c.cfg.Ranges.AppendScheme(chipScheme)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.pub.SetRanges(ranges); err != nil {
		t.Fatal(err)
	}
	c.chips = chips
	for i := range chips {
		c.setChip(i, statuslist.Status{})
	}
	return c
}

func (c *city) setChip(i uint64, s statuslist.Status) {
	c.pub.SetChips(func(yield func(uint64, statuslist.Status) bool) { yield(chip(i).Value, s) })
}

func (c *city) open() {
	c.t.Helper()
	pub, err := statuslist.OpenPublisher(c.cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	c.pub = pub
}

func (c *city) set(index uint32, s statuslist.Status) {
	c.truth[index] = s
	c.pub.Set(index, s)
}

func (c *city) publish() statuslist.Head {
	c.t.Helper()
	c.now = c.now.Add(5 * time.Second)
	h, _, err := c.pub.Publish(c.now)
	if err != nil {
		c.t.Fatal(err)
	}
	return h
}

// fetch serves the city's folder.
func (c *city) fetch(_ context.Context, name string, limit int64) ([]byte, error) {
	return os.ReadFile(filepath.Join(c.dir, c.cfg.City, name))
}

func (c *city) gate(dir string) *gate.Gate {
	c.t.Helper()
	g, err := gate.Open(gate.Config{Dir: dir, City: c.cfg.City, Anchor: anchor()})
	if err != nil {
		c.t.Fatal(err)
	}
	return g
}

func (c *city) update(g *gate.Gate) {
	c.t.Helper()
	if _, err := g.Update(context.Background(), c.fetch); err != nil {
		c.t.Fatal(err)
	}
}

// verify asks the gate about every card.
func (c *city) verify(g *gate.Gate, at time.Time) {
	c.t.Helper()
	wrong := 0
	rules := testRules(start)
	for i := range c.n {
		want := gate.Refuse
		if rules.Outcome(c.truth[i], at, 0) == statuslist.Ride {
			want = gate.Admit
		}
		if got := g.Decide(statuslist.Number{Scheme: 1, Value: 1000 + uint64(i)}, at, 0); got != want {
			if wrong++; wrong < 5 {
				c.t.Errorf("card %d (%v): got %v, want %v", i, c.truth[i], got, want)
			}
		}
	}
	if wrong > 0 {
		c.t.Fatalf("%d of %d cards wrong", wrong, c.n)
	}
}

func TestGateFollows(t *testing.T) {
	c := newCity(t, "izmir", 5000)
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	often, seldom := c.gate(dir), c.gate(t.TempDir())
	if got := often.Decide(statuslist.Number{Scheme: 1, Value: 1000}, c.now, 0); got != gate.Stale {
		t.Errorf("without a list: got %v, want %v", got, gate.Stale)
	}
	for round := range 200 {
		today := statuslist.DayOf(c.now.Add(3 * time.Hour))
		for range rng.IntN(20) + 1 {
			s := statuslist.Status{Class: statuslist.Class(rng.IntN(3))}
			if s.Class != unpaired && rng.IntN(4) == 0 {
				s.StopUntil = today + statuslist.Day(rng.IntN(3))
			}
			c.set(uint32(rng.IntN(int(c.n))), s)
		}
		if round%20 == 19 {
			c.now = c.now.Add(24 * time.Hour)
		}
		if round == 120 { // a restart in between
			c.publish()
			c.open()
			c.set(0, statuslist.Status{Class: statuslist.Class(2)})
		}
		c.publish()
		c.update(often)
		c.verify(often, c.now)
		if rng.IntN(30) == 0 {
			c.update(seldom)
			c.verify(seldom, c.now)
			often = c.gate(dir) // a restart of the device
			c.verify(often, c.now)
		}
	}
	if got := often.Decide(statuslist.Number{Scheme: 1, Value: 999}, c.now, 0); got != gate.Refuse {
		t.Errorf("never issued: got %v, want %v", got, gate.Refuse)
	}
}

func publicKey(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// TestStartsFromTheMappedArray: a gate that starts takes the array as it lies
// in its folder, and makes it anew where that is not what the head says.
func TestStartsFromTheMappedArray(t *testing.T) {
	c := newCity(t, "izmir", 100_001)
	for i := range uint32(9000) {
		c.set(11*i, statuslist.Status{Class: adult})
	}
	c.publish()
	dir := t.TempDir()
	c.update(c.gate(dir))
	for v := range uint32(5) { // deltas on top, which stay out of the array's file
		c.set(v, statuslist.Status{Class: senior, StopUntil: 18700})
		c.publish()
		c.update(c.gate(dir))
	}
	find := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(dir, "izmir", pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: got %v, %v, want one file", pattern, found, err)
		}
		return found[0]
	}
	array, full := find("array-*"), find("full-*")
	before, err := os.ReadFile(array)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(full, full+".away"); err != nil {
		t.Fatal(err)
	}
	c.verify(c.gate(dir), c.now) // by the array alone
	if err := os.Rename(full+".away", full); err != nil {
		t.Fatal(err)
	}
	for name, harm := range map[string]func([]byte) []byte{
		"a card":   func(b []byte) []byte { b[4096+777] ^= 1; return b },
		"a state":  func(b []byte) []byte { b[4096+778] = 200; return b },
		"the page": func(b []byte) []byte { b[9] ^= 0xff; return b },
		"the end":  func(b []byte) []byte { return b[:len(b)-4096] },
		"all":      func([]byte) []byte { return nil },
	} {
		if err := statuslist.WriteFile(array, harm(append([]byte(nil), before...))); err != nil {
			t.Fatal(err)
		}
		c.verify(c.gate(dir), c.now)
		if got, err := os.ReadFile(array); err != nil || string(got) != string(before) {
			t.Errorf("%s harmed: the array was not made anew (%v)", name, err)
		}
	}
}
