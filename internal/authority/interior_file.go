package authority

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"turnike/internal/report"
)

// FileFormat names the shape of what is in a file for a governor's office.
const FileFormat = "turnike-report-file-1"

// maxFile is the most a file may be, in bytes.
const maxFile = 64 << 20

// File is what a governor's office gets: reports, each sealed as it was made,
// and the ids of those that are withdrawn. The same id in two files is one
// report.
type File struct {
	Format      string       `json:"format"`
	City        string       `json:"city"`
	Made        time.Time    `json:"made"`
	Reports     []FileReport `json:"reports,omitempty"`
	Withdrawals []Withdrawal `json:"withdrawals,omitempty"`
}

// FileReport is one report in a file.
type FileReport struct {
	ID     string `json:"id"`
	Sealed []byte `json:"sealed"`
}

// Ack is a governor's word, signed, that a file was read.
type Ack struct {
	File     string       `json:"file"`
	SHA256   string       `json:"sha256"` // of the file's bytes, hex
	At       time.Time    `json:"at"`
	Receipts []AckReceipt `json:"receipts"`
}

// AckReceipt is the office's own number for a report, empty where it refuses it.
type AckReceipt struct {
	ID      string `json:"id"`
	Receipt string `json:"receipt"`
}

// Folder hands reports over as sealed files: what is made until an hour of the
// day lies in DIR/CITY/out from then on, withdrawals at once. What comes back is
// looked for in DIR/CITY/in. How the files travel (a carrier, SFTP, registered
// mail) is the city's business.
type Folder struct {
	*Sealer
	Dir     string
	Receipt ed25519.PublicKey // of the office
	Zone    *time.Location
	Hour    int

	mu   sync.Mutex
	read []ackFile // collected, not put away
}

type ackFile struct{ out, in string }

// The folders below DIR/CITY, and how names end.
const (
	outFolder = "out"
	inFolder  = "in"
	fileEnd   = ".age"
	ackEnd    = ".ack.json"
)

// Batch is how many reports go in one file.
func (*Folder) Batch() int { return 1000 }

// Due is the next time that the file of the day is written.
func (f *Folder) Due(made time.Time) time.Time {
	y, m, d := made.In(f.Zone).Date()
	due := time.Date(y, m, d, f.Hour, 0, 0, 0, f.Zone)
	if !due.After(made) {
		due = time.Date(y, m, d+1, f.Hour, 0, 0, 0, f.Zone)
	}
	return due
}

// Hand writes one file with all items. It is there whole or not at all. A crash
// before the answer is stored leaves it there and the items come again in the
// next one; the id tells its reader.
func (f *Folder) Hand(_ context.Context, city string, items []report.Item, now time.Time) []report.Answer {
	out := make([]report.Answer, len(items))
	file := File{Format: FileFormat, City: city, Made: now.UTC()}
	for i, it := range items {
		out[i] = report.Answer{ID: it.ID, Filed: true, Withdrawn: it.Withdraw}
		if it.Withdraw {
			file.Withdrawals = append(file.Withdrawals, Withdrawal{it.ID, now.UTC()})
		} else {
			file.Reports = append(file.Reports, FileReport{it.ID, it.Sealed})
		}
	}
	if err := f.write(city, file); err != nil {
		for i := range out {
			out[i].Err = err
		}
	}
	return out
}

func (f *Folder) write(city string, file File) error {
	plain, err := json.Marshal(file)
	if err != nil {
		return fmt.Errorf("write report file: %w", err)
	}
	sealed, err := f.seal(plain)
	if err != nil {
		return err
	}
	dir := filepath.Join(f.Dir, city, outFolder)
	for _, d := range []string{dir, filepath.Join(f.Dir, city, inFolder)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return fmt.Errorf("write report file: %w", err)
		}
	}
	name := fmt.Sprintf("turnike-%s-%s-%s%s", city, file.Made.Format("20060102T150405Z"), digestOf(sealed)[:8], fileEnd)
	if err := writeWhole(filepath.Join(dir, name), sealed); err != nil {
		return fmt.Errorf("write report file: %w", err)
	}
	return nil
}

