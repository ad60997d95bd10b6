package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"turnike/gate"
	"turnike/gate/agent"
	"turnike/gate/agent/door"
	"turnike/gate/conform"
	"turnike/statuslist"
)

// GateCmd is the validator: it follows a city's signed list and answers taps.
type GateCmd struct {
	Run     GateRunCmd     `cmd:"" default:"withargs" help:"Follow a city's list and answer taps, with or without the network."`
	Status  GateStatusCmd  `cmd:"" help:"Say how old each list is: in this gate's folder, or of all devices of a city."`
	Enrol   GateEnrolCmd   `cmd:"" help:"Make tokens by which devices are let in."`
	Revoke  GateRevokeCmd  `cmd:"" help:"Put a device out, at once."`
	Conform GateConformCmd `cmd:"" help:"Hold another maker's reader to the format: the cases of FORMAT.md."`
}

// GateRunCmd answers one word a line: open, open-full-fare, refuse or stale.
type GateRunCmd struct {
	City        string        `required:"" help:"The city whose list to follow."`
	From        string        `help:"Address the lists are published under; without it the gate goes by the list it has."`
	Dir         string        `default:"turnike-data/gate" help:"Folder of the gate."`
	RootKey     string        `type:"existingfile" help:"A root file of the city, brought by hand."`
	Fingerprint string        `help:"Fingerprint of the city's root keys. Without it and --root-key the first root met is believed."`
	TagKey      string        `type:"existingfile" help:"Secret of the city for cards that have no ranges, 16 to 64 bytes."`
	ListSecret  string        `type:"existingfile" help:"Secret of a city that seals its lists, 32 to 64 bytes."`
	Listen      string        `help:"Answer on a local socket too: unix:/run/turnike.sock or tcp:127.0.0.1:7070."`
	Every       time.Duration `default:"5s" help:"How often to ask for a newer list."`
	Wait        time.Duration `default:"10s" help:"How long to wait for a first list before answering."`
	Server      string        `help:"Address of the city's server (https://kart.example): the device enrols there, follows its lists and hands in its taps."`
	Token       string        `help:"Token the operator made, needed at the first start."`
	SealEvery   time.Duration `default:"1m" help:"How often taps are handed in."`
	Stop        uint32        `help:"The operator's number of this station, pier or vehicle."`
	Mode        uint8         `help:"Line or kind of vehicle, as the rules number them."`

	in       io.Reader // standard input if nil
	identity *door.Identity
	device   deviceFile
}

// Run follows and answers until standard input ends, or with --listen until
// it is told to stop.
func (c *GateRunCmd) Run(ctx context.Context, out io.Writer) error {
	var client *door.Client
	if c.Server != "" {
		var err error
		if client, err = c.enrolled(ctx); err != nil {
			return err
		}
	}
	g, err := c.open()
	if err != nil {
		return err
	}
	s := &gateServer{gate: g, stop: c.Stop, mode: c.Mode, started: time.Now()}
	if client != nil {
		if s.journal, err = c.journal(); err != nil {
			return err
		}
		defer s.journal.Close()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if c.From != "" {
		a, err := agent.New(agent.Config{
			Gate: g, Base: c.From, City: c.City, Every: c.Every, Journal: s.journal, Door: client, SealEvery: c.SealEvery,
			Registered: c.hear, Program: program(),
			Uptime: func() time.Duration { return time.Since(s.started) }, Log: slog.Default(),
		})
		if err != nil {
			return err
		}
		wg.Go(func() { a.Run(ctx) })
		if client != nil {
			wg.Go(func() { c.watchOut(ctx, a) })
		}
		waitForList(ctx, g, c.Wait)
	}
	if c.Listen != "" {
		l, err := listenLocal(c.Listen)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { l.Close() })
		wg.Go(func() { s.accept(l) })
	}
	if c.in == nil {
		c.in = os.Stdin
	}
	err = s.answer(c.in, out)
	if c.Listen != "" {
		<-ctx.Done()
	}
	return err
}

