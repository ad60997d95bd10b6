package publish

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"turnike/statuslist"
)

// A list key is replaced in three steps, so that the root keys, which two of
// three people bring, never meet on one machine: a draft of the next root is
// made beside the keys, each holder signs it wherever they like, and it is
// installed. Gates follow by themselves.

const (
	draftFile   = "root.draft"
	nextKeyFile = "list.key.next"
)

// DraftRoot makes a new list key and a draft of the root that names it, and
// gives the draft's path. With revoke the keys named so far are not named any
// more: gates then refuse what they signed. Otherwise they stay until their
// time is over.
func DraftRoot(keysDir, cityID string, now time.Time, revoke bool) (path string, err error) {
	dir := filepath.Join(keysDir, cityID)
	root, err := newestRoot(dir)
	if err != nil {
		return "", fmt.Errorf("draft root of %s: %w", cityID, err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	next := *root
	next.Version++
	if next.ListKeys = nil; !revoke {
		for _, k := range root.ListKeys {
			if now.Before(k.To) {
				next.ListKeys = append(next.ListKeys, k)
			}
		}
	}
	next.ListKeys = append(next.ListKeys, statuslist.ListKey{Key: public, From: now.Add(-24 * time.Hour).Truncate(time.Second), To: now.Add(listKeyLife).Truncate(time.Second)})
	draft, err := next.Sign()
	if err != nil {
		return "", fmt.Errorf("draft root of %s: %w", cityID, err)
	}
	if err := writeKey(filepath.Join(dir, nextKeyFile), key); err != nil {
		return "", err
	}
	path = filepath.Join(dir, draftFile)
	return path, statuslist.WriteFile(path, draft)
}

// SignRoot adds a holder's signature to a draft.
func SignRoot(draft, holder string) error {
	key, err := readKey(holder)
	if err != nil {
		return err
	}
	file, err := os.ReadFile(draft)
	if err != nil {
		return err
	}
	root, err := statuslist.ParseRoot(file)
	if err != nil {
		return fmt.Errorf("%s: %w", draft, err)
	}
	id := statuslist.KeyIDOf(key.Public().(ed25519.PublicKey))
	for _, k := range root.Keys {
		if statuslist.KeyIDOf(k) == id {
			if file, err = statuslist.CosignRoot(file, key); err != nil {
				return err
			}
			return statuslist.WriteFile(draft, file)
		}
	}
	return fmt.Errorf("%s: its key %s is none of the root's", holder, id)
}

// InstallRoot takes a draft that enough holders signed, and its list key, into
// use; a server takes them up when it is started again. What was cut off half
// way is finished by calling it again.
func InstallRoot(keysDir, cityID string) (version uint32, err error) {
	dir := filepath.Join(keysDir, cityID)
	file, err := os.ReadFile(filepath.Join(dir, draftFile))
	if err != nil {
		return 0, fmt.Errorf("install root of %s: %w", cityID, err)
	}
	next, err := statuslist.ParseRoot(file)
	if err != nil {
		return 0, fmt.Errorf("install root of %s: %w", cityID, err)
	}
	root, err := rootOf(dir, next.Version-1)
	if err != nil {
		return 0, fmt.Errorf("install root of %s: %w", cityID, err)
	}
	if _, err := root.VerifyNext(file); err != nil {
		return 0, fmt.Errorf("install root of %s: %w; it takes %d of the %d holders", cityID, err, root.Threshold, len(root.Keys))
	}
	key, err := readKey(filepath.Join(dir, nextKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		key, err = readKey(filepath.Join(dir, "list.key")) // moved before the cut
	}
	if err != nil {
		return 0, err
	}
	if !next.Trusts(statuslist.KeyIDOf(key.Public().(ed25519.PublicKey))) {
		return 0, fmt.Errorf("install root of %s: the draft does not name the key beside it", cityID)
	}
	if err := statuslist.WriteFile(filepath.Join(dir, fmt.Sprintf("root-%d", next.Version)), file); err != nil {
		return 0, err
	}
	if err := os.Rename(filepath.Join(dir, nextKeyFile), filepath.Join(dir, "list.key")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return next.Version, os.Remove(filepath.Join(dir, draftFile))
}

func rootOf(dir string, version uint32) (*statuslist.Root, error) {
	file, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("root-%d", version)))
	if err != nil {
		return nil, err
	}
	return statuslist.ParseRoot(file)
}

func newestRoot(dir string) (root *statuslist.Root, err error) {
	for v := uint32(1); ; v++ {
		next, err := rootOf(dir, v)
		if errors.Is(err, fs.ErrNotExist) && root != nil {
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		root = next
	}
}
