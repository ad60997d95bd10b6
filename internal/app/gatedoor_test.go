package app_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"turnike/gate"
	"turnike/gate/agent/door"
	"turnike/internal/app"
	"turnike/internal/audit"
	"turnike/statuslist"
)

// TestGatesAreWatched: what validators say of themselves is seen inside, silence
// ages, and one that is put out learns it within the second.
func TestGatesAreWatched(t *testing.T) {
	w := newWorld(t)
	v := w.validator("istanbul")
	if err := w.app.Publish(t.Context(), "istanbul"); err != nil {
		t.Fatal(err)
	}
	v.hold("0000000000000000")
	if err := v.agent.Report(t.Context()); err != nil {
		t.Fatal(err)
	}
	states := func() (s app.GateStates) {
		t.Helper()
		resp, err := http.Get(w.admin + "/gates/istanbul")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := states()
	if len(s.Devices) != 1 || s.Devices[0].Level != "fresh" || s.Devices[0].Batches != 1 || s.Devices[0].List == 0 || s.Devices[0].Name != "A" {
		t.Fatalf("devices: got %+v, want one that is well", s)
	}
	for _, c := range []struct {
		pass  time.Duration
		level string
	}{{25 * time.Hour, "amber"}, {48 * time.Hour, "alarm"}} {
		w.pass(c.pass)
		if s := states(); s.Devices[0].Level != c.level {
			t.Errorf("%v later: got %s, want %s", c.pass, s.Devices[0].Level, c.level)
		}
	}
	resp, err := http.Get(w.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`turnike_gates{city="istanbul"} 1`, `turnike_gates_stale{city="istanbul",over="24h"} 1`, `turnike_gates_stale{city="istanbul",over="72h"} 1`,
		`turnike_gates_lost_batches{city="istanbul"} 0`, `turnike_gates_forked{city="istanbul"} 0`, `turnike_gates{city="izmir"} 0`,
	} {
		if !strings.Contains(string(metrics), want+"\n") {
			t.Errorf("metrics: got none %s", want)
		}
	}
	operator := audit.Actor{Kind: "staff", Ref: "op-1", Channel: "console"}
	id := gate.Device{}
	for i := range id {
		id[i] = unhex(t, v.place.Device[2*i:2*i+2])
	}
	if err := w.app.Gates().Revoke(t.Context(), "istanbul", id, operator, "stolen", w.clock()); err != nil {
		t.Fatal(err)
	}
	if err := v.agent.Report(t.Context()); !errors.Is(err, door.ErrOut) || v.agent.Out().IsZero() {
		t.Errorf("put out: got %v, out since %v, want it to know", err, v.agent.Out())
	}
	if err := v.journal.Record(gate.Answer{Decision: gate.Refuse}, gate.Tap{At: w.clock(), Uptime: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := v.agent.HandIn(t.Context()); !errors.Is(err, door.ErrOut) {
		t.Errorf("put out, handing in: got %v, want %v", err, door.ErrOut)
	}
	if got := v.gate.Decide(statuslist.Number{}, w.clock(), 0); got != gate.Refuse {
		t.Errorf("put out, deciding: got %v, want it to go on", got)
	}
	if s := states(); s.Devices[0].Level != "revoked" || s.Summary.Devices != 0 {
		t.Errorf("put out: got %+v", s)
	}
}

func unhex(t *testing.T, s string) byte {
	t.Helper()
	const digits = "0123456789abcdef"
	hi, lo := strings.IndexByte(digits, s[0]), strings.IndexByte(digits, s[1])
	if hi < 0 || lo < 0 {
		t.Fatalf("%q is no hex", s)
	}
	return byte(hi<<4 | lo)
}
