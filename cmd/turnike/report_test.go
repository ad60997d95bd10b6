package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/gofrs/uuid/v5"

	"turnike/internal/authority"
	"turnike/internal/report"
	"turnike/internal/storage"
	"turnike/internal/storage/sqlstore"
)

// TestReportCommands looks after a report from the command line, and reads a
// file as a governor's office does.
func TestReportCommands(t *testing.T) {
	ctx := t.Context()
	data := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := storage.Open(ctx, "sqlite:"+filepath.Join(data, "turnike.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	id := func() string { return uuid.Must(uuid.NewV7()).String() }
	later, sent := id(), id()
	if err := s.Update(ctx, func(tx *sqlstore.Tx) error {
		for i, r := range []string{later, sent} {
			if _, err := tx.InsertReport(ctx, report.Report{City: "izmir", ID: r, StopID: id(), Day: int32(i), State: report.Waiting, Sealed: []byte{1}, Due: now.Add(time.Hour), Made: now}); err != nil {
				return err
			}
		}
		_, err := tx.ClaimReports(ctx, "izmir", report.Waiting, now.Add(2*time.Hour), now.Add(3*time.Hour), 10)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	do := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if err := run(ctx, args, &out, &out); err != nil {
			t.Fatalf("turnike %s: %v\n%s", strings.Join(args, " "), err, &out)
		}
		return out.String()
	}
	list := func() (lines []reportLine) {
		t.Helper()
		if err := json.Unmarshal([]byte(do("report", "list", "--data", data, "--city", "izmir", "--json")), &lines); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	if got := list(); len(got) != 2 || got[0].ID != sent || got[0].State != "waiting" || !got[0].Due.After(now) {
		t.Fatalf("list: got %+v, want two that wait, the newest first", got)
	}
	do("report", "file", "--data", data, "--city", "izmir")
	if got := list(); got[0].Due.After(time.Now()) || got[1].Due.After(time.Now()) {
		t.Errorf("file: got %+v, want both due now", got)
	}
	do("report", "withdraw", "--data", data, "--city", "izmir", "--by", "op-1", sent)
	if got := list(); got[0].State != "withdrawing" || got[0].Why != "staff" {
		t.Errorf("withdraw: got %+v, want it called back", got[0])
	}
	var out bytes.Buffer
	if err := run(ctx, []string{"report", "send", "--data", data, "--city", "istanbul", sent}, &out, &out); err == nil {
		t.Error("another city's report was sent")
	}

	// The office.
	dir := t.TempDir()
	office, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(dir, "office.txt")
	if err := os.WriteFile(keyFile, []byte(office.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	city := strings.TrimSpace(do("report", "key", "--data", data, "--city", "izmir"))
	sign, err := authority.SigningKey(filepath.Join(data+"-keys", "report", "izmir.key"))
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := authority.NewSealer(office.Recipient().String(), sign)
	if err != nil {
		t.Fatal(err)
	}
	receipts := filepath.Join(dir, "receipts.key")
	officeKey, err := authority.SigningKey(receipts)
	if err != nil {
		t.Fatal(err)
	}
	folder := &authority.Folder{Sealer: sealer, Dir: dir, Receipt: officeKey.Public().(ed25519.PublicKey), Zone: time.UTC, Hour: 7}
	one, err := sealer.Seal([]byte(`{"id":"` + sent + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	if a := folder.Hand(ctx, "izmir", []report.Item{{ID: sent, Sealed: one}}, now); a[0].Err != nil {
		t.Fatal(a[0].Err)
	}
	files, err := authority.Files(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("files: %v %v", files, err)
	}
	args := []string{"report", "read", files[0], "--key", keyFile, "--sign", receipts, "--ack", filepath.Dir(authority.AckPath(files[0])), "--from"}
	if got := do(append(args, city)...); got != `{"id":"`+sent+`"}`+"\n" {
		t.Errorf("the office reads %q", got)
	}
	if err := run(ctx, append(args, base64.StdEncoding.EncodeToString(make([]byte, 32))), &out, &out); err == nil {
		t.Error("a file that another city signed was read")
	}
	answers, err := folder.Collect(ctx, "izmir")
	if err != nil || len(answers) != 1 || answers[0].ID != sent || answers[0].Receipt == "" {
		t.Errorf("the acknowledgement: got %+v, %v", answers, err)
	}
}
