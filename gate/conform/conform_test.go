package conform

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"turnike/gate"
	"turnike/statuslist"
)

var update = flag.Bool("update", false, "write the vectors anew")

// readerEnv makes the test binary itself the reader that is held to the cases.
const readerEnv = "TURNIKE_CONFORM_READER"

func TestMain(m *testing.M) {
	if mode := os.Getenv(readerEnv); mode != "" {
		if err := reader(mode, os.Args[len(os.Args)-4:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// reader is package gate behind the runner's calling convention. In the mode
// "forgetful" it is seeded with a fault: it does not keep its state.
func reader(mode string, args []string) error {
	folder, state, city, fingerprint := args[0], args[1], args[2], args[3]
	if mode == "forgetful" {
		os.RemoveAll(state)
	}
	tagKey, err := statuslist.NewTagKey([]byte(tagSecret))
	if err != nil {
		return err
	}
	g, err := gate.Open(gate.Config{Dir: state, City: city, Anchor: statuslist.Anchor{Fingerprint: fingerprint}, TagKey: tagKey, Secret: listSecret()})
	if err != nil {
		return err
	}
	_, err = g.Update(context.Background(), func(_ context.Context, name string, _ int64) ([]byte, error) {
		return os.ReadFile(filepath.Join(folder, name))
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // refused: go on as before
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		f := strings.Split(lines.Text(), ",")
		unix, _ := strconv.ParseInt(f[1], 10, 64)
		mode, _ := strconv.ParseUint(f[2], 10, 8)
		n, _ := g.Parse([]byte(f[0]))
		fmt.Println(g.Decide(n, time.Unix(unix, 0), uint8(mode)))
	}
	return lines.Err()
}

func conform(t *testing.T, mode string) (failed []Result, total int) {
	t.Helper()
	t.Setenv(readerEnv, mode)
	err := Run(context.Background(), []string{os.Args[0]}, func(r Result) {
		total++
		if r.Err != nil {
			failed = append(failed, r)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return failed, total
}

func TestOurReaderConforms(t *testing.T) {
	failed, total := conform(t, "whole")
	for _, r := range failed {
		t.Errorf("%s: %v", r.Case, r.Err)
	}
	if total < 10 {
		t.Errorf("cases: got %d, want at least 10", total)
	}
}

func TestFaultyReaderIsFound(t *testing.T) {
	if failed, _ := conform(t, "forgetful"); len(failed) == 0 {
		t.Error("a reader that forgets what it held passed every case")
	}
}

// TestOtherReaderConforms runs the reader that was written from FORMAT.md
// alone, in another language.
func TestOtherReaderConforms(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("the second reader needs Node.js: install it with scripts/setup.sh, or apt-get install nodejs (%v)", err)
	}
	err = Run(context.Background(), []string{node, "example/reader.mjs"}, func(r Result) {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Case, r.Err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestVectorsAreCurrent writes the vectors again and compares: the writer has
// not changed a byte of the format.
func TestVectorsAreCurrent(t *testing.T) {
	dir := t.TempDir()
	if *update {
		os.RemoveAll("vectors")
		dir = "vectors"
	}
	generate(t, dir)
	if *update {
		return
	}
	compare := func(a, b string) {
		err := filepath.WalkDir(a, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			rel, _ := filepath.Rel(a, path)
			want, _ := os.ReadFile(path)
			got, err := os.ReadFile(filepath.Join(b, rel))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s differs from what is kept (%v); if the format was to change, run with -update", rel, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	compare(dir, "vectors")
	compare("vectors", dir)
}

var born = time.Date(2021, 1, 14, 7, 0, 0, 0, time.UTC)

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("turnike conformance " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func public(name string) ed25519.PublicKey { return key(name).Public().(ed25519.PublicKey) }

const (
	unpaired statuslist.Class = iota
	adult
	senior
	young
)

// writer publishes the folders of the cases and notes what they must answer.
type writer struct {
	t     *testing.T
	dir   string
	cases strings.Builder
}

func makeRoot(t *testing.T, city string, version uint32, listKeys ...string) []byte {
	t.Helper()
	root := statuslist.Root{City: city, Version: version, Threshold: 2, Keys: []ed25519.PublicKey{public("root 1"), public("root 2"), public("root 3")}}
	for _, k := range listKeys {
		root.ListKeys = append(root.ListKeys, statuslist.ListKey{Key: public(k), From: born.AddDate(0, -1, 0), To: born.AddDate(5, 0, 0)})
	}
	file, err := root.Sign(key("root 1"), key("root 3"))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func fingerprint(t *testing.T, rootFile []byte) string {
	root, err := statuslist.ParseRoot(rootFile)
	if err != nil {
		t.Fatal(err)
	}
	return root.Fingerprint()
}

// tables are two: unpaired cards ride before the deadline at midnight of 15
// January and not after; 65 and over ride from 10 to 14 on weekdays, at full
// fare on line kind 2, the young from 22 to 2.
func tables() []*statuslist.Rules {
	base := func(from time.Time) *statuslist.Rules {
		r := &statuslist.Rules{
			EffectiveFrom: from,
			Zone:          []statuslist.Transition{{At: born.AddDate(-10, 0, 0), Offset: 2 * time.Hour}, {At: time.Date(2016, 9, 6, 21, 0, 0, 0, time.UTC), Offset: 3 * time.Hour}},
			Stopped:       statuslist.Refuse, StaleStopped: statuslist.Refuse,
			Amber: 24 * time.Hour, Alarm: 72 * time.Hour,
		}
		for c := range r.Default {
			r.Default[c], r.Stale[c] = statuslist.Ride, statuslist.Ride
		}
		return r
	}
	before, after := base(born.AddDate(0, -1, 0)), base(time.Date(2021, 1, 14, 21, 0, 0, 0, time.UTC))
	after.Default[unpaired], after.Stale[unpaired] = statuslist.Refuse, statuslist.Undecided
	after.Rows = []statuslist.Rule{
		{Classes: statuslist.ClassSet(senior), Mode: 2, Outcome: statuslist.FullFare},
		{Classes: statuslist.ClassSet(senior), Start: 600, End: 840, Weekdays: 0b0011111, Outcome: statuslist.Ride},
		{Classes: statuslist.ClassSet(senior), From: 18642, To: 18700, Outcome: statuslist.Refuse},
		{Classes: statuslist.ClassSet(young), Start: 22 * 60, End: 2 * 60, Outcome: statuslist.Ride},
		{Classes: statuslist.ClassSet(young), Outcome: statuslist.Refuse},
	}
	return []*statuslist.Rules{before, after}
}

func (w *writer) snapshot(pub string, name string) {
	w.t.Helper()
	if err := os.CopyFS(filepath.Join(w.dir, name), os.DirFS(pub)); err != nil {
		w.t.Fatal(err)
	}
}

func generate(t *testing.T, dir string) {
	t.Helper()
	w := &writer{t: t, dir: dir}
	w.cases.WriteString("# Written by the test of this package; the form is in conform.go.\n")
	pubDir := t.TempDir()
	root1 := makeRoot(t, "izmir", 1, "list a")
	ranges, err := statuslist.NewRanges([]statuslist.Scheme{
		{ID: 1, Name: "printed", Digits: 8, Check: statuslist.CheckLuhn},
		{ID: 2, Name: "old series", Digits: 6},
		{ID: 3, Name: "guests", Digits: 7, Check: statuslist.Check97},
	},
		statuslist.Range{Scheme: 1, First: 1_000_000, Last: 1_000_299},
		statuslist.Range{Scheme: 2, First: 500, Last: 599},
		statuslist.Range{Scheme: 1, First: 2_000_000, Last: 2_000_099})
	if err != nil {
		t.Fatal(err)
	}
	cfg := statuslist.PublisherConfig{Dir: pubDir, City: "izmir", Ranges: ranges, Rules: tables(), Key: key("list a"), Roots: [][]byte{root1}, Keep: 240 * time.Hour}
	open := func() *statuslist.Publisher {
		pub, err := statuslist.OpenPublisher(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return pub
	}
	publish := func(pub *statuslist.Publisher, at time.Time, name string) {
		if _, _, err := pub.Publish(at); err != nil {
			t.Fatal(err)
		}
		w.snapshot(filepath.Join(pubDir, "izmir"), name)
	}
	pub := open()
	for i := range uint32(120) {
		pub.Set(i, statuslist.Status{Class: adult + statuslist.Class(i%3)})
	}
	pub.Set(300, statuslist.Status{Class: adult})
	publish(pub, born, "v1")
	pub.Set(0, statuslist.Status{Class: adult, StopUntil: 18645}) // 18 January
	pub.Set(3, statuslist.Status{Class: adult, StopUntil: statuslist.Forever})
	publish(pub, born.Add(time.Hour), "v2")
	grown, err := ranges.Append(statuslist.Range{Scheme: 3, First: 100, Last: 149})
	if err != nil {
		t.Fatal(err)
	}
	if err := pub.SetRanges(grown); err != nil {
		t.Fatal(err)
	}
	pub.Set(400, statuslist.Status{Class: adult})
	for i := range uint32(40) {
		pub.Set(310+i, statuslist.Status{Class: adult, StopUntil: statuslist.Day(18640 + i)})
	}
	publish(pub, born.Add(2*time.Hour), "v3")
	publish(pub, born.Add(3*time.Hour), "v3-refreshed")
	pub.Set(1, statuslist.Status{Class: adult})
	publish(pub, born.AddDate(0, 0, 20), "v4") // stops ended meanwhile are folded
	cfg.Ranges, cfg.Roots, cfg.Key = grown, [][]byte{root1, makeRoot(t, "izmir", 2, "list b")}, key("list b")
	pub = open()
	pub.Set(2, statuslist.Status{Class: adult})
	publish(pub, born.AddDate(0, 0, 20).Add(time.Hour), "v5-new-key")

	otherDir := t.TempDir()
	other, err := statuslist.OpenPublisher(statuslist.PublisherConfig{
		Dir: otherDir, City: "ankara", Ranges: ranges, Rules: tables(), Key: key("list a"), Roots: [][]byte{makeRoot(t, "ankara", 1, "list a")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.Publish(born.AddDate(0, 0, 1)); err != nil {
		t.Fatal(err)
	}
	w.snapshot(filepath.Join(otherDir, "ankara"), "other-city")

	w.chips("chips", nil)
	w.chips("sealed", listSecret())
	w.script(fingerprint(t, root1))
	w.chipCases(fingerprint(t, root1))
	if err := os.WriteFile(filepath.Join(dir, "cases.txt"), []byte(w.cases.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func printed(scheme statuslist.Scheme, value uint64) string {
	s, ok := scheme.Format(value)
	if !ok {
		panic("a vector's number does not fit its scheme")
	}
	return s
}

// script writes the cases. The words wanted are written by hand from the
// rules above, not asked of the gate.
func (w *writer) script(fp string) {
	one := statuslist.Scheme{ID: 1, Digits: 8, Check: statuslist.CheckLuhn}
	guests := statuslist.Scheme{ID: 3, Digits: 7, Check: statuslist.Check97}
	card := func(i uint64) string { return printed(one, 1_000_000+i) }
	friday := time.Date(2021, 1, 15, 9, 30, 0, 0, time.UTC) // 12:30 in the city
	begin := func(name string) { fmt.Fprintf(&w.cases, "\ncase %s izmir %s\n", name, fp) }
	step := func(s string) { fmt.Fprintf(&w.cases, "step %s\n", s) }
	ask := func(number string, at time.Time, mode int, word string) {
		fmt.Fprintf(&w.cases, "%s,%d,%d %s\n", number, at.Unix(), mode, word)
	}
	// Card 0 is an adult stopped from v2 to 18 January, card 1 a senior (an
	// adult from v4), card 2 young (an adult from v5), card 3 an adult stopped
	// for good from v2, card 200 unpaired.
	v1 := func(at time.Time) { ask(card(0), at, 0, "open"); ask(card(3), at, 0, "open") }
	v2 := func(at time.Time) { ask(card(0), at, 0, "refuse"); ask(card(3), at, 0, "refuse") }

	begin("numbers")
	step("v1")
	ask(card(0), friday, 0, "open")
	ask(card(299), friday, 0, "refuse")
	ask(card(300), friday, 0, "refuse")                       // never issued
	ask(card(0)[:7]+"x", friday, 0, "refuse")                 // no number
	ask(card(0)[:7]+wrongDigit(card(0)), friday, 0, "refuse") // mistyped
	ask("000500", friday, 0, "open")
	ask("000501", friday, 0, "refuse")
	ask("000600", friday, 0, "refuse")
	ask(printed(one, 2_000_000), friday, 0, "refuse")
	ask(printed(guests, 100), friday, 0, "refuse") // issued later

	begin("rules")
	step("v1")
	ask(card(200), time.Date(2021, 1, 14, 20, 59, 59, 0, time.UTC), 0, "open")
	ask(card(200), time.Date(2021, 1, 14, 21, 0, 0, 0, time.UTC), 0, "refuse")
	ask(card(1), friday, 0, "open")
	ask(card(1), time.Date(2021, 1, 15, 6, 59, 59, 0, time.UTC), 0, "refuse")
	ask(card(1), time.Date(2021, 1, 15, 7, 0, 0, 0, time.UTC), 0, "open")
	ask(card(1), time.Date(2021, 1, 15, 10, 59, 59, 0, time.UTC), 0, "open")
	ask(card(1), time.Date(2021, 1, 15, 11, 0, 0, 0, time.UTC), 0, "refuse")
	ask(card(1), time.Date(2021, 1, 16, 9, 30, 0, 0, time.UTC), 0, "refuse") // a Saturday
	ask(card(1), time.Date(2021, 1, 16, 9, 30, 0, 0, time.UTC), 2, "open-full-fare")
	ask(card(1), time.Date(2021, 1, 16, 9, 30, 0, 0, time.UTC), 3, "refuse")
	ask(card(2), friday, 0, "refuse")
	ask(card(2), time.Date(2021, 1, 15, 19, 0, 0, 0, time.UTC), 0, "open")
	ask(card(2), time.Date(2021, 1, 15, 22, 59, 0, 0, time.UTC), 0, "open")
	ask(card(2), time.Date(2021, 1, 15, 23, 0, 0, 0, time.UTC), 0, "refuse")

	begin("stops")
	step("v1")
	v1(friday)
	step("v2")
	v2(friday)
	ask(card(0), time.Date(2021, 1, 18, 20, 59, 59, 0, time.UTC), 0, "refuse")
	ask(card(0), time.Date(2021, 1, 18, 21, 0, 0, 0, time.UTC), 0, "open")
	ask(card(3), time.Date(2021, 1, 18, 21, 0, 0, 0, time.UTC), 0, "refuse")

	begin("clock-behind-the-list")
	step("v2")
	ask(card(200), time.Unix(0, 0), 0, "open") // 14 January, the list's own time
	ask(card(0), time.Unix(0, 0), 0, "refuse")

	begin("stale")
	step("v2")
	late := born.AddDate(0, 0, 7).Add(time.Hour)
	ask(card(6), late, 0, "open")
	ask(card(200), late, 0, "refuse")
	ask(card(200), late.Add(time.Second), 0, "stale")
	ask(card(0), late.Add(time.Second), 0, "open")
	ask(card(3), late.Add(time.Second), 0, "refuse")
	ask(card(300), late.Add(time.Second), 0, "refuse")

	begin("growth")
	step("v1")
	ask(printed(guests, 100), friday, 0, "refuse")
	step("v3")
	ask(printed(guests, 100), friday, 0, "refuse") // issued, unpaired
	ask(printed(one, 2_000_000), friday, 0, "open")
	v2(friday)

	begin("fold")
	step("v3")
	step("v4")
	feb := born.AddDate(0, 0, 20)
	ask(card(0), feb, 0, "open")
	ask(card(3), feb, 0, "refuse")
	ask("000510", feb, 0, "open")
	ask("000549", feb, 0, "refuse") // until 18 February

	begin("fold-from-nothing")
	step("v4")
	ask(card(0), feb, 0, "open")
	ask("000510", feb, 0, "open")
	ask("000549", feb, 0, "refuse")

	begin("rollback")
	step("v2")
	step("v1")
	v2(friday)

	begin("rollback-over-many")
	step("v3")
	step("v1")
	step("v2")
	v2(friday)

	begin("replay-of-an-earlier-refresh")
	step("v3-refreshed")
	step("v3")
	stale := born.AddDate(0, 0, 7).Add(2*time.Hour + time.Minute)
	ask(card(200), stale, 0, "refuse") // would be stale by v3's own time

	begin("other-city")
	step("v1")
	step("other-city")
	v1(friday)

	begin("other-city-first")
	step("other-city")
	ask(card(0), friday, 0, "stale")

	begin("nothing-there")
	step("v1 drop head")
	ask(card(0), friday, 0, "stale")

	begin("revoked-key")
	step("v4")
	step("v5-new-key")
	ask(card(2), feb.Add(time.Hour), 0, "open")
	step("v4")
	ask(card(2), feb.Add(time.Hour), 0, "open")

	for _, harm := range []string{"flip head 40", "flip head 200", "cut head 1", "flip delta* 9", "drop rules*"} {
		name := "harmed-" + strings.NewReplacer(" ", "-", "*", "").Replace(harm)
		begin(name)
		step("v1")
		step("v2 " + harm)
		if strings.HasPrefix(harm, "drop rules") {
			v2(friday) // held already
			continue
		}
		v1(friday)
		step("v2")
		v2(friday)
	}
	for _, harm := range []string{"flip full* 60", "cut full* 3", "flip ranges* 20", "flip root-1 30", "drop root-1", "flip rules* 12"} {
		begin("harmed-first-" + strings.NewReplacer(" ", "-", "*", "").Replace(harm))
		step("v1 " + harm)
		ask(card(0), friday, 0, "stale")
		step("v1")
		v1(friday)
	}
}

func wrongDigit(number string) string {
	return string('0' + (number[len(number)-1]-'0'+1)%10)
}
