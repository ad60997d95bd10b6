package publish_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/internal/publish"
	"turnike/statuslist"
)

// chipCity is a city that knows the ids of its chips and no ranges.
func chipCity(t *testing.T) *city.Profile {
	t.Helper()
	file, err := os.ReadFile("../city/profiles/gaziantep.toml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(file), "[[scheme.range]]\nfirst = 2700000000000000\nlast = 2700000001199999\n", "", 1)
	text = strings.Replace(text, "digits = 16\ncheck = \"none\"\n", "digits = 17\ncheck = \"none\"\nchips = true\n", 1)
	set, err := city.LoadFS(fstest.MapFS{"gaziantep.toml": &fstest.MapFile{Data: []byte(text), Mode: fs.ModePerm}})
	if err != nil {
		t.Fatal(err)
	}
	return set["gaziantep"]
}

func chipID(n int) string { return fmt.Sprintf("%017d", 36_028_797_000_000_001+104_729*n) }

// TestChipsReachTheGate takes ids in, pairs some, stops one, issues another
// later and starts the server again; the gate knows each at every step.
func TestChipsReachTheGate(t *testing.T) {
	c := chipCity(t)
	keys := t.TempDir()
	key, err := statuslist.NewTagKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	var ids strings.Builder
	ids.WriteString("# issued until today\n\n")
	for n := range 3000 {
		fmt.Fprintln(&ids, chipID(n))
	}
	if _, err := publish.AddChips(keys, c, key, strings.NewReader(ids.String()+"123\n")); err == nil || !strings.Contains(err.Error(), "line 3003") {
		t.Errorf("a line that is no id: got %v, want line 3003 named", err)
	}
	for range 2 { // the same twice adds nothing
		if n, err := publish.AddChips(keys, c, key, strings.NewReader(ids.String())); n != 3000 || err != nil {
			t.Fatalf("chips: got %d, %v, want 3000", n, err)
		}
	}
	kept, err := os.ReadFile(filepath.Join(keys, c.ID, "chips-1"))
	if err != nil || len(kept) != 8*3000 || strings.Contains(string(kept), chipID(1)) {
		t.Fatalf("kept: %d bytes, %v, want eight a chip and no id", len(kept), err)
	}
	if _, err := publish.AddChips(keys, shipped(t, "izmir"), key, strings.NewReader("")); err != publish.ErrNoChips {
		t.Errorf("a city of ranges: got %v, want %v", err, publish.ErrNoChips)
	}

	w := newWorldOf(t, c, time.Date(2021, 2, 1, 9, 0, 0, 0, c.Location()), func(w *world) {
		dir := filepath.Join(w.dir, "keys", c.ID)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "chips-1"), kept, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	tomorrow := int32(statuslist.DayOf(w.now)) + 1
	check := func(when string, stopped gate.Decision) {
		t.Helper()
		for n := range 3000 {
			want := gate.Refuse
			if n >= 10 && n < 20 {
				want = gate.Admit
			}
			if n == 11 {
				want = stopped
			}
			w.tap(when, chipID(n), want)
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	for n := 10; n < 20; n++ {
		w.put(chipID(n), card.Paired, 0)
	}
	w.now = w.now.Add(time.Second)
	w.step()
	check("paired", gate.Admit)
	w.put(chipID(11), card.Paired, tomorrow)
	w.now = w.now.Add(time.Second)
	w.step()
	check("one stopped", gate.Refuse)
	before, _ := w.list.Head()
	w.open()
	w.now = w.now.Add(time.Second)
	w.step()
	check("after a restart", gate.Refuse)
	if h, _ := w.list.Head(); h.Sequence != before.Sequence && h.Functions != before.Functions {
		t.Errorf("a restart made other functions, %v after %v", h.Functions, before.Functions)
	}
	w.put(chipID(5000), card.Paired, 0)
	w.put(chipID(11), card.Paired, 0)
	w.now = w.now.Add(time.Second)
	w.step()
	check("lifted", gate.Admit)
	w.tap("issued later", chipID(5000), gate.Admit)
}
