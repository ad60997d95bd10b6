package publish

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"turnike/statuslist"
)

// keySet is a city's list key and the files of its root versions.
type keySet struct {
	list  ed25519.PrivateKey
	roots [][]byte
	// secret seals the list for gates that share it; nil where the folder has
	// no list.secret, and the list is published in the open.
	secret *statuslist.Secret
	// bearer is what a partner shows to read a sealed list as tokens.
	bearer string
}

// SecretFile is the file beside list.key that seals a city's list. It is made
// with the keys: a list in the open tells whoever knows a card's number that
// it is stopped, and until when. A city that wants it open takes it away.
const SecretFile = "list.secret"

// rootKeys is how many people hold a root key, threshold how many of them a
// new root takes.
const (
	rootKeys  = 3
	threshold = 2
)

// listKeyLife is how long a list key may sign. A new root names the next one
// well before.
const listKeyLife = 5 * 366 * 24 * time.Hour

// loadKeys reads a city's keys, making them where the folder is empty: three
// root keys to be carried away to three people, and the list key that stays.
// Only list.key and the root files are needed to publish.
func loadKeys(dir, city string, now time.Time) (keySet, error) {
	var k keySet
	dir = filepath.Join(dir, city)
	listPath := filepath.Join(dir, "list.key")
	made, err := exists(listPath)
	if err != nil {
		return k, err
	}
	if !made {
		if err := makeKeys(dir, city, now); err != nil {
			return k, fmt.Errorf("make keys: %w", err)
		}
	}
	if k.list, err = readKey(listPath); err != nil {
		return k, err
	}
	switch secret, err := os.ReadFile(filepath.Join(dir, SecretFile)); {
	case err == nil:
		if k.secret, err = statuslist.NewSecret(secret); err != nil {
			return k, err
		}
		k.bearer = Bearer(secret)
	case !errors.Is(err, fs.ErrNotExist):
		return k, err
	}
	for v := 1; ; v++ {
		path := filepath.Join(dir, fmt.Sprintf("root-%d", v))
		ok, err := exists(path)
		if err != nil {
			return k, err
		}
		if !ok {
			break
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return k, err
		}
		k.roots = append(k.roots, b)
	}
	if len(k.roots) == 0 {
		return k, fmt.Errorf("%s: list.key is there but no root-1; restore it from the backup of the keys", dir)
	}
	return k, nil
}

func makeKeys(dir, city string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	listPub, listKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	root := &statuslist.Root{City: city, Version: 1, Threshold: threshold}
	root.ListKeys = []statuslist.ListKey{{Key: listPub, From: now.Add(-24 * time.Hour).Truncate(time.Second), To: now.Add(listKeyLife).Truncate(time.Second)}}
	var private []ed25519.PrivateKey
	for i := range rootKeys {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		root.Keys = append(root.Keys, pub)
		private = append(private, key)
		if err := writeKey(filepath.Join(dir, fmt.Sprintf("root-holder-%d.key", i+1)), key); err != nil {
			return err
		}
	}
	file, err := root.Sign(private...)
	if err != nil {
		return err
	}
	if err := statuslist.WriteFile(filepath.Join(dir, "root-1"), file); err != nil {
		return err
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	if err := writeSecret(filepath.Join(dir, SecretFile), secret); err != nil {
		return err
	}
	// Last, because its presence says that the others are there.
	return writeKey(filepath.Join(dir, "list.key"), listKey)
}

// Bearer is the word that opens a sealed list's tokens: of the secret, and
// telling nothing of it.
func Bearer(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("turnike token list 1"))
	return hex.EncodeToString(h.Sum(nil))
}

// Secret is what a city's gates are given to read its list; nil where the
// list is in the open.
func Secret(keysDir, cityID string) (*statuslist.Secret, error) {
	b, err := os.ReadFile(filepath.Join(keysDir, cityID, SecretFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list secret of %s: %w", cityID, err)
	}
	return statuslist.NewSecret(b)
}

func writeKey(path string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeSecret(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// writeSecret writes a file for this account's eyes only, durably.
func writeSecret(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func readKey(path string) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM key in it", path)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: not an Ed25519 key", path)
	}
	return key, nil
}
