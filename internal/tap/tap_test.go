package tap_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/tap"
	"turnike/statuslist"
)

const town = "istanbul"

var noon = time.Date(2021, 1, 15, 9, 0, 0, 0, time.UTC)

func key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func enrol(m *tap.Memory, k ed25519.PrivateKey, revoked time.Time) {
	public := k.Public().(ed25519.PublicKey)
	m.Enrol(town, tap.Device{ID: statuslist.KeyIDOf(public), Key: public, Revoked: revoked})
}

// shift makes the chain of signed batches of one boot, an hour each.
func shift(k ed25519.PrivateKey, boot byte, n int) (files [][]byte) {
	var before statuslist.Digest
	for i := range n {
		hour, ran := noon.Unix()/3600+int64(i), time.Duration(i+1)*time.Hour
		b := gate.Batch{
			City: town, Boot: gate.Boot{boot}, Sequence: uint64(i + 1), Before: before, Sealed: noon.Add(ran), Uptime: ran,
			Counts: []gate.Count{
				{Hour: hour, Stop: 7, Issued: true, Class: statuslist.Class(card.Paired), Decision: gate.Admit, Taps: uint64(10 + i)},
				{Hour: hour, Stop: 7, Issued: true, Class: statuslist.Class(card.Paired), Decision: gate.Refuse, Taps: 1},
				{Hour: hour, Stop: 8, Issued: true, Class: statuslist.Class(card.Unpaired), Decision: gate.Refuse, Taps: 3},
				{Hour: hour, Stop: 8, Decision: gate.Refuse, Taps: 2},
			},
			Stopped: []gate.Stopped{{
				Index: uint32(i), Class: statuslist.Class(card.Paired), Stop: 7, At: noon.Add(ran - time.Minute),
				Uptime: ran - time.Minute, Sequence: 1, ListIssued: noon.Add(-2 * time.Hour),
			}},
		}
		file := b.Sign(k)
		before = statuslist.Sum(file)
		files = append(files, file)
	}
	return files
}

// TestAnyOrderOneResult: batches in any order, some of them twice, give the
// figures of each once.
func TestAnyOrderOneResult(t *testing.T) {
	a, b := key("a"), key("b")
	files := append(shift(a, 1, 5), shift(b, 2, 4)...)
	take := func(order []int) (*tap.Memory, error) {
		m := tap.NewMemory()
		enrol(m, a, time.Time{})
		enrol(m, b, time.Time{})
		seen := map[int]bool{}
		for _, i := range order {
			got, err := tap.Service{Store: m}.Take(context.Background(), town, files[i], noon.Add(24*time.Hour))
			if err != nil {
				return m, err
			}
			if got.Fresh == seen[i] {
				t.Errorf("batch %d: fresh %v, taken before %v", i, got.Fresh, seen[i])
			}
			seen[i] = true
		}
		return m, nil
	}
	want, err := take([]int{0, 1, 2, 3, 4, 5, 6, 7, 8})
	if err != nil {
		t.Fatal(err)
	}
	f := tap.Sum(want.Counts(town))
	if got, want := f.All, (tap.Tally{Opened: 10 + 11 + 12 + 13 + 14 + 10 + 11 + 12 + 13, Refused: 9 * 6}); got != want {
		t.Errorf("all taps: got %+v, want %+v", got, want)
	}
	if got, want := f.Unissued, (tap.Tally{Refused: 18}); got != want {
		t.Errorf("numbers never issued: got %+v, want %+v", got, want)
	}
	if got, want := f.ByStop[8], (tap.Tally{Refused: 45}); got != want {
		t.Errorf("stop 8: got %+v, want %+v", got, want)
	}
	if got, want := f.ByClass[card.Unpaired], (tap.Tally{Refused: 27}); got != want {
		t.Errorf("unpaired: got %+v, want %+v", got, want)
	}
	if got := len(want.Attempts(town)); got != 9 {
		t.Errorf("%d attempts, want 9", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 3, 3, 7}).Draw(t, "order")
		got, err := take(order)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want.Counts(town), got.Counts(town)); d != "" {
			t.Fatalf("figures (-want +got):\n%s", d)
		}
		if d := cmp.Diff(want.Receipts(town), got.Receipts(town)); d != "" {
			t.Fatalf("receipts (-want +got):\n%s", d)
		}
	})
}

