package booking

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestRehearsedDays(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	c, _ := n.CentreByID("karabaglar") // five counters
	pace := NewPace(n)
	r := rand.New(rand.NewPCG(1, 2))
	var all Score
	for day := Date(2021, 3, 1); day < Date(2021, 4, 30); day++ {
		if day == Date(2021, 3, 10) {
			all = Score{} // by now the pace is known
		}
		tickets, floor := n.Rehearse(c, day, n.Crowd(c, day, Crowd{Bookable: 0.7, Fill: 0.7, Walkins: 9}, r), pace, r)
		if floor > c.Floor {
			t.Errorf("%s: got %d people on the floor, want at most %d", day, floor, c.Floor)
		}
		for i, k := range tickets {
			if k.Number != i+1 {
				t.Errorf("%s: got number %d, want %d", day, k.Number, i+1)
			}
		}
		all.Add(ScoreOf(tickets))
	}
	t.Logf("%d of %d in time, %d of %d waits kept, %d walk-ins wait %v in the median, %d unserved", all.InTime, all.Appointments,
		all.Kept, all.Shown, all.Walkins, all.Wait[len(all.Wait)/2], all.Unserved)
	if got := float64(all.InTime) / float64(all.Appointments); got < 0.95 {
		t.Errorf("called within five minutes: got %.3f, want 0.95", got)
	}
	if got := float64(all.Kept) / float64(all.Shown); got < 0.8 {
		t.Errorf("waits kept: got %.3f, want 0.8", got)
	}
}

func TestPick(t *testing.T) {
	n := &Network{Unit: 15}
	n.Rules.EarlyMinutes, n.Rules.LateMinutes, n.Rules.WalkAfter, n.Rules.WalkAfterMinutes = 10, 10, 3, 20
	at := func(m int) time.Time { return time.Date(2021, 3, 17, 9, m, 0, 0, time.UTC) }
	for _, c := range []struct {
		name string
		now  int
		line line
		want int // number, 0 for nobody
	}{
		{"nobody", 0, line{}, 0},
		{"an appointment in its window before a walk-in", 5, line{waiting: []waiter{{1, time.Time{}, at(0)}, {2, at(15), at(4)}}}, 2},
		{"not before its window", 4, line{waiting: []waiter{{1, time.Time{}, at(0)}, {2, at(15), at(4)}}}, 1},
		{"the earlier hour first, not the earlier comer", 10, line{waiting: []waiter{{1, at(15), at(1)}, {2, at(10), at(9)}}}, 2},
		{"who is too late has lost the right", 30, line{waiting: []waiter{{1, at(10), at(21)}, {2, time.Time{}, at(20)}}}, 2},
		{"a walk-in after so many appointments", 5, line{waiting: []waiter{{1, time.Time{}, at(0)}, {2, at(15), at(4)}}, since: 3}, 1},
		{"a walk-in after so long", 20, line{waiting: []waiter{{1, time.Time{}, at(0)}, {2, at(15), at(4)}}}, 1},
		{"but not two in a row", 20, line{waiting: []waiter{{1, time.Time{}, at(0)}, {2, at(15), at(4)}}, walked: at(19)}, 2},
		{"early comers when nobody else waits", 0, line{waiting: []waiter{{1, at(45), at(0)}, {2, at(30), at(0)}}}, 2},
	} {
		got := 0
		if i := n.pick(&c.line, at(c.now)); i >= 0 {
			got = c.line.waiting[i].number
		}
		if got != c.want {
			t.Errorf("%s: got number %d, want %d", c.name, got, c.want)
		}
	}
}

func BenchmarkForecast(b *testing.B) {
	n, err := Shipped("izsu")
	if err != nil {
		b.Fatal(err)
	}
	now := Date(2021, 3, 17).At(10*60, n.zone)
	var ts []Ticket
	for i := range 14 {
		k := Ticket{Number: i + 1, Pool: "counter", Service: "closing", Matters: 1, State: InQueue, Arrived: now.Add(-time.Duration(20-i) * time.Minute)}
		if i < 4 {
			k.State, k.Called, k.Started = Serving, k.Arrived, k.Arrived
		}
		ts = append(ts, k)
	}
	r := rand.New(rand.NewPCG(1, 2))
	p := NewPace(n)
	for b.Loop() {
		n.Forecast(p, Scene{"counter", ts, nil, func(int) int { return 4 }, now}, 0, 200, r)
	}
}
