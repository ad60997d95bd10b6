// Package conform holds readers of the list, ours and other makers', to one
// set of cases: what a gate must answer, and what it must refuse to believe.
//
// A case is a script over folders as a city published them, one after the
// other, some of them forged. The reader is a program called once a step
//
//	PROGRAM FOLDER STATE CITY FINGERPRINT
//
// where FOLDER holds the city's files, STATE is a folder of its own that stays
// between the steps of a case (a gate's memory), CITY is the city's name and
// FINGERPRINT that of the root keys it is to trust. It is to do what a gate
// does on meeting that folder, then read lines NUMBER,UNIX,MODE from standard
// input and write one word for each: open, open-full-fare, refuse or stale.
// Its exit status must be zero, also where it refused the folder.
package conform

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed vectors
var vectors embed.FS

// Result is how a reader did in one case; Err is nil if it did well.
type Result struct {
	Case string
	Err  error
}

// stepTimeout is how long a reader may take over one folder of a few cards.
const stepTimeout = 30 * time.Second

// Run calls the program through every case and reports each. Its own error is
// that of the runner, not of the reader.
func Run(ctx context.Context, program []string, report func(Result)) error {
	script, err := vectors.ReadFile("vectors/cases.txt")
	if err != nil {
		return fmt.Errorf("conform: %w", err)
	}
	cases, err := parse(string(script))
	if err != nil {
		return fmt.Errorf("conform: %w", err)
	}
	for _, c := range cases {
		work, err := os.MkdirTemp("", "turnike-conform-")
		if err != nil {
			return fmt.Errorf("conform: %w", err)
		}
		caseErr := c.run(ctx, program, work)
		os.RemoveAll(work)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report(Result{Case: c.name, Err: caseErr})
	}
	return nil
}

// script is a case: steps in order over one state folder.
type script struct {
	name, city, fingerprint string
	steps                   []step
}

type step struct {
	folder string
	harm   []string // words of a harm line
	asks   []ask
}

type ask struct{ line, want string }

// parse reads cases.txt. Lines are
//
//	case NAME CITY FINGERPRINT
//	step FOLDER [flip FILE BYTE | cut FILE BYTES | drop FILE]
//	NUMBER,UNIX,MODE WORD
//
// and a FILE ending in * names the first file so begun.
func parse(text string) ([]script, error) {
	var out []script
	for i, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0][0] == '#':
		case words[0] == "case" && len(words) == 4:
			out = append(out, script{name: words[1], city: words[2], fingerprint: words[3]})
		case words[0] == "step" && len(words) >= 2 && len(out) > 0:
			c := &out[len(out)-1]
			c.steps = append(c.steps, step{folder: words[1], harm: words[2:]})
		case len(words) == 2 && len(out) > 0 && len(out[len(out)-1].steps) > 0:
			c := &out[len(out)-1]
			s := &c.steps[len(c.steps)-1]
			s.asks = append(s.asks, ask{words[0], words[1]})
		default:
			return nil, fmt.Errorf("cases.txt line %d cannot be read", i+1)
		}
	}
	return out, nil
}

func (c *script) run(ctx context.Context, program []string, work string) error {
	state := filepath.Join(work, "state")
	if err := os.Mkdir(state, 0o755); err != nil {
		return err
	}
	for i, s := range c.steps {
		folder := filepath.Join(work, strconv.Itoa(i))
		if err := lay(s, folder); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if err := c.call(ctx, program, s, folder, state); err != nil {
			return fmt.Errorf("step %d (%s %s): %w", i+1, s.folder, strings.Join(s.harm, " "), err)
		}
	}
	return nil
}

// lay puts a step's folder down, harmed as the step says.
func lay(s step, to string) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	from := path.Join("vectors", s.folder)
	entries, err := fs.ReadDir(vectors, from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		file, err := vectors.ReadFile(path.Join(from, e.Name()))
		if err != nil {
			return err
		}
		if len(s.harm) >= 2 && matches(s.harm[1], e.Name()) {
			if file, err = harm(file, s.harm); err != nil {
				return err
			}
		}
		if file == nil {
			continue
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), file, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func matches(pattern, name string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// harm gives the file as a forger or a bad line would; nil for none.
func harm(file []byte, words []string) ([]byte, error) {
	if words[0] == "drop" {
		return nil, nil
	}
	if len(words) != 3 {
		return nil, errors.New("a harm without a place")
	}
	n, err := strconv.Atoi(words[2])
	if err != nil || n < 0 || n >= len(file) {
		return nil, fmt.Errorf("a harm at %s of %d bytes", words[2], len(file))
	}
	switch file = bytes.Clone(file); words[0] {
	case "flip":
		file[n] ^= 1
	case "cut":
		file = file[:len(file)-n]
	default:
		return nil, fmt.Errorf("unknown harm %q", words[0])
	}
	return file, nil
}

func (c *script) call(ctx context.Context, program []string, s step, folder, state string) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	args := append(append([]string(nil), program[1:]...), folder, state, c.city, c.fingerprint)
	cmd := exec.CommandContext(ctx, program[0], args...)
	var in, out, complaint bytes.Buffer
	for _, a := range s.asks {
		fmt.Fprintln(&in, a.line)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &complaint
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, firstLine(complaint.String()))
	}
	got := strings.Fields(out.String())
	if len(got) != len(s.asks) {
		return fmt.Errorf("got %d words, want %d", len(got), len(s.asks))
	}
	for i, a := range s.asks {
		if got[i] != a.want {
			return fmt.Errorf("%s: got %s, want %s", a.line, got[i], a.want)
		}
	}
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
