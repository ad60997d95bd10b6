// Package pgtest runs a PostgreSQL of its own for tests: a fresh cluster in a
// temporary directory, on a Unix socket, with its safe settings on, ended with
// the test. It never skips; a machine without PostgreSQL fails the test.
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver by name, to make databases
)

// Cluster is a running PostgreSQL.
type Cluster struct {
	dir    string
	bin    string
	cred   *syscall.Credential
	args   []string
	server *exec.Cmd
	gone   chan struct{} // closed when the server has ended
	count  atomic.Int64
}

// tb is what a cluster needs of a test or a benchmark.
type tb interface {
	Helper()
	Fatalf(string, ...any)
	Cleanup(func())
}

// Start makes and starts a cluster that ends with t. Settings are given as
// "name=value".
func Start(t tb, settings ...string) *Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatalf("postgres: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c, err := New(dir, settings...)
	if err != nil {
		t.Fatalf("postgres: %v", err)
	}
	t.Cleanup(c.Stop)
	return c
}

// New makes and starts a cluster below dir, for who has no test at hand. The
// caller stops it and removes dir.
func New(dir string, settings ...string) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin}
	for _, s := range settings {
		c.args = append(c.args, "-c", s)
	}
	// PostgreSQL will not run as root.
	if os.Geteuid() == 0 {
		if c.cred, err = unprivileged(); err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(c.cred.Uid), int(c.cred.Gid)); err != nil {
			return nil, err
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	init := exec.Command(filepath.Join(bin, "initdb"), "-D", c.data(), "-U", "turnike", "-A", "trust",
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	init.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred}
	init.Dir = dir
	if out, err := init.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return c, c.Run()
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// upTime bounds how long the server may take to come up.
const upTime = 60 * time.Second

// Run starts the server, after New or after Kill. The children of a server that
// was killed may still be about, and while they are a new one will not start:
// it is tried again.
func (c *Cluster) Run() error {
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		err := c.start()
		if err == nil {
			return nil
		}
		c.Kill()
		if time.Since(begun) > upTime {
			return err
		}
	}
}

func (c *Cluster) start() error {
	log, err := os.OpenFile(filepath.Join(c.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the server has its own
	args := append([]string{"-D", c.data(), "-k", c.dir, "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "shared_buffers=256MB"}, c.args...)
	s := exec.Command(filepath.Join(c.bin, "postgres"), args...)
	s.Dir = c.dir
	s.Stdout, s.Stderr = log, log
	s.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred, Pdeathsig: syscall.SIGQUIT}
	if err := s.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		_ = s.Wait() // how it ended is in its log
		close(gone)
	}()
	c.server, c.gone = s, gone
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for begun := time.Now(); ; {
		err := db.Ping()
		if err == nil {
			return nil
		}
		select {
		case <-gone:
			return fmt.Errorf("the server ended: %s", c.Log())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(begun) > upTime {
			return fmt.Errorf("the server did not come up: %w: %s", err, c.Log())
		}
	}
}

// Kill ends the server without any warning (SIGKILL to the postmaster); its
// children notice and go.
func (c *Cluster) Kill() { c.end(syscall.SIGKILL) }

// Stop ends the server in order, without waiting for its clients.
func (c *Cluster) Stop() { c.end(syscall.SIGINT) }

func (c *Cluster) end(sig syscall.Signal) {
	if c.server == nil {
		return
	}
	_ = c.server.Process.Signal(sig) // it may be gone already
	<-c.gone
	c.server = nil
}

// Log is the last of what the server wrote.
func (c *Cluster) Log() string {
	b, err := os.ReadFile(filepath.Join(c.dir, "log"))
	if err != nil {
		return err.Error()
	}
	const most = 4000
	return string(bytes.TrimSpace(b[max(0, len(b)-most):]))
}

func (c *Cluster) url(db string) string {
	q := url.Values{"host": {c.dir}, "user": {"turnike"}, "sslmode": {"disable"}}
	return "postgres:///" + db + "?" + q.Encode()
}

// Database makes an empty database and gives its address.
func (c *Cluster) Database(t tb) string {
	t.Helper()
	dsn, err := c.NewDatabase()
	if err != nil {
		t.Fatalf("postgres: %v", err)
	}
	return dsn
}

// NewDatabase is Database for who has no test at hand.
func (c *Cluster) NewDatabase() (dsn string, err error) {
	name := "t" + strconv.FormatInt(c.count.Add(1), 10)
	return c.url(name), c.Exec(context.Background(), "CREATE DATABASE "+name)
}

// Exec runs a statement in the maintenance database.
func (c *Cluster) Exec(ctx context.Context, query string) error {
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, query)
	return err
}

// binaries is the directory of PostgreSQL's programs: Debian keeps one for
// each major version, and only some of them on the path.
func binaries() (string, error) {
	dirs, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(dirs, func(a, b string) int { return major(b) - major(a) })
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, "postgres")); err == nil {
			return d, nil
		}
	}
	out, err := exec.Command("pg_config", "--bindir").Output()
	if err != nil {
		return "", fmt.Errorf("no PostgreSQL server here (Debian: apt-get install postgresql): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func major(dir string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
	if err != nil {
		return 0
	}
	return n
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("PostgreSQL will not run as root, and there is no other user")
}
