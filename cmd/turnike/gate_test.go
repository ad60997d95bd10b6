package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gateCity serves one of the conformance vectors as a city's folder.
func gateCity(t *testing.T) (base string, stop func()) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "izmir"), os.DirFS("../../gate/conform/vectors/v2")); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(srv.Close)
	return srv.URL, srv.Close
}

func TestGateAnswersLines(t *testing.T) {
	base, stop := gateCity(t)
	dir := t.TempDir()
	lines := strings.Join([]string{
		"10000503,2021-01-15T12:30:00+03:00",     // card 50, young: refused at this hour
		"1000 0487,2021-01-15T12:30:00+03:00",    // card 48, a paired adult
		"10000008,1610703000",                    // stopped
		"10000008,1611004000",                    // the stop has ended
		"not a number,1610703000",                // refused like any other
		"10000487,yesterday",                     // no time to decide by
		"",                                       // passed over
		"10000487,2021-01-15T12:30:00+03:00,300", // no such mode
	}, "\n")
	const want = "refuse\nopen\nrefuse\nopen\nrefuse\nstale\nstale\n"
	for _, x := range []string{"with the server", "without it"} {
		var out bytes.Buffer
		c := GateRunCmd{City: "izmir", From: base, Dir: dir, Every: time.Second, Wait: 5 * time.Second, in: strings.NewReader(lines)}
		if err := c.Run(context.Background(), &out); err != nil {
			t.Fatalf("%s: %v", x, err)
		}
		if out.String() != want {
			t.Errorf("%s: got %q, want %q", x, out.String(), want)
		}
		stop()
	}
	var out bytes.Buffer
	if err := (&GateStatusCmd{Dir: dir}).Run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "izmir") || !strings.Contains(out.String(), "1610611200") {
		t.Errorf("status: got %q, want the city and the sequence", out.String())
	}
}

func TestGateAnswersOnASocket(t *testing.T) {
	base, _ := gateCity(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	socket := filepath.Join(t.TempDir(), "gate.sock")
	c := GateRunCmd{City: "izmir", From: base, Dir: t.TempDir(), Listen: "unix:" + socket, Every: time.Second, Wait: 5 * time.Second, in: strings.NewReader("")}
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, &bytes.Buffer{}) }()
	var conn net.Conn
	for range 200 {
		var err error
		if conn, err = net.Dial("unix", socket); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if conn == nil {
		t.Fatal("no socket after four seconds")
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("10000487,2021-01-15T12:30:00+03:00\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 16)
	n, err := conn.Read(answer)
	if got := string(answer[:n]); err != nil || got != "open\n" {
		t.Errorf("got %q, %v, want %q", got, err, "open\n")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("told to stop: got %v, want nil", err)
	}
}
