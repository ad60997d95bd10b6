package gatedoor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"turnike/gate"
	"turnike/gate/agent/door"
	"turnike/internal/storage"
	"turnike/internal/tap"
)

// crashServer makes the test binary a server that is killed: it serves the door
// over the database named until somebody ends it.
const crashServer = "TURNIKE_TEST_DOOR"

// TestCrashServer is the server's half of TestKilled; by itself it does nothing.
func TestCrashServer(t *testing.T) {
	path := os.Getenv(crashServer)
	if path == "" {
		return
	}
	s, err := storage.Open(t.Context(), "sqlite:"+path, true)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(os.Stdout, "address http://%s\n", ln.Addr())
	t.Fatal(http.Serve(ln, New(config(s)).Handler()))
}

// TestKilled: devices hand in while the server is killed at random moments, also
// between taking a batch and saying so. Every batch is counted once.
func TestKilled(t *testing.T) {
	const kills, devices = 12, 4
	path := filepath.Join(t.TempDir(), "t.db")
	s, err := storage.Open(t.Context(), "sqlite:"+path, true)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, reg: registry(s)}
	type device struct {
		client *door.Client
		id     *door.Identity
		next   uint64
		file   []byte
	}
	all := make([]*device, devices)
	for i := range all {
		id, err := door.NewIdentity(key(fmt.Sprint("bus ", i)))
		if err != nil {
			t.Fatal(err)
		}
		all[i] = &device{id: id, next: 1}
		all[i].file = batch(key(fmt.Sprint("bus ", i)), gate.Boot{byte(i)}, 1, nil)
		ks, err := w.reg.Issue(t.Context(), town, operator, []tap.Place{{Name: "bus"}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.reg.Enrol(t.Context(), town, ks[0].Text, id.Public(), id.SealPublic(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	for range kills {
		ctx, kill := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestCrashServer$", "-test.v=false")
		cmd.Env = append(os.Environ(), crashServer+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var address string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if _, err := fmt.Sscanf(lines.Text(), "address %s", &address); err == nil {
				break
			}
		}
		if address == "" {
			t.Fatal("the server said no address")
		}
		// After some batches, at any moment of the next.
		left := 2 + rng.IntN(8)
		end := time.AfterFunc(20*time.Second, kill)
		for ctx.Err() == nil {
			for i, d := range all {
				c, err := door.NewClient(door.ClientConfig{Server: address, City: town, Identity: d.id})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.HandIn(ctx, d.file); err != nil {
					if errors.Is(err, door.ErrAside) || errors.Is(err, door.ErrOut) {
						t.Fatalf("device %d batch %d: %v", i, d.next, err)
					}
					continue // the line broke: the same batch again
				}
				if left--; left == 0 {
					end.Reset(time.Duration(rng.IntN(20_000)) * time.Microsecond)
				}
				d.next++
				d.file = batch(key(fmt.Sprint("bus ", i)), gate.Boot{byte(i)}, d.next, d.file)
			}
		}
		_ = cmd.Wait()
	}
	s, err = storage.Open(t.Context(), "sqlite:"+path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := tap.Service{Store: config(s).Taps.Store}
	acked, again := uint64(0), 0
	for _, d := range all {
		acked += d.next - 1
		// The one that was on its way may have been taken without an answer.
		got, err := c.Take(t.Context(), town, d.file, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if !got.Fresh {
			again++
		}
		acked++
	}
	opened, attempts, err := counted(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if opened != acked*10 || attempts != int(acked) {
		t.Errorf("taken: got %d opened and %d attempts of %d batches, want each once", opened, attempts, acked)
	}
	if acked < 2*kills {
		t.Errorf("only %d batches in %d lives: too few to mean anything", acked, kills)
	}
	fleet, err := registry(s).Fleet(t.Context(), town)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range fleet {
		if h.Lost != 0 || h.Forks != 0 {
			t.Errorf("device %v: got %d lost, %d forks, want none", h.ID, h.Lost, h.Forks)
		}
	}
	t.Logf("%d batches over %d kills; %d taken without an answer", acked, kills, again)
}
