package crash

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"turnike/internal/storage/sqlite"
	"turnike/internal/storage/sqlstore"
)

// cycles is how many rounds a test runs: few by itself, as many as the
// environment says in the full run.
func cycles(t *testing.T, few int) int {
	t.Helper()
	s := os.Getenv("TURNIKE_CRASH_CYCLES")
	if s == "" {
		return few
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("TURNIKE_CRASH_CYCLES: got %q, want a number of cycles", s)
	}
	return n
}

// The child process is this test's own program, told so by its environment.
const (
	childPath = "TURNIKE_CRASH_CHILD"
	childFrom = "TURNIKE_CRASH_FROM"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		from, err := strconv.ParseInt(os.Getenv(childFrom), 10, 64)
		if err == nil {
			err = child(path, from)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// child pairs until it dies, and says the number of each pairing that was
// acknowledged. Four callers, one write to the pipe for each answer.
func child(path string, from int64) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, sqlite.Config{Path: path, Migrate: true})
	if err != nil {
		return err
	}
	errs := make(chan error)
	for k := range int64(4) {
		go func() {
			for n := from + k; ; n += 4 {
				if err := pair(ctx, s, n); err != nil {
					errs <- err
					return
				}
				if _, err := fmt.Fprintf(os.Stdout, "%d\n", n); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

// run runs a child for a while, kills it without warning and gives what it
// said was kept. Wrapped puts a command before the child's.
func run(t *testing.T, program, path string, from int64, life time.Duration, wrapped ...string) (acked []int64, said string) {
	t.Helper()
	args := append(append([]string(nil), wrapped...), program)
	c := exec.Command(args[0], args[1:]...)
	c.Env = append(os.Environ(), childPath+"="+path, childFrom+"="+strconv.FormatInt(from, 10))
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	first, done := make(chan struct{}), make(chan struct{})
	var once sync.Once
	go func() {
		defer close(done)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return // a last line cut in the middle was not said
			}
			n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
			if err != nil {
				continue
			}
			acked = append(acked, n)
			once.Do(func() { close(first) })
		}
	}()
	select { // its life begins with its first answer
	case <-first:
	case <-done:
	case <-time.After(60 * time.Second):
	}
	select {
	case <-time.After(life):
	case <-done:
	}
	_ = c.Process.Kill()
	<-done
	_ = c.Wait() // it was killed: that is the point
	return acked, stderr.String()
}

// killing runs a program over and over and gives how many answers it gave and
// which of them were broken.
func killing(t *testing.T, program string, n int) (acks int, missing []int64) {
	t.Helper()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "t.db")
	r := rand.New(rand.NewPCG(1, 2))
	var all []int64
	for i := range n {
		life := time.Duration(20+r.IntN(160)) * time.Millisecond
		acked, said := run(t, program, path, int64(i+1)*1_000_000, life)
		if len(acked) == 0 {
			t.Fatalf("cycle %d: the child kept nothing: %s", i, said)
		}
		s, err := sqlite.Open(ctx, sqlite.Config{Path: path})
		if err != nil {
			t.Fatalf("cycle %d: open after the kill: %v", i, err)
		}
		m, err := lost(ctx, s, acked)
		if err == nil && i%50 == 49 {
			_, err = whole(ctx, s)
		}
		if err != nil {
			t.Fatalf("cycle %d: %v", i, err)
		}
		missing = append(missing, m...)
		all = append(all, acked...)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sqlite.Open(ctx, sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if len(missing) == 0 {
		if missing, err = lost(ctx, s, all); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := whole(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d acknowledged, %d lost, %d kept that nobody was told of", n, len(all), len(missing), rows-int64(len(all)-len(missing)))
	return len(all), missing
}

func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n := cycles(t, 15)
	acks, missing := killing(t, self, n)
	if len(missing) > 0 {
		t.Errorf("acknowledged and lost: got %d of %d (%v...), want none", len(missing), acks, missing[0])
	}
	if acks < 10*n {
		t.Errorf("load: got %d answers in %d cycles: too few to tell anything", acks, n)
	}
}

// TestKillFindsEarlyAcknowledgement builds the fault in and sees it found.
func TestKillFindsEarlyAcknowledgement(t *testing.T) {
	program := filepath.Join(t.TempDir(), "mutant")
	if out, err := exec.Command("go", "test", "-c", "-tags", "mutant_ack_early", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the mutant: %v: %s", err, out)
	}
	acks, missing := killing(t, program, 20)
	if len(missing) == 0 {
		t.Errorf("a writer that acknowledges before it commits: got none of %d answers lost, want the checker to find some", acks)
	}
}

// TestSyncFails lets the kernel fail syncs (strace), as a dying disk does.
func TestSyncFails(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("%v (Debian: apt-get install strace)", err)
	}
	for _, when := range []int{40, 75, 200} {
		path := filepath.Join(t.TempDir(), "t.db")
		acked, said := run(t, self, path, 1, 60*time.Second, strace, "-f", "-qq", "-e", "trace=fsync,fdatasync",
			"-e", fmt.Sprintf("inject=fsync,fdatasync:error=EIO:when=%d+", when), "-o", "/dev/null")
		if !strings.Contains(said, "store.broken") {
			t.Errorf("syncs fail from the %dth on: the child said %q, want that the store is broken", when, said)
		}
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		checkAll(t, s, acked)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if len(acked) == 0 {
			t.Errorf("syncs fail from the %dth on: nothing was acknowledged before: too little to tell anything", when)
		}
	}
}

// checkAll fails the test for anything acknowledged that is not there.
func checkAll(t *testing.T, s *sqlstore.Store, acked []int64) {
	t.Helper()
	missing, err := lost(t.Context(), s, acked)
	if err != nil {
		t.Fatal(err)
	}
	if len(missing) > 0 {
		t.Errorf("acknowledged and lost: got %d of %d, want none", len(missing), len(acked))
	}
	if _, err := whole(t.Context(), s); err != nil {
		t.Error(err)
	}
}