func TestWhoMayHandIn(t *testing.T) {
	a := key("a")
	file := shift(a, 1, 1)[0]
	other := (&gate.Batch{City: town, Boot: gate.Boot{1}, Sequence: 1, Sealed: noon}).Sign(a)
	bent := append([]byte(nil), file...)
	bent[len(bent)-1] ^= 1
	for name, c := range map[string]struct {
		revoked time.Time
		city    string
		first   []byte
		file    []byte
		want    error
	}{
		"enrolled":       {file: file},
		"revoked since":  {revoked: noon.Add(23 * time.Hour), file: file, want: tap.ErrDevice},
		"revoked later":  {revoked: noon.Add(25 * time.Hour), file: file},
		"stranger":       {file: shift(key("b"), 1, 1)[0], want: tap.ErrDevice},
		"bent signature": {file: bent, want: tap.ErrDevice},
		"other city":     {city: "izmir", file: file, want: tap.ErrBatch},
		"no batch":       {file: []byte("hello"), want: tap.ErrBatch},
		"forked":         {first: other, file: file, want: tap.ErrForked},
	} {
		m := tap.NewMemory()
		enrol(m, a, c.revoked)
		if c.city == "" {
			c.city = town
		}
		s := tap.Service{Store: m}
		if c.first != nil {
			if _, err := s.Take(t.Context(), town, c.first, noon.Add(24*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		_, err := s.Take(t.Context(), c.city, c.file, noon.Add(24*time.Hour))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if got := len(m.Counts(town)); (got == 0) != (c.want != nil) {
			t.Errorf("%s: %d figures kept after %v", name, got, err)
		}
	}
}

func TestLossesAndForks(t *testing.T) {
	a := key("a")
	files := shift(a, 1, 6)
	m := tap.NewMemory()
	enrol(m, a, time.Time{})
	for _, i := range []int{1, 4, 5} { // the first, third and fourth are lost
		if _, err := (tap.Service{Store: m}).Take(t.Context(), town, files[i], noon.Add(24*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	receipts := m.Receipts(town)
	lost, forked := tap.Losses(receipts)
	id, boot := receipts[0].Device, gate.Boot{1}
	if d := cmp.Diff([]tap.Loss{{id, boot, 1, 1}, {id, boot, 3, 4}}, lost); d != "" {
		t.Errorf("lost (-want +got):\n%s", d)
	}
	if len(forked) != 0 {
		t.Errorf("forked: %v, want none", forked)
	}
	receipts[2].Before = statuslist.Digest{9}
	if _, forked = tap.Losses(receipts); len(forked) != 1 || forked[0].Sequence != 6 {
		t.Errorf("a batch that does not follow the one before: got %v, want that of sequence 6", forked)
	}
}

// TestReportable: nobody is held to account on a clock's word. Whatever the
// device's clock says, an attempt that really happened before the stop took
// effect or before the person was told is never reportable.
func TestReportable(t *testing.T) {
	k := key("a")
	rapid.Check(t, func(t *rapid.T) {
		hours := func(name string, from, to int) time.Duration {
			return time.Duration(rapid.IntRange(from*60, to*60).Draw(t, name)) * time.Minute
		}
		skew := hours("clock off by", -72, 72)
		boot := noon
		really := boot.Add(hours("tap after boot", 0, 48))
		issued := really.Add(-hours("list age", 0, 24))
		sealed := really.Add(hours("sealed after tap", 0, 24))
		received := sealed.Add(hours("upload late by", 0, 72))
		b := gate.Batch{
			City: town, Boot: gate.Boot{1}, Sequence: 1, Sealed: sealed.Add(skew), Uptime: sealed.Sub(boot),
			Stopped: []gate.Stopped{{At: really.Add(skew), Uptime: really.Sub(boot), Sequence: 1, ListIssued: issued.Truncate(time.Second)}},
		}
		m := tap.NewMemory()
		enrol(m, k, time.Time{})
		got, err := tap.Service{Store: m}.Take(context.Background(), town, b.Sign(k), received)
		if err != nil {
			t.Fatal(err)
		}
		a := got.Attempts[0]
		effective := really.Add(hours("stop took effect", -48, 48))
		told := really.Add(hours("person told", -48, 48))
		if a.Reportable(effective, told) && (!really.After(effective) || !really.After(told)) {
			t.Fatalf("reported: tap %v, stop %v, told %v, bounds %v to %v", really, effective, told, a.Earliest, a.Latest)
		}
		if a.Reportable(effective, time.Time{}) {
			t.Fatal("reported although nobody was told")
		}
	})
	a := tap.Attempt{Certain: true, Earliest: noon, ListIssued: noon}
	if !a.Reportable(noon.Add(-2*time.Hour), noon.Add(-time.Hour)) {
		t.Error("an attempt for certain after both is not reportable")
	}
}

// FuzzTake: whatever a device sends, it is taken whole or refused by name.
func FuzzTake(f *testing.F) {
	k := key("a")
	for _, file := range shift(k, 1, 2) {
		f.Add(file)
		f.Add(file[:len(file)/2])
	}
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		m := tap.NewMemory()
		enrol(m, k, time.Time{})
		got, err := tap.Service{Store: m}.Take(context.Background(), town, file, noon)
		if err != nil && !errors.Is(err, tap.ErrBatch) && !errors.Is(err, tap.ErrDevice) {
			t.Fatalf("an error with no name: %v", err)
		}
		if kept := len(m.Receipts(town)); (kept == 1) != (err == nil) || got.Fresh != (err == nil) {
			t.Fatalf("%d receipts, fresh %v after %v", kept, got.Fresh, err)
		}
	})
}
