package vault

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// KeyFile is the installation's key file, within Config.Dir.
const KeyFile = "installation.key"

// Errors of the installation's key.
var (
	// ErrNoKeyFile: keys were made here before, and the file that opens them
	// is gone. Making another would lose what the first one seals.
	ErrNoKeyFile = errors.New("vault: the key store is there but " + KeyFile + " is not: restore it from its backup")
	// ErrWrongKeyFile: the file belongs to another key store.
	ErrWrongKeyFile = errors.New("vault: " + KeyFile + " belongs to another key store")
	ErrPermissions  = errors.New("vault: " + KeyFile + " may be read by others: chmod 600 it")
	ErrPassphrase   = errors.New("vault: the passphrase does not open " + KeyFile)
	ErrNoPassphrase = errors.New("vault: " + KeyFile + " needs its passphrase")
)

// inst is the installation's key, opened.
type inst struct {
	wrap   tink.AEAD
	tagKey []byte
}

// fileForm is what the key file holds, bare or within an age file.
type fileForm struct {
	Format string          `json:"format"`
	Wrap   json.RawMessage `json:"wrap"` // Tink keyset, AES-256-GCM
	Tags   []byte          `json:"tags"` // HMAC-SHA-256 key of the blind index
}

const fileFormat = "turnike-installation-key-1"

// installation opens the key file and holds it against the key store; where
// neither is there yet it makes both.
func installation(ctx context.Context, c Config, s *store) (inst, error) {
	path := filepath.Join(c.Dir, KeyFile)
	mark, err := s.note(ctx, "installation")
	if err != nil {
		return inst{}, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if mark != nil {
			return inst{}, ErrNoKeyFile
		}
		if err := makeFile(c, path); err != nil {
			return inst{}, fmt.Errorf("make %s: %w", KeyFile, err)
		}
	case err != nil:
		return inst{}, fmt.Errorf("open %s: %w", KeyFile, err)
	case info.Mode().Perm()&0o077 != 0:
		return inst{}, ErrPermissions
	}
	f, err := readFile(path, c.Passphrase)
	if err != nil {
		return inst{}, err
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(f.Wrap)))
	if err != nil {
		return inst{}, fmt.Errorf("read %s: it is damaged", KeyFile)
	}
	wrap, err := aead.New(h)
	if err != nil || len(f.Tags) != 32 {
		return inst{}, fmt.Errorf("read %s: it is damaged", KeyFile)
	}
	in := inst{wrap, f.Tags}
	if mark == nil {
		return in, s.putNote(ctx, "installation", in.mark())
	}
	if !hmac.Equal(mark, in.mark()) {
		return inst{}, ErrWrongKeyFile
	}
	return in, nil
}

// mark tells two installations' keys apart without telling either.
func (i inst) mark() []byte {
	h := hmac.New(sha256.New, i.tagKey)
	h.Write([]byte("turnike installation"))
	return h.Sum(nil)
}

func makeFile(c Config, path string) error {
	h, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return err
	}
	var ks bytes.Buffer
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&ks)); err != nil {
		return err
	}
	tags := make([]byte, 32)
	rand.Read(tags)
	plain, err := json.Marshal(fileForm{fileFormat, ks.Bytes(), tags})
	if err != nil {
		return err
	}
	if c.Passphrase != "" {
		if plain, err = lock(plain, c.Passphrase); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	// Under another name first: a cut in the middle leaves no half a key.
	tmp, err := os.CreateTemp(c.Dir, "."+KeyFile)
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(plain, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil { // fails where another process was first
		return err
	}
	d, err := os.Open(c.Dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock seals the file under a passphrase (age, scrypt).
func lock(plain []byte, passphrase string) ([]byte, error) {
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	a := armor.NewWriter(&out)
	w, err := age.Encrypt(a, r)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(plain)
	if err = errors.Join(err, w.Close(), a.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func readFile(path, passphrase string) (f fileForm, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return f, fmt.Errorf("read %s: %w", KeyFile, err)
	}
	if bytes.HasPrefix(b, []byte(armor.Header)) {
		if passphrase == "" {
			return f, ErrNoPassphrase
		}
		id, err := age.NewScryptIdentity(passphrase)
		if err != nil {
			return f, ErrPassphrase
		}
		r, err := age.Decrypt(armor.NewReader(bytes.NewReader(b)), id)
		if err != nil {
			return f, ErrPassphrase
		}
		if b, err = io.ReadAll(r); err != nil {
			return f, fmt.Errorf("read %s: %w", KeyFile, err)
		}
	}
	// The decoder's own errors quote what they stumble over.
	if err := json.Unmarshal(b, &f); err != nil || f.Format != fileFormat {
		return f, fmt.Errorf("read %s: it is damaged or of another version", KeyFile)
	}
	return f, nil
}
