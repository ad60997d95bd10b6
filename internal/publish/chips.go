package publish

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"turnike/internal/card"
	"turnike/internal/city"
	"turnike/statuslist"
)

// A city that knows the ids of its chips but no ranges of them gives a list of
// the ids once. What is kept of it, beside the city's list key, is the value
// of each id under the city's tag key: eight bytes, ascending, in the file
// chips-SCHEME. The ids themselves are kept nowhere.

func chipsFile(keysDir, cityID string, scheme uint8) string {
	return filepath.Join(keysDir, cityID, fmt.Sprintf("chips-%d", scheme))
}

// ErrNoChips: the city has no scheme of chips.
var ErrNoChips = errors.New("publish: the city file has no scheme with chips = true")

// AddChips reads issued ids, one a line, of the city's scheme of chips and
// adds them to those known. Blank lines and those that begin with # are passed
// over; a line that is no id of the scheme refuses the whole file, by number.
// It gives how many are known now. A running server takes them up when it is
// started again.
func AddChips(keysDir string, p *city.Profile, key *statuslist.TagKey, ids io.Reader) (known int, err error) {
	i := slices.IndexFunc(p.Schemes, func(s city.Scheme) bool { return s.Chips })
	if i < 0 {
		return 0, ErrNoChips
	}
	scheme := p.Schemes[i]
	signed := statuslist.Scheme{ID: scheme.ID, Digits: scheme.Digits, Check: city.CheckOf(scheme), Chips: true}
	path := chipsFile(keysDir, p.ID, scheme.ID)
	values, err := readChips(path)
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(ids)
	for at := 1; lines.Scan(); at++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		n, ok := signed.Parse([]byte(line), key)
		if !ok {
			return 0, fmt.Errorf("line %d: not an id of scheme %d (%d digits)", at, scheme.ID, scheme.Digits)
		}
		values = append(values, n.Value)
	}
	if err := lines.Err(); err != nil {
		return 0, err
	}
	slices.Sort(values)
	values = slices.Compact(values)
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, err
	}
	if err := statuslist.WriteFile(path, b); err != nil {
		return 0, err
	}
	return len(values), os.Chmod(path, 0o600)
}

func readChips(path string) ([]uint64, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(b)%8 != 0 {
		return nil, fmt.Errorf("%s: cut short", path)
	}
	out := make([]uint64, len(b)/8)
	for i := range out {
		out[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return out, nil
}

// stageChips says of every chip issued that nobody has paired it; what the
// store knows better follows.
func (l *List) stageChips() error {
	for _, s := range l.cfg.City.Schemes {
		if !s.Chips {
			continue
		}
		values, err := readChips(chipsFile(l.cfg.Keys, l.cfg.City.ID, s.ID))
		if err != nil {
			return err
		}
		l.pub.SetChips(func(yield func(uint64, statuslist.Status) bool) {
			for _, v := range values {
				if !yield(v, statuslist.Status{Class: statuslist.Class(card.Unpaired)}) {
					return
				}
			}
		})
	}
	return nil
}

// chips says whether a scheme holds chips.
func (l *List) chips(scheme uint8) bool {
	return l.pub.Ranges().HoldsChips(statuslist.Number{Scheme: scheme})
}
