package access

import (
	"testing"
	"time"
)

// TestCrowd: so many failures a minute slow nobody, more slow every stranger a
// little, never for long, and a quiet minute ends it.
func TestCrowd(t *testing.T) {
	var c crowd
	now := time.Date(2021, 1, 12, 9, 0, 0, 0, time.UTC)
	for range crowdFree {
		c.failed(now)
	}
	if got := c.wait(now); got != 0 {
		t.Errorf("after %d failures: wait %v, want none", crowdFree, got)
	}
	c.failed(now)
	if got := c.wait(now); got <= 0 || got > crowdMost {
		t.Errorf("after one more: wait %v, want a little", got)
	}
	for range 1000 {
		c.failed(now)
	}
	if got := c.wait(now); got != crowdMost {
		t.Errorf("after a thousand: wait %v, want %v", got, crowdMost)
	}
	if got := c.wait(now.Add(time.Minute + 1)); got != 0 {
		t.Errorf("a minute later: wait %v, want none", got)
	}
}

// TestWaits: five tries are free, each further one waits twice as long, up to a
// quarter of an hour, however many follow.
func TestWaits(t *testing.T) {
	now := time.Date(2021, 1, 12, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		fails int
		want  time.Duration
	}{{0, 0}, {4, 0}, {5, 30 * time.Second}, {6, time.Minute}, {9, 8 * time.Minute}, {10, 15 * time.Minute}, {11, 15 * time.Minute}, {1 << 40, 15 * time.Minute}} {
		a := Account{Fails: c.fails, Failed: now}
		if !mayTry(a, false, now.Add(c.want)) {
			t.Errorf("%d fails: refused after %v", c.fails, c.want)
		}
		if c.want > 0 && mayTry(a, false, now.Add(c.want-time.Second)) {
			t.Errorf("%d fails: let in a second before %v", c.fails, c.want)
		}
		if !mayTry(a, true, now) {
			t.Errorf("%d fails of strangers lock a known browser out", c.fails)
		}
		a.Known = freeTries
		if mayTry(a, true, now) != (c.want == 0) {
			t.Errorf("%d fails, and %d of the known browser: it is still counted apart", c.fails, a.Known)
		}
	}
}