// writeWhole writes a file that survives a power cut or is not there.
func writeWhole(path string, b []byte) error {
	tmp := path + ".part"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Collect reads the acknowledgements that have come. One that is not signed by
// the office, or is about another file than the one that lies here, is set
// aside and said once.
func (f *Folder) Collect(_ context.Context, city string) ([]report.Answer, error) {
	dir := filepath.Join(f.Dir, city)
	names, err := os.ReadDir(filepath.Join(dir, inFolder))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, fmt.Errorf("look for acknowledgements: %w", err)
	}
	var out []report.Answer
	var read []ackFile
	var wrong []error
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ackEnd) {
			continue
		}
		in := filepath.Join(dir, inFolder, n.Name())
		ack, file, err := f.ack(dir, in)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("acknowledgement %s: %w", n.Name(), err), os.Rename(in, in+".refused"))
			continue
		}
		for _, r := range ack.Receipts {
			a := report.Answer{ID: r.ID, Receipt: r.Receipt}
			if r.Receipt == "" {
				a.Err = report.ErrRefused
			}
			out = append(out, a)
		}
		read = append(read, ackFile{file, in})
	}
	f.mu.Lock()
	f.read = read
	f.mu.Unlock()
	return out, errors.Join(wrong...)
}

func (f *Folder) ack(dir, in string) (ack Ack, file string, err error) {
	b, err := os.ReadFile(in)
	if err != nil {
		return ack, "", err
	}
	s, err := ReadSigned(b)
	if err != nil {
		return ack, "", err
	}
	if !bytes.Equal(s.PublicKey, f.Receipt) {
		return ack, "", errors.New("not signed by the office")
	}
	if err := json.Unmarshal(s.Body, &ack); err != nil {
		return ack, "", errors.New("not an acknowledgement")
	}
	if ack.File != filepath.Base(ack.File) || !strings.HasSuffix(ack.File, fileEnd) {
		return ack, "", errors.New("names no file of ours")
	}
	file = filepath.Join(dir, outFolder, ack.File)
	sealed, err := os.ReadFile(file)
	if err != nil {
		return ack, "", errors.New("names a file that is not here")
	}
	if digestOf(sealed) != ack.SHA256 {
		return ack, "", errors.New("is about another file of that name")
	}
	return ack, file, nil
}

// Collected puts away what Collect gave: the file goes, its acknowledgement is
// kept for the records; it holds ids and receipts alone.
func (f *Folder) Collected(_ context.Context, city string) error {
	f.mu.Lock()
	read := f.read
	f.read = nil
	f.mu.Unlock()
	var errs []error
	for _, a := range read {
		kept := filepath.Join(f.Dir, city, "done")
		errs = append(errs, os.MkdirAll(kept, 0o700), os.Rename(a.in, filepath.Join(kept, filepath.Base(a.in))), os.Remove(a.out))
	}
	return errors.Join(errs...)
}

// ReadFile opens a file with the office's private key, and each report in it.
// city is the Ed25519 key that signed, the same for all of them.
func ReadFile(sealed []byte, id age.Identity) (f File, opened [][]byte, city ed25519.PublicKey, err error) {
	s, err := Open(bytes.NewReader(sealed), id, maxFile)
	if err != nil {
		return f, nil, nil, err
	}
	if err := json.Unmarshal(s.Body, &f); err != nil || f.Format != FileFormat {
		return f, nil, nil, errors.New("open report file: not one of ours")
	}
	for _, r := range f.Reports {
		one, err := Open(bytes.NewReader(r.Sealed), id, MaxSealed)
		if err != nil {
			return f, nil, nil, err
		}
		if !bytes.Equal(one.PublicKey, s.PublicKey) {
			return f, nil, nil, errors.New("open report file: a report that another city signed")
		}
		opened = append(opened, one.Body)
	}
	return f, opened, s.PublicKey, nil
}

// WriteAck answers a file: the acknowledgement's name and bytes, to be put into
// the city's folder "in".
func WriteAck(key ed25519.PrivateKey, name string, sealed []byte, receipts []AckReceipt, now time.Time) (ackName string, b []byte, err error) {
	body, err := json.Marshal(Ack{File: filepath.Base(name), SHA256: digestOf(sealed), At: now.UTC(), Receipts: receipts})
	if err == nil {
		b, err = Sign(key, body)
	}
	return strings.TrimSuffix(filepath.Base(name), fileEnd) + ackEnd, b, err
}

// Files are the names of files below a folder's cities that have no
// acknowledgement yet: what an office would see.
func Files(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*", outFolder, "*"+fileEnd))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(n string) bool {
		_, err := os.Stat(AckPath(n))
		return err == nil
	}), nil
}

// AckPath is where the acknowledgement of a file belongs.
func AckPath(file string) string {
	return filepath.Join(filepath.Dir(filepath.Dir(file)), inFolder, strings.TrimSuffix(filepath.Base(file), fileEnd)+ackEnd)
}