func (c *GateRunCmd) open() (*gate.Gate, error) {
	cfg := gate.Config{Dir: c.Dir, City: c.City, Anchor: statuslist.Anchor{Fingerprint: c.Fingerprint}}
	if c.RootKey != "" {
		file, err := os.ReadFile(c.RootKey)
		if err != nil {
			return nil, err
		}
		root, err := statuslist.ParseRoot(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.RootKey, err)
		}
		cfg.Anchor.Fingerprint = root.Fingerprint()
	}
	tagKey, listSecret := c.device.Secrets.TagKey, c.device.Secrets.ListSecret
	var err error
	if c.TagKey != "" {
		if tagKey, err = os.ReadFile(c.TagKey); err != nil {
			return nil, err
		}
	}
	if len(tagKey) > 0 {
		if cfg.TagKey, err = statuslist.NewTagKey(tagKey); err != nil {
			return nil, err
		}
	}
	if c.ListSecret != "" {
		if listSecret, err = os.ReadFile(c.ListSecret); err != nil {
			return nil, err
		}
	}
	if len(listSecret) > 0 {
		if cfg.Secret, err = statuslist.NewSecret(listSecret); err != nil {
			return nil, err
		}
	}
	return gate.Open(cfg)
}

func (c *GateRunCmd) journal() (*gate.Journal, error) {
	key, err := deviceKey(filepath.Join(c.Dir, "device.key"))
	if err != nil {
		return nil, err
	}
	return gate.OpenJournal(gate.JournalConfig{Dir: filepath.Join(c.Dir, c.City+"-taps"), City: c.City, Key: key}, time.Now())
}

// deviceKey reads the device's key, or makes one at its first start.
func deviceKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil || len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("%s holds no device key", path)
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := statuslist.WriteFile(path, []byte(hex.EncodeToString(key.Seed())+"\n")); err != nil {
		return nil, err
	}
	return key, os.Chmod(path, 0o600)
}

func waitForList(ctx context.Context, g *gate.Gate, most time.Duration) {
	const look = 20 * time.Millisecond
	for range most / look {
		if g.Status(time.Now()).Level != "none" || ctx.Err() != nil {
			return
		}
		time.Sleep(look)
	}
}

func listenLocal(address string) (net.Listener, error) {
	network, address, ok := strings.Cut(address, ":")
	if !ok || network != "unix" && network != "tcp" {
		return nil, fmt.Errorf("--listen: want unix:PATH or tcp:HOST:PORT")
	}
	if network == "unix" {
		// A socket left by a run that was killed; anything else is not ours.
		if info, err := os.Stat(address); err == nil && info.Mode()&os.ModeSocket != 0 {
			os.Remove(address)
		}
	}
	return net.Listen(network, address)
}

// gateServer answers lines from anywhere by one gate.
type gateServer struct {
	gate    *gate.Gate
	journal *gate.Journal
	stop    uint32
	mode    uint8
	started time.Time
}

func (s *gateServer) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			s.answer(conn, conn)
		}()
	}
}

// answer reads NUMBER[,TIME[,MODE]] a line and writes a word a line. A line
// at a time, so that a turnstile gets its word at once.
func (s *gateServer) answer(r io.Reader, w io.Writer) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return errors.New("gate: a line too long to be a card number")
		}
		if len(line) > 0 && strings.TrimSpace(string(line)) != "" {
			if _, err := io.WriteString(w, s.decide(strings.TrimSpace(string(line))).String()+"\n"); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *gateServer) decide(line string) gate.Decision {
	number, rest, _ := strings.Cut(line, ",")
	clock, modeText, _ := strings.Cut(rest, ",")
	at, mode := time.Now(), s.mode
	if clock = strings.TrimSpace(clock); clock != "" {
		var ok bool
		if at, ok = parseClock(clock); !ok {
			return gate.Stale
		}
	}
	if modeText = strings.TrimSpace(modeText); modeText != "" {
		m, err := strconv.ParseUint(modeText, 10, 8)
		if err != nil {
			return gate.Stale
		}
		mode = uint8(m)
	}
	n, ok := s.gate.Parse([]byte(number))
	if !ok {
		// No scheme of the city prints such a number: scheme 0 has no cards.
		n = statuslist.Number{}
	}
	answer := s.gate.Ask(n, at, mode)
	if s.journal != nil {
		tap := gate.Tap{At: at, Uptime: time.Since(s.started), Stop: s.stop, Mode: mode}
		if err := s.journal.Record(answer, tap); err != nil {
			slog.Error("gate: journal", "error", err)
		}
	}
	return answer.Decision
}

