package tap

import (
	"cmp"
	"slices"

	"turnike/gate"
	"turnike/internal/card"
)

// Tally is what became of a number of taps.
type Tally struct {
	Opened   uint64 `json:"opened"`    // at the card's fare
	FullFare uint64 `json:"full_fare"` // opened, without the card's reductions
	Refused  uint64 `json:"refused"`
	Stale    uint64 `json:"stale"` // the device had no list to go by
}

// Taps is how many there were.
func (t Tally) Taps() uint64 { return t.Opened + t.FullFare + t.Refused + t.Stale }

func (t *Tally) add(c Count) {
	switch c.Decision {
	case gate.Admit:
		t.Opened += c.Taps
	case gate.AdmitFullFare:
		t.FullFare += c.Taps
	case gate.Refuse:
		t.Refused += c.Taps
	default:
		t.Stale += c.Taps
	}
}

// Figures are counts, added up the ways people ask for them.
type Figures struct {
	All      Tally
	ByHour   map[int64]Tally
	ByClass  map[card.Class]Tally
	ByStop   map[uint32]Tally
	Unissued Tally // numbers no table knows: in All and ByHour, in no class
}

// Sum adds counts up.
func Sum(counts []Count) Figures {
	f := Figures{ByHour: map[int64]Tally{}, ByClass: map[card.Class]Tally{}, ByStop: map[uint32]Tally{}}
	for _, c := range counts {
		f.All.add(c)
		addTo(f.ByHour, c.Hour, c)
		addTo(f.ByStop, c.Stop, c)
		if c.Unissued {
			f.Unissued.add(c)
		} else {
			addTo(f.ByClass, c.Class, c)
		}
	}
	return f
}

func addTo[K comparable](m map[K]Tally, k K, c Count) {
	t := m[k]
	t.add(c)
	m[k] = t
}

// Loss is a run of batches that a device sealed and the city never got.
type Loss struct {
	Device      gate.Device
	Boot        gate.Boot
	First, Last uint64
}

// Losses finds the gaps in the sequences of each boot. The batches after the
// last that came are not missed by it: nobody knows yet that they exist.
// Forked tells of two batches that do not follow each other although their
// numbers do: what lies between was cut out.
func Losses(receipts []Receipt) (lost []Loss, forked []Receipt) {
	sorted := slices.Clone(receipts)
	slices.SortFunc(sorted, compareReceipts)
	var before Receipt
	for _, r := range sorted {
		if r.Device != before.Device || r.Boot != before.Boot {
			before = Receipt{Device: r.Device, Boot: r.Boot}
		}
		switch {
		case r.Sequence > before.Sequence+1:
			lost = append(lost, Loss{r.Device, r.Boot, before.Sequence + 1, r.Sequence - 1})
		case r.Sequence == before.Sequence+1 && r.Before != before.Digest:
			forked = append(forked, r)
		}
		before = r
	}
	return lost, forked
}

func compareCounts(a, b Count) int {
	return cmp.Or(
		cmp.Compare(a.Hour, b.Hour), cmp.Compare(a.Stop, b.Stop), cmp.Compare(a.Mode, b.Mode),
		cmp.Compare(a.Class, b.Class), cmp.Compare(a.Decision, b.Decision), compareBool(a.Unissued, b.Unissued),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
