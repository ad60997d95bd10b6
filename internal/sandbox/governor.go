package sandbox

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"turnike/internal/authority"
)

// Governor is a district governor's office: it reads the report files that lie
// below a folder (DIR/CITY/out), and puts an acknowledgement of each into
// DIR/CITY/in. It tells how many it read.
func (s *Sandbox) Governor(dir string) (int, error) {
	files, err := authority.Files(dir)
	if err != nil {
		return 0, err
	}
	n := 0
	var errs []error
	for _, path := range files {
		if err := s.readFile(path); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", filepath.Base(path), err))
			continue
		}
		n++
	}
	return n, errors.Join(errs...)
}

func (s *Sandbox) readFile(path string) error {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, _, city, err := authority.ReadFile(sealed, s.identity)
	if err != nil {
		return err
	}
	var receipts []authority.AckReceipt
	for _, r := range f.Reports {
		rep, _, err := s.take(r.ID, r.Sealed, filepath.Base(path))
		if err != nil {
			return err
		}
		a := authority.AckReceipt{ID: r.ID, Receipt: rep.Receipt}
		if rep.At.IsZero() {
			a.Receipt = "" // withdrawn before it came
		}
		receipts = append(receipts, a)
	}
	for _, wd := range f.Withdrawals {
		s.takeBack(wd.Withdraw, hex.EncodeToString(city), filepath.Base(path))
	}
	_, ack, err := authority.WriteAck(s.receipts, path, sealed, receipts, s.now())
	if err != nil {
		return err
	}
	// Written aside and moved, so that nobody reads half of it.
	to := authority.AckPath(path)
	if err := os.WriteFile(to+".part", ack, 0o600); err != nil {
		return err
	}
	return os.Rename(to+".part", to)
}
