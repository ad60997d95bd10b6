package booking

import (
	"testing"
	"time"
)

// fullBoard is a board of all of İZSU's centres for thirty days, nothing
// booked.
func fullBoard(tb testing.TB) (*Board, Day, time.Time) {
	tb.Helper()
	n, err := Shipped("izsu")
	if err != nil {
		tb.Fatal(err)
	}
	n.Waves, n.Rules.HorizonDays = nil, 60
	b := newBoard(n)
	from := Date(2021, 3, 17)
	for i := range n.Centres {
		c := &n.Centres[i]
		for d := from; d < from+30; d++ {
			var list []Cell
			for _, p := range n.Plan(c, d, nil) {
				list = append(list, Cell{Pool: p.Pool, Unit: p.Unit, Plan: p.Desks, Cap: p.Desks, Phone: p.Phone, Walk: p.Walk})
			}
			b.swap(&view{key: DayKey{n.ID, c.ID, d}, centre: c, version: 1, cells: cellsOf(list)})
		}
	}
	return b, from, from.At(10*60+1, n.zone)
}

func TestBoard(t *testing.T) {
	b, from, now := fullBoard(t)
	grid, err := b.Grid("closing", 1, from, 30, Web, now)
	if err != nil || len(grid) != 900 {
		t.Fatalf("grid: got %d days and %v, want 900", len(grid), err)
	}
	// The grid and the slots of a day say the same.
	for _, g := range grid {
		slots, _, err := b.Slots(g.Centre, g.Day, "closing", 1, Web, now)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, s := range slots {
			sum += s.Free
		}
		first := time.Time{}
		if len(slots) > 0 {
			first = slots[0].Start
		}
		if sum != g.Free || !first.Equal(g.First) {
			t.Errorf("%s %s: got %d from %v in the grid, %d from %v in the slots", g.Centre, g.Day, g.Free, g.First, sum, first)
		}
	}
	s, ok := b.Soonest("high-bill", 1, "", from, 30, Web, now)
	if want := from.At(10*60+15, b.net.zone); !ok || !s.Start.Equal(want) || s.Place.Units != 2 {
		t.Errorf("soonest: got %v for %d units, want %v for 2", s.Start, s.Place.Units, want)
	}
	for _, c := range []struct {
		day  Day
		want bool
	}{{from, true}, {Date(2021, 3, 20), false}} { // a Saturday
		if slots, _, err := b.Slots("konak", c.day, "closing", 1, Web, now); len(slots) > 0 != c.want || err != nil {
			t.Errorf("%s: got %d slots and %v, want some: %v", c.day, len(slots), err, c.want)
		}
	}
	if _, _, err := b.Slots("nowhere", from, "closing", 1, Web, now); err == nil {
		t.Errorf("slots of no centre: got them, want %v", ErrNoCentre)
	}
}

func BenchmarkGrid(b *testing.B) {
	board, from, now := fullBoard(b)
	for b.Loop() {
		if _, err := board.Grid("closing", 1, from, 30, Web, now); err != nil {
			b.Fatal(err)
		}
	}
}
