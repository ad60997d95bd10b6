package publish_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"turnike/gate"
	"turnike/internal/card"
	"turnike/internal/publish"
	"turnike/statuslist"
)

// TestListKeyIsReplaced is the drill for a stolen list key: a draft, two of
// three holders, and gates that follow the new key and refuse the old one.
func TestListKeyIsReplaced(t *testing.T) {
	w := newWorld(t, shipped(t, "gaziantep"))
	keys := filepath.Join(w.dir, "keys")
	dir := filepath.Join(keys, w.city.ID)
	stolen := filepath.Join(t.TempDir(), "keys")
	if err := os.CopyFS(stolen, os.DirFS(keys)); err != nil {
		t.Fatal(err)
	}
	holder := func(n string) string { return filepath.Join(dir, "root-holder-"+n+".key") }

	draft, err := publish.DraftRoot(keys, w.city.ID, w.now, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := publish.SignRoot(draft, filepath.Join(dir, "list.key")); err == nil {
		t.Error("a key that is no root's signed the draft")
	}
	for i, n := range []string{"1", "1", "3"} { // one holder twice is one holder
		if _, err := publish.InstallRoot(keys, w.city.ID); !errors.Is(err, statuslist.ErrSignature) {
			t.Fatalf("after %d signatures: got %v, want %v", i, err, statuslist.ErrSignature)
		}
		if err := publish.SignRoot(draft, holder(n)); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := publish.InstallRoot(keys, w.city.ID); v != 2 || err != nil {
		t.Fatalf("install: got %d, %v, want 2", v, err)
	}
	if _, err := publish.InstallRoot(keys, w.city.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("installed twice: got %v, want %v", err, fs.ErrNotExist)
	}
	w.open()
	w.at(2021, 1, 15, 9, 0)
	w.put(number(w.city, 3), card.Paired, 0)
	w.step()
	w.tap("paired under the new key", number(w.city, 3), gate.Admit)
	if got := w.gate.Status(w.now).Root; got != 2 {
		t.Errorf("the gate's root: got %d, want 2", got)
	}
	// The thief goes on publishing with the old key, far ahead, and says so
	// under the old root.
	lists := filepath.Join(t.TempDir(), "lists")
	thief, err := publish.Open(publish.Config{City: w.city, Dir: lists, Keys: stolen, Store: w.store, Now: func() time.Time { return w.now.AddDate(1, 0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	if err := thief.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.gate.Update(t.Context(), folderOf(filepath.Join(lists, w.city.ID))); !errors.Is(err, statuslist.ErrSignature) {
		t.Errorf("a list of the revoked key: got %v, want %v", err, statuslist.ErrSignature)
	}
	w.tap("after the thief", number(w.city, 3), gate.Admit)
}

// TestListKeyRollsOver keeps the old key for its time.
func TestListKeyRollsOver(t *testing.T) {
	w := newWorld(t, shipped(t, "gaziantep"))
	keys := filepath.Join(w.dir, "keys")
	for v := uint32(2); v < 5; v++ {
		draft, err := publish.DraftRoot(keys, w.city.ID, w.now, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []string{"2", "3"} {
			if err := publish.SignRoot(draft, filepath.Join(keys, w.city.ID, "root-holder-"+n+".key")); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := publish.InstallRoot(keys, w.city.ID); got != v || err != nil {
			t.Fatalf("install: got %d, %v, want %d", got, err, v)
		}
		w.now = w.now.Add(time.Hour)
		w.open()
		w.step()
		if got := w.gate.Status(w.now).Root; got != v {
			t.Errorf("the gate's root: got %d, want %d", got, v)
		}
	}
}
