package booking

import (
	"slices"
	"testing"
	"time"
)

// TestNext: the order shown is the order of calling: appointments in their
// window first, after four of them one without, and who came before their
// time last.
func TestNext(t *testing.T) {
	n, err := Shipped("izsu")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2021, 1, 11, 7, 0, 0, 0, time.UTC)
	number := 0
	give := func(pool string, slot time.Duration, waited time.Duration, with bool) Ticket {
		number++
		tk := Ticket{Number: number, Pool: pool, State: InQueue, Arrived: now.Add(-waited)}
		if with {
			tk.Slot = now.Add(slot)
		}
		return tk
	}
	tickets := []Ticket{
		give("counter", time.Hour, 9*time.Minute, true),                                    // 1: long before their hour
		give("counter", 0, 8*time.Minute, false), give("counter", 0, 7*time.Minute, false), // 2, 3: without
	}
	for i := range 5 { // 4 to 8: due
		tickets = append(tickets, give("counter", time.Duration(i)*time.Minute, 6*time.Minute, true))
	}
	done := give("counter", 0, time.Hour, true)
	done.State, done.Called = Served, now.Add(-time.Hour)
	tickets = append(tickets, done)
	for _, c := range []struct {
		most int
		want []int
	}{{20, []int{4, 5, 6, 2, 7, 8, 3, 1}}, {3, []int{4, 5, 6}}, {0, nil}} {
		if got := n.Next(tickets, now, c.most); !slices.Equal(got, c.want) {
			t.Errorf("next %d: got %v, want %v", c.most, got, c.want)
		}
	}
}