// parseClock reads RFC 3339 or Unix seconds.
func parseClock(s string) (time.Time, bool) {
	if unix, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(unix, 0), true
	}
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

// GateStatusCmd prints one line a city, or one a device.
type GateStatusCmd struct {
	installation `embed:""`
	Dir          string `default:"turnike-data/gate" help:"Folder of this gate."`
	City         string `help:"Say how all devices of this city are, from the installation's database or --server."`
	Server       string `help:"Inner address of a running server (its --admin), as http://127.0.0.1:8081."`
	Cities       string `env:"TURNIKE_CITIES" type:"path" help:"Folder of city files (*.toml). Empty: the cities that come with Turnike."`
	JSON         bool   `help:"Print a city's devices as JSON."`
}

// Run opens each list in the folder and says what it is; with --city, what the
// city knows of each of its devices.
func (c *GateStatusCmd) Run(ctx context.Context, out io.Writer) error {
	if c.City != "" {
		s, err := c.fleet(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			enc := json.NewEncoder(out)
			enc.SetIndent("", "  ")
			return enc.Encode(s)
		}
		return printFleet(out, s)
	}
	if c.Server != "" {
		return errors.New("--server: name the city too, with --city")
	}
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "city\tlist\tage\tsequence\tcards\troot\tkey\tuntil\tthe city")
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(c.Dir, e.Name(), "installed")); err != nil {
			continue
		}
		g, err := gate.Open(gate.Config{Dir: c.Dir, City: e.Name()})
		if err != nil {
			fmt.Fprintf(t, "%s\tdamaged: %v\n", e.Name(), err)
			continue
		}
		s := g.Status(time.Now())
		takes := "takes its taps"
		if _, err := os.Stat(filepath.Join(c.Dir, e.Name()+"-device.json")); err != nil {
			takes = "is not asked"
		}
		if since, err := os.ReadFile(outPath(c.Dir, e.Name())); err == nil {
			takes = "has put it out: " + strings.TrimSpace(string(since))
		}
		fmt.Fprintf(t, "%s\t%s\t%v\t%d\t%d\t%d\t%v\t%s\t%s\n", s.City, s.Level, s.Age.Round(time.Second), s.Sequence, s.Cards, s.Root, s.Key, s.NotAfter.Format(time.RFC3339), takes)
	}
	return t.Flush()
}

// GateConformCmd runs another maker's reader.
type GateConformCmd struct {
	Exec string   `required:"" help:"The reader's program. It is called as FORMAT.md says under Conformance."`
	Args []string `arg:"" optional:"" help:"Arguments before those of the cases."`
}

// Run prints each case with ok or what was wrong.
func (c *GateConformCmd) Run(ctx context.Context, out io.Writer) error {
	failed, total := 0, 0
	err := conform.Run(ctx, append([]string{c.Exec}, c.Args...), func(r conform.Result) {
		total++
		verdict := "ok"
		if r.Err != nil {
			failed++
			verdict = "not ok: " + r.Err.Error()
		}
		fmt.Fprintf(out, "%-40s %s\n", r.Case, verdict)
	})
	if err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, total)
	}
	return nil
}
