package conform

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"turnike/statuslist"
)

// tagSecret is the cases' tag key, as FORMAT.md says.
const tagSecret = "turnike conforms"

// listSecret is the cases' list secret, as FORMAT.md says.
func listSecret() *statuslist.Secret {
	s, err := statuslist.NewSecret([]byte("turnike conforms, and seals lists"))
	if err != nil {
		panic(err) // 33 bytes are in range
	}
	return s
}

var chipIDs = statuslist.Scheme{ID: 7, Name: "chips", Digits: 17, Chips: true}

// chipNumber is the printed id of the n-th chip.
func chipNumber(n int) string { return fmt.Sprintf("%017d", 36_000_000_000_001+7919*n) }

// chips publishes a city that has some ranges and chips besides: 400 of them,
// every third paired, one stopped later, one issued later.
func (w *writer) chips(name string, secret *statuslist.Secret) {
	tagKey, err := statuslist.NewTagKey([]byte(tagSecret))
	if err != nil {
		w.t.Fatal(err)
	}
	one := statuslist.Scheme{ID: 1, Name: "printed", Digits: 8, Check: statuslist.CheckLuhn}
	ranges, err := statuslist.NewRanges([]statuslist.Scheme{one, chipIDs}, statuslist.Range{Scheme: 1, First: 1_000_000, Last: 1_000_099})
	if err != nil {
		w.t.Fatal(err)
	}
	dir := w.t.TempDir()
	pub, err := statuslist.OpenPublisher(statuslist.PublisherConfig{
		Dir: dir, City: "izmir", Ranges: ranges, Rules: tables(), Key: key("list a"), Roots: [][]byte{makeRoot(w.t, "izmir", 1, "list a")}, Keep: 240 * time.Hour,
		Secret: secret,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	set := func(n int, s statuslist.Status) {
		number, ok := chipIDs.Parse([]byte(chipNumber(n)), tagKey)
		if !ok {
			w.t.Fatalf("chip %d has no number", n)
		}
		pub.SetChips(func(yield func(uint64, statuslist.Status) bool) { yield(number.Value, s) })
	}
	pub.Set(0, statuslist.Status{Class: adult})
	for n := range 400 {
		s := statuslist.Status{Class: unpaired}
		if n%3 == 0 {
			s.Class = adult + statuslist.Class(n%9/3)
		}
		set(n, s)
	}
	publish := func(at time.Time, name string) {
		if _, _, err := pub.Publish(at); err != nil {
			w.t.Fatal(err)
		}
		w.snapshot(filepath.Join(dir, "izmir"), name)
	}
	publish(born, name+"1")
	pub.Set(1, statuslist.Status{Class: adult})
	set(0, statuslist.Status{Class: adult, StopUntil: 18645})
	set(1, statuslist.Status{Class: adult})
	set(400, statuslist.Status{Class: adult})
	publish(born.Add(time.Hour), name+"2")
	set(2, statuslist.Status{Class: adult})
	publish(born.Add(2*time.Hour), name+"3")
}

// chipCases are the cases of functions. An id nobody issued is not asked:
// what a function says of it means nothing.
func (w *writer) chipCases(fp string) {
	friday := time.Date(2021, 1, 15, 9, 30, 0, 0, time.UTC)
	begin := func(name string) { fmt.Fprintf(&w.cases, "\ncase %s izmir %s\n", name, fp) }
	step := func(s string) { fmt.Fprintf(&w.cases, "step %s\n", s) }
	ask := func(number string, at time.Time, word string) {
		fmt.Fprintf(&w.cases, "%s,%d,0 %s\n", number, at.Unix(), word)
	}
	// Chips 0, 9, 18 are adults, 3, 12 seniors, 6, 15 young, the rest unpaired.
	first := func() {
		for n := range 60 {
			word := "refuse"
			if n%9 == 0 || n%9 == 3 {
				word = "open" // adults, and seniors at half past twelve
			}
			ask(chipNumber(n), friday, word)
		}
	}
	card := func(i uint64) string {
		return printed(statuslist.Scheme{ID: 1, Digits: 8, Check: statuslist.CheckLuhn}, 1_000_000+i)
	}
	begin("functions")
	step("chips1")
	first()
	ask(card(0), friday, "open")
	ask(card(1), friday, "refuse")
	ask(card(100), friday, "refuse") // never issued
	ask("123", friday, "refuse")     // no number

	later := func(third string) {
		ask(chipNumber(0), friday, "refuse")
		ask(chipNumber(0), time.Date(2021, 1, 18, 21, 0, 0, 0, time.UTC), "open")
		ask(chipNumber(1), friday, "open")
		ask(chipNumber(2), friday, third)
		ask(chipNumber(9), friday, "open")
		ask(chipNumber(4), friday, "refuse")
		ask(chipNumber(400), friday, "open")
	}
	begin("functions-laid-over")
	step("chips1")
	step("chips2")
	later("refuse")
	step("chips3")
	later("open")

	begin("functions-from-nothing")
	step("chips3")
	later("open")

	begin("functions-rollback")
	step("chips3")
	step("chips1")
	later("open")

	begin("sealed")
	step("sealed1")
	first()
	ask(card(0), friday, "open")
	ask(card(1), friday, "refuse")
	step("sealed2")
	ask(card(1), friday, "open")
	later("refuse")
	step("sealed3")
	later("open")
	for _, harm := range []string{"flip full* 100", "flip function-* 40", "cut full* 1", "flip full* 4"} {
		begin("sealed-harmed-" + strings.NewReplacer(" ", "-", "*", "").Replace(harm))
		step("sealed1 " + harm)
		ask(chipNumber(0), friday, "stale")
		step("sealed1")
		first()
	}

	for _, harm := range []string{"flip function-* 60", "cut function-* 1", "flip functions* 12", "drop function-*", "drop functions*", "flip head 4"} {
		begin("functions-harmed-" + strings.NewReplacer(" ", "-", "*", "").Replace(harm))
		step("chips1 " + harm)
		ask(chipNumber(0), friday, "stale")
		step("chips1")
		first()
	}
}
