package publish_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/publish"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
	"turnike/statuslist"
)

// world is a city's list over a real store, and a gate that follows its files.
type world struct {
	t     *testing.T
	city  *city.Profile
	store pairing.Store
	dir   string
	now   time.Time
	list  *publish.List
	gate  *gate.Gate
	key   *statuslist.TagKey
}

func newWorld(t *testing.T, c *city.Profile) *world {
	return newWorldAt(t, c, time.Date(2021, 1, 13, 9, 0, 0, 0, c.Location()))
}

func newWorldAt(t *testing.T, c *city.Profile, now time.Time) *world {
	t.Helper()
	return newWorldOf(t, c, now, func(*world) {})
}

// newWorldOf is newWorldAt with something laid down before the list is opened.
func newWorldOf(t *testing.T, c *city.Profile, now time.Time, before func(*world)) *world {
	t.Helper()
	w := &world{t: t, city: c, dir: t.TempDir(), now: now}
	s, err := storage.Open(t.Context(), "sqlite:"+filepath.Join(w.dir, "x.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	w.store = sqlstore.As[pairing.Tx](s)
	if w.key, err = statuslist.NewTagKey(make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	before(w)
	w.open()
	anchor, err := publish.Anchor(filepath.Join(w.dir, "keys"), c.ID, w.now)
	if err != nil {
		t.Fatal(err)
	}
	if w.gate, err = gate.Open(gate.Config{Dir: filepath.Join(w.dir, "gate"), City: c.ID, Anchor: anchor, TagKey: w.key, Secret: secretOf(t, filepath.Join(w.dir, "keys"), c.ID)}); err != nil {
		t.Fatal(err)
	}
	w.step()
	return w
}

func shipped(t *testing.T, id string) *city.Profile {
	t.Helper()
	set, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return set[id]
}

// open starts the list, or goes on with the files that are there.
func (w *world) open() {
	w.t.Helper()
	var err error
	w.list, err = publish.Open(publish.Config{
		City: w.city, Dir: filepath.Join(w.dir, "lists"), Keys: filepath.Join(w.dir, "keys"), Store: w.store, Now: func() time.Time { return w.now },
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// step publishes and lets the gate follow.
func (w *world) step() {
	w.t.Helper()
	if err := w.list.Step(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.gate.Update(w.t.Context(), folderOf(filepath.Join(w.dir, "lists", w.city.ID))); err != nil {
		w.t.Fatal(err)
	}
}

// put writes a card's row as pairing would.
func (w *world) put(printed string, class card.Class, stop int32) {
	w.t.Helper()
	n, err := w.city.ParseCard(printed)
	if err != nil {
		w.t.Fatal(err)
	}
	place, ok := w.city.Place(n, w.key)
	if !ok {
		w.t.Fatalf("%s was not issued", printed)
	}
	var tag person.Tag
	copy(tag[:], printed)
	err = w.store.Update(w.t.Context(), func(tx pairing.Tx) error {
		return tx.PutCard(w.t.Context(), pairing.Card{City: w.city.ID, Tag: tag, Scheme: n.Scheme, Index: place, Last4: n.Last4(), Class: class, StopUntil: stop, ChangedAt: w.now})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tap(what, printed string, want gate.Decision) {
	w.t.Helper()
	n, ok := w.gate.Parse([]byte(printed))
	got := gate.Refuse
	if ok {
		got = w.gate.Decide(n, w.now, 0)
	}
	if got != want {
		w.t.Errorf("%s at %s: got %v, want %v", what, w.now.Format("2 Jan 15:04"), got, want)
	}
}

func (w *world) at(y, m, d, h, min int) {
	w.now = time.Date(y, time.Month(m), d, h, min, 0, 0, w.city.Location())
}

// number is the n-th card of a city's first range.
func number(c *city.Profile, n uint64) string {
	s := c.Schemes[0]
	printed, _ := statuslist.Scheme{ID: s.ID, Digits: s.Digits}.Format(s.Ranges[0].First + n)
	return printed
}

func TestPairingReachesTheGate(t *testing.T) {
	w := newWorld(t, shipped(t, "istanbul"))
	paired, unpaired, stopped, dead := number(w.city, 1), number(w.city, 2), number(w.city, 3), number(w.city, 4)
	w.at(2021, 1, 15, 9, 0)
	w.step()
	for _, n := range []string{paired, unpaired, stopped, dead} {
		w.tap("before anybody pairs", n, gate.Refuse)
	}
	first, _ := w.list.Head()
	today := card.DayOf(w.now, w.city.Location())
	w.put(paired, card.Paired, 0)
	w.put(stopped, card.Paired, today+2)
	w.put(dead, card.Dead, 0)
	w.now = w.now.Add(time.Second)
	w.step()
	if h, _ := w.list.Head(); h.Sequence <= first.Sequence || h.Cards != first.Cards {
		t.Errorf("head: got sequence %d of %d cards after %d of %d, want it to rise over the same cards", h.Sequence, h.Cards, first.Sequence, first.Cards)
	}
	w.tap("paired", paired, gate.Admit)
	w.tap("unpaired", unpaired, gate.Refuse)
	w.tap("stopped", stopped, gate.Refuse)
	w.tap("dead", dead, gate.Refuse)
	w.tap("never issued", "9999999999999999", gate.Refuse)
	// The stop ends by itself, on a gate that heard nothing more.
	w.at(2021, 1, 17, 23, 59)
	w.tap("on its last day", stopped, gate.Refuse)
	w.at(2021, 1, 18, 0, 0)
	w.tap("the day after", stopped, gate.Admit)

	// A look that comes late sees what was committed a little before it.
	w.now = w.now.Add(time.Minute)
	w.step()
	w.now = w.now.Add(-time.Minute) // the row carries an earlier time than the look
	w.put(unpaired, card.Paired, 0)
	w.now = w.now.Add(time.Minute + time.Second)
	w.step()
	w.tap("committed late", unpaired, gate.Admit)
}

// TestMidnight: nothing is sent at the deadline, and it holds to the minute, by
// İstanbul's clock.
func TestMidnight(t *testing.T) {
	w := newWorld(t, shipped(t, "istanbul"))
	paired, unpaired := number(w.city, 1), number(w.city, 2)
	w.put(paired, card.Paired, 0)
	w.at(2021, 1, 14, 22, 0)
	w.step()
	before, _ := w.list.Head()
	for _, c := range []struct {
		h, m int
		want gate.Decision
	}{{23, 59, gate.Admit}, {24, 0, gate.Refuse}, {24, 1, gate.Refuse}} {
		w.at(2021, 1, 14, c.h, c.m)
		w.tap("unpaired", unpaired, c.want)
		w.tap("paired", paired, gate.Admit)
	}
	w.now = w.now.Add(time.Second)
	w.step()
	if after, _ := w.list.Head(); after.Array != before.Array {
		t.Error("the list changed at midnight, want the same cards under another rule")
	}
	w.tap("unpaired, after the next head", unpaired, gate.Refuse)
}

func TestRangesOfAClass(t *testing.T) {
	c := shipped(t, "izmir")
	w := newWorldAt(t, c, time.Date(2020, 12, 22, 11, 0, 0, 0, c.Location()))
	w.at(2020, 12, 22, 11, 59)
	w.tap("a photo card of 65 and over, before the ban", "356500000005", gate.Admit)
	w.at(2021, 1, 11, 0, 0)
	w.step()
	w.tap("a plain card", "350000000005", gate.Refuse)
	w.tap("a photo card of a disabled rider", "354000000005", gate.Admit)
	w.tap("a photo card of 65 and over", "356500000005", gate.Refuse) // barred that winter
	n, _ := w.gate.Parse([]byte("356500000005"))
	if s, ok := w.list.Status(n); !ok || s.Class != statuslist.Class(card.Paired65) {
		t.Errorf("what the list says of it: got %+v %v, want %v", s, ok, card.Paired65)
	}
}

// TestTagsAreAppended: a bank card has no range, so the list grows by its keyed
// tag; the number stands nowhere in the files.
func TestTagsAreAppended(t *testing.T) {
	w := newWorld(t, shipped(t, "antalya"))
	w.at(2021, 2, 1, 9, 0)
	var bank uint8
	for _, s := range w.city.Schemes {
		if s.Tagged {
			bank = s.ID
		}
	}
	var pans []string
	for i := 0; len(pans) < 3; i++ {
		pan := luhn(fmt.Sprintf("41111111111%04d", 7*i))
		if n, err := w.city.ParseCard(pan); err == nil {
			if _, ok := w.city.Place(n, w.key); ok && n.Scheme == bank {
				pans = append(pans, pan)
			}
		}
	}
	for _, p := range pans {
		w.tap("a bank card nobody paired", p, w.unknown(p))
	}
	before, _ := w.list.Head()
	w.put(pans[0], card.Paired, 0)
	w.step()
	w.put(pans[1], card.Paired, 0)
	w.now = w.now.Add(time.Second)
	w.step()
	after, _ := w.list.Head()
	if after.Cards != before.Cards+2 {
		t.Errorf("cards: got %d after %d, want two more", after.Cards, before.Cards)
	}
	w.tap("paired bank card", pans[0], gate.Admit)
	w.tap("paired bank card, second", pans[1], gate.Admit)
	w.tap("third", pans[2], w.unknown(pans[2]))
	// Written again, it is not appended again.
	w.put(pans[0], card.Dead, 0)
	w.now = w.now.Add(time.Second)
	w.step()
	if h, _ := w.list.Head(); h.Cards != after.Cards {
		t.Errorf("cards: got %d, want still %d", h.Cards, after.Cards)
	}
	w.tap("dead bank card", pans[0], gate.Refuse)
	// A restart finds them where they were.
	w.open()
	w.now = w.now.Add(time.Second)
	w.step()
	w.tap("after a restart", pans[0], gate.Refuse)
	w.tap("after a restart, second", pans[1], gate.Admit)
	err := filepath.WalkDir(filepath.Join(w.dir, "lists"), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		for _, pan := range pans {
			if strings.Contains(string(b), pan) {
				t.Errorf("%s holds a bank card's number", d.Name())
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unknown is what the gate says of a card that is in no range and has no tag:
// nobody has paired it, so it is refused once the city asks for pairing.
func (w *world) unknown(string) gate.Decision { return gate.Refuse }

// luhn completes digits by their check digit.
func luhn(s string) string {
	sum := 0
	for i, c := range []byte(s) {
		d := int(c - '0')
		if (len(s)-i)%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return s + fmt.Sprint((10-sum%10)%10)
}

func TestRestartGoesOn(t *testing.T) {
	w := newWorld(t, shipped(t, "gaziantep"))
	w.at(2021, 2, 1, 9, 0)
	a, b := number(w.city, 1), number(w.city, 2)
	w.put(a, card.Paired, 0)
	w.step()
	before, _ := w.list.Head()
	w.put(b, card.Paired, 0) // while the server is down
	w.now = w.now.Add(time.Hour)
	w.open()
	if h, ok := w.list.Head(); !ok || h.Sequence != before.Sequence || h.Array != before.Array {
		t.Errorf("head after a restart: got %d, want %d still", h.Sequence, before.Sequence)
	}
	w.step()
	w.tap("paired before", a, gate.Admit)
	w.tap("paired while the server was down", b, gate.Admit)
	if h, _ := w.list.Head(); h.Sequence <= before.Sequence {
		t.Errorf("sequence: got %d after %d, want it to rise", h.Sequence, before.Sequence)
	}
	// The keys are the same ones: the gate born with the first anchor still
	// follows, which step has just shown; a second list of the city cannot be
	// made over lost roots.
	if err := os.Remove(filepath.Join(w.dir, "keys", w.city.ID, "root-1")); err != nil {
		t.Fatal(err)
	}
	_, err := publish.Open(publish.Config{City: w.city, Dir: filepath.Join(w.dir, "lists"), Keys: filepath.Join(w.dir, "keys"), Store: w.store, Now: func() time.Time { return w.now }})
	if err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("with the root lost: got %v, want an error that says what to restore", err)
	}
	for _, f := range []string{"list.key", "root-holder-1.key"} {
		if st, err := os.Stat(filepath.Join(w.dir, "keys", w.city.ID, f)); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v %v, want a file only its owner reads", f, st.Mode(), err)
		}
	}
}

// TestADecisionIsAnnounced: a board moves the deadline; gates have the new rule
// ahead of the old date, and no card is written.
func TestADecisionIsAnnounced(t *testing.T) {
	const old, moved = "2021-01-15", "2021-01-22"
	source := shipped(t, "istanbul").Source()
	source += `
[[decision]]
id = "moved"
announced = 2021-01-14T12:00:00
supersedes = "` + deadlineID(t) + `"
classes = ["unpaired"]
from = ` + moved + `T00:00:00
outcome = "refuse"
text = { tr = "x", en = "x", ar = "x" }
source = "kurul"
`
	c, err := city.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, c)
	n := number(c, 2)
	w.at(2021, 1, 14, 11, 0)
	w.step()
	before, _ := w.list.Head()
	w.at(2021, 1, 15, 8, 0)
	w.tap("a gate that was cut off before the announcement", n, gate.Refuse)
	w.at(2021, 1, 14, 12, 0)
	w.step()
	if after, _ := w.list.Head(); after.Sequence <= before.Sequence || after.Array != before.Array {
		t.Error("the announcement: want a new head over the same cards")
	}
	w.at(2021, 1, 15, 8, 0)
	w.tap("on the old date", n, gate.Admit)
	w.at(2021, 1, 21, 11, 59)
	w.step()
	w.at(2021, 1, 21, 23, 59)
	w.tap("a minute before the new date", n, gate.Admit)
	w.at(2021, 1, 22, 0, 0)
	w.tap("on the new date", n, gate.Refuse)
}

// deadlineID is İstanbul's decision that a card nobody paired opens no gate.
func deadlineID(t *testing.T) string {
	t.Helper()
	for _, d := range shipped(t, "istanbul").Decisions {
		if slices.Contains(d.Classes, "unpaired") && d.Outcome == "refuse" {
			return d.ID
		}
	}
	t.Fatal("İstanbul has no deadline")
	return ""
}

// secretOf is what a city's gates are given to read its list.
func secretOf(t *testing.T, keys, city string) *statuslist.Secret {
	t.Helper()
	s, err := publish.Secret(keys, city)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// folderOf fetches from a folder.
func folderOf(dir string) gate.Fetch {
	return func(_ context.Context, name string, _ int64) ([]byte, error) {
		return os.ReadFile(filepath.Join(dir, name))
	}
}
