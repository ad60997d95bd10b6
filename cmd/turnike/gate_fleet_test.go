package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"turnike/internal/app"
)

// TestGateFromTokenToRevocation: the operator's commands and a device's, against
// a running server: a token, a device that enrols by it and answers a tap, its
// state in the city's table, a rule tried on what it counted, and its end.
func TestGateFromTokenToRevocation(t *testing.T) {
	dir := t.TempDir()
	data, keys := filepath.Join(dir, "data"), filepath.Join(dir, "keys")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a, err := app.New(ctx, app.Config{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: data, Keys: keys, Migrate: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	address, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- a.Run(ctx, func(at net.Addr) { address <- at }) }()
	var server string
	select {
	case at := <-address:
		server = "http://" + at.String()
	case err := <-ended:
		t.Fatal(err)
	}
	if err := a.Publish(ctx, "istanbul"); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (string, error) {
		t.Helper()
		var out, complaints bytes.Buffer
		err := run(ctx, args, &out, &complaints)
		return out.String(), err
	}
	out, err := command("gate", "enrol", "--data", data, "--city", "istanbul", "--name", "Kadıköy", "--stop", "4211", "--count", "2", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var tokens []struct{ Name, Token string }
	if err := json.Unmarshal([]byte(out), &tokens); err != nil || len(tokens) != 2 || tokens[1].Name != "Kadıköy 2" {
		t.Fatalf("tokens: got %s, %v, want two", out, err)
	}
	// Two starts of the device: the second needs no token.
	device := filepath.Join(dir, "device")
	for _, token := range []string{tokens[0].Token, ""} {
		var answers bytes.Buffer
		lines := strings.NewReader("0000000000000000\n")
		g := GateRunCmd{City: "istanbul", Server: server, Token: token, Dir: device, Every: time.Second, SealEvery: 50 * time.Millisecond,
			Wait: 10 * time.Second, in: slowly{lines, 700 * time.Millisecond}}
		if err := g.Run(ctx, &answers); err != nil {
			t.Fatal(err)
		}
		if answers.String() != "refuse\n" {
			t.Errorf("a card nobody issued: got %q, want it refused", answers.String())
		}
	}
	if _, err := command("gate", "--city", "istanbul", "--server", server, "--dir", filepath.Join(dir, "other")); err == nil || !strings.Contains(err.Error(), "--token") {
		t.Errorf("a device without a token: got %v, want to be told of --token", err)
	}
	out, err = command("gate", "status", "--data", data, "--city", "istanbul", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var states app.GateStates
	if err := json.Unmarshal([]byte(out), &states); err != nil || len(states.Devices) != 1 || states.Devices[0].Batches == 0 || states.Devices[0].Stop != 4211 {
		t.Fatalf("status: got %s, %v, want the one device and its batches", out, err)
	}
	if out, err = command("gate", "status", "--dir", device); err != nil || !strings.Contains(out, "takes its taps") {
		t.Errorf("on the device: got %s, %v, want that the city takes its taps", out, err)
	}
	today := time.Now().Format(time.DateOnly)
	if out, err = command("rules", "try", "--from-db", data, "--day", today, "--class", "paired", "--out", filepath.Join(dir, "rule.html"), "--lang", "en"); err != nil || !strings.Contains(out, "Of the ") {
		t.Errorf("a rule on what was counted: got %s, %v", out, err)
	}
	if out, err = command("gate", "revoke", "--data", data, "--city", "istanbul", "--device", states.Devices[0].ID, "--why", "stolen"); err != nil || !strings.Contains(out, "is out") {
		t.Errorf("revoke: got %s, %v", out, err)
	}
	g := GateRunCmd{City: "istanbul", Server: server, Dir: device, Every: time.Second, SealEvery: 50 * time.Millisecond, Wait: time.Second,
		in: slowly{strings.NewReader("0000000000000000\n"), 1500 * time.Millisecond}}
	if err := g.Run(ctx, &bytes.Buffer{}); err != nil {
		t.Errorf("a device that is out: got %v, want it to go on", err)
	}
	if out, err = command("gate", "status", "--dir", device); err != nil || !strings.Contains(out, "has put it out") {
		t.Errorf("on the device that is out: got %s, %v, want it to say so", out, err)
	}
	if out, err = command("gate", "status", "--data", data, "--city", "istanbul"); err != nil || !strings.Contains(out, "revoked") {
		t.Errorf("status: got %s, %v, want it revoked", out, err)
	}
}

// slowly ends some time after what it reads has ended.
type slowly struct {
	r    *strings.Reader
	wait time.Duration
}

func (s slowly) Read(p []byte) (int, error) {
	if s.r.Len() == 0 {
		time.Sleep(s.wait)
	}
	return s.r.Read(p)
}
