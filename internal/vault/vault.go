// Package vault is the one door to personal data: it keeps the keys by which
// it is sealed, apart from the rows. Each person has a key of their own; to
// destroy it is to erase the person from every row, log, replica and backup
// that holds something sealed with it.
//
// The order of keys is told in docs/decisions/0003-keys.md: an installation
// key in a file (or under a passphrase) wraps everything in the key store; the
// key store holds persons' keys and the short-lived ones; tags are made with a
// key of the installation that seals nothing.
package vault

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"turnike/internal/person"
)

// Config says where the keys are.
type Config struct {
	// Dir holds the installation's key file and, where Store is empty, the key
	// store. It stands outside the database's directory, so that a copy of one
	// is not a copy of both.
	Dir string
	// Store is the key store's address: empty for Dir/keys.db, or
	// postgres://..., which should not be the database of the rows.
	Store string
	// Passphrase opens the installation's key file; empty for a file that is
	// guarded by its permissions alone.
	Passphrase string
	// Stock is how many persons' keys are made at a time (1000): a stock costs
	// one sync to disk and is half used up before the next is made.
	Stock int
	// Now is the time, for the short keys' rotation.
	Now func() time.Time
}

// How long a short key is used, and how long it stays afterwards: a form may
// wait 72 hours for an authority that is away.
const (
	ShortUse  = 24 * time.Hour
	ShortKeep = 72 * time.Hour
)

// freshLife is how long a new key stays in memory: it is used several times in
// the seconds after it is given out. It also bounds how long another server
// could still open what was erased here.
const freshLife = time.Minute

// ErrUnknownKey is given for a key that this store never made: a database and
// a key store that do not belong together.
var ErrUnknownKey = errors.New("vault: no such key in this key store")

// errSealed is given for what does not open; it says no more on purpose.
var errSealed = errors.New("vault: the sealed value does not open here")

// Vault is a person.Keyring. It is safe for use by many goroutines.
type Vault struct {
	wrap  tink.AEAD
	tags  sync.Pool // of hash.Hash, each with the tag key's state ready
	store *store
	now   func() time.Time

	stock  chan newKey
	batch  int
	hungry chan struct{} // asks for the next stock
	quit   chan struct{}
	done   sync.WaitGroup

	mu    sync.Mutex
	fresh map[person.KeyRef]freshKey
	order []person.KeyRef // of fresh, oldest first
	short map[uint32]shortKey
	use   uint32 // the short key to seal with
	fault error  // why the last stock could not be made
}

var _ person.Keyring = (*Vault)(nil)

type newKey struct {
	ref person.KeyRef
	key []byte
}

type freshKey struct {
	key   []byte
	until time.Time
}

type shortKey struct {
	aead tink.AEAD
	made time.Time
}

// Open opens the keys, making them where there are none at all.
func Open(ctx context.Context, c Config) (*Vault, error) {
	if c.Stock == 0 {
		c.Stock = 1000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	v, err := open(ctx, c, s)
	if err != nil {
		s.Close()
		return nil, err
	}
	return v, nil
}

func open(ctx context.Context, c Config, s *store) (*Vault, error) {
	inst, err := installation(ctx, c, s)
	if err != nil {
		return nil, err
	}
	v := &Vault{
		wrap: inst.wrap, store: s, now: c.Now, batch: c.Stock,
		stock: make(chan newKey, 2*c.Stock), hungry: make(chan struct{}, 1), quit: make(chan struct{}),
		fresh: map[person.KeyRef]freshKey{}, short: map[uint32]shortKey{},
	}
	v.tags.New = func() any { return hmac.New(sha256.New, inst.tagKey) }
	if err := v.Rotate(ctx); err != nil {
		return nil, err
	}
	if err := v.fill(ctx); err != nil {
		return nil, err
	}
	v.done.Go(v.work)
	return v, nil
}

// Close stops making keys and closes the key store.
func (v *Vault) Close() error {
	close(v.quit)
	v.done.Wait()
	return v.store.Close()
}

// work makes stocks as they are asked for, and turns the short keys.
func (v *Vault) work() {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-v.quit:
			return
		case <-v.hungry:
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			err = v.fill(ctx)
			cancel()
			if err != nil {
				// The store is away; those who wait keep asking.
				select {
				case <-v.quit:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			err = v.Rotate(ctx)
			cancel()
		}
		v.mu.Lock()
		v.fault = err
		v.mu.Unlock()
	}
}

// fill makes a stock of keys. They are on disk before the first is given out:
// a row sealed under a key that a power cut took away would be lost for good.
func (v *Vault) fill(ctx context.Context) error {
	keys := make([]newKey, v.batch)
	wrapped := make([][]byte, v.batch)
	for i := range keys {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("make a key: %w", err)
		}
		k := make([]byte, 32)
		rand.Read(k)
		w, err := v.wrap.Encrypt(k, wrapAAD("person", id.Bytes()))
		if err != nil {
			return fmt.Errorf("wrap a key: %w", err)
		}
		keys[i] = newKey{refOf(id), k}
		wrapped[i] = w
	}
	if err := v.store.addKeys(ctx, keys, wrapped); err != nil {
		return err
	}
	for _, k := range keys {
		select {
		case v.stock <- k:
		default:
			return nil // more were asked for than there is room; these stay unused
		}
	}
	return nil
}

// refOf is a key's name: its id in 22 letters.
func refOf(id uuid.UUID) person.KeyRef {
	return person.KeyRef(base64.RawURLEncoding.EncodeToString(id.Bytes()))
}

func idOf(k person.KeyRef) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(string(k))
	if err != nil || len(b) != 16 {
		return nil, ErrUnknownKey
	}
	return b, nil
}

// wrapAAD binds a wrapped key to what it is for and to its own row.
func wrapAAD(kind string, id []byte) []byte { return append([]byte("turnike key "+kind+"\x00"), id...) }

// NewKey gives a key that is already on disk and was never used.
func (v *Vault) NewKey(ctx context.Context) (person.KeyRef, error) {
	if len(v.stock) < v.batch/2+1 {
		v.ask()
	}
	for {
		select {
		case k := <-v.stock:
			v.keep(k)
			return k.ref, nil
		case <-ctx.Done():
			v.mu.Lock()
			defer v.mu.Unlock()
			return "", errors.Join(fmt.Errorf("wait for a key: %w", ctx.Err()), v.fault)
		case <-v.quit:
			return "", errors.New("vault: closed")
		case <-time.After(200 * time.Millisecond):
			v.ask() // an earlier try failed
		}
	}
}

func (v *Vault) ask() {
	select {
	case v.hungry <- struct{}{}:
	default:
	}
}

// keep holds a new key in memory for its first uses. The oldest go first: all
// have the same life.
func (v *Vault) keep(k newKey) {
	now := v.now()
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.order) > 0 {
		r := v.order[0]
		f, ok := v.fresh[r]
		if ok && len(v.fresh) < 4*v.batch && now.Before(f.until) {
			break
		}
		clear(f.key)
		delete(v.fresh, r)
		v.order = v.order[1:]
	}
	v.fresh[k.ref] = freshKey{k.key, now.Add(freshLife)}
	v.order = append(v.order, k.ref)
}

// key finds a person's key.
func (v *Vault) key(ctx context.Context, k person.KeyRef) (*subtle.AESGCM, error) {
	now := v.now()
	v.mu.Lock()
	if f, ok := v.fresh[k]; ok && now.Before(f.until) {
		defer v.mu.Unlock()
		return subtle.NewAESGCM(f.key)
	}
	v.mu.Unlock()
	id, err := idOf(k)
	if err != nil {
		return nil, err
	}
	wrapped, err := v.store.key(ctx, id)
	if err != nil {
		return nil, err
	}
	raw, err := v.wrap.Decrypt(wrapped, wrapAAD("person", id))
	if err != nil {
		return nil, errSealed
	}
	defer clear(raw)
	return subtle.NewAESGCM(raw)
}

// The first byte of a sealed value says how it is sealed.
const (
	sealedByPerson = 1
	sealedShort    = 2
)

// Seal encrypts under a person's key; the value opens only at where.
func (v *Vault) Seal(ctx context.Context, k person.KeyRef, where string, plain []byte) ([]byte, error) {
	a, err := v.key(ctx, k)
	if err != nil {
		return nil, err
	}
	ct, err := a.Encrypt(plain, []byte(where))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return append([]byte{sealedByPerson}, ct...), nil
}

// Open undoes Seal; a destroyed key gives person.ErrErased.
func (v *Vault) Open(ctx context.Context, k person.KeyRef, where string, sealed []byte) ([]byte, error) {
	a, err := v.key(ctx, k)
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 || sealed[0] != sealedByPerson {
		return nil, errSealed
	}
	plain, err := a.Decrypt(sealed[1:], []byte(where))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// Destroy erases a person: what is left of the key is its name and the time.
func (v *Vault) Destroy(ctx context.Context, k person.KeyRef) error {
	id, err := idOf(k)
	if err != nil {
		return err
	}
	v.mu.Lock()
	if f, ok := v.fresh[k]; ok {
		delete(v.fresh, k)
		clear(f.key)
	}
	v.mu.Unlock()
	return v.store.destroy(ctx, id, v.now())
}

// Tag computes a blind index. Parts carry their length, so no two different
// triples are hashed alike.
func (v *Vault) Tag(city string, kind person.TagKind, value string) (t person.Tag) {
	h := v.tags.Get().(hash.Hash)
	defer v.tags.Put(h)
	h.Reset()
	var buf [128]byte
	b := buf[:0]
	for _, s := range [...]string{city, string(kind), value} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	h.Write(b)
	var sum [sha256.Size]byte
	copy(t[:], h.Sum(sum[:0]))
	return t
}

// SealShort encrypts under the newest short key.
func (v *Vault) SealShort(where string, plain []byte) ([]byte, error) {
	v.mu.Lock()
	id := v.use
	a := v.short[id].aead
	v.mu.Unlock()
	ct, err := a.Encrypt(plain, []byte(where))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{sealedShort}, id), ct...), nil
}

// OpenShort undoes SealShort; once the key's time is over, person.ErrErased.
func (v *Vault) OpenShort(where string, sealed []byte) ([]byte, error) {
	if len(sealed) < 5 || sealed[0] != sealedShort {
		return nil, errSealed
	}
	id := binary.BigEndian.Uint32(sealed[1:])
	v.mu.Lock()
	k, ok := v.short[id]
	v.mu.Unlock()
	if !ok {
		// Another server may have made it since.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := v.loadShort(ctx); err != nil {
			return nil, err
		}
		v.mu.Lock()
		k, ok = v.short[id]
		v.mu.Unlock()
	}
	if !ok {
		return nil, person.ErrErased
	}
	plain, err := k.aead.Decrypt(sealed[5:], []byte(where))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// Rotate makes a new short key where the newest has been used long enough, and
// destroys those whose time is over. The vault does so by itself each minute.
func (v *Vault) Rotate(ctx context.Context) error {
	now := v.now()
	if err := v.store.dropShort(ctx, now.Add(-ShortKeep)); err != nil {
		return err
	}
	if err := v.loadShort(ctx); err != nil {
		return err
	}
	v.mu.Lock()
	newest, ok := v.short[v.use]
	next := v.use + 1
	v.mu.Unlock()
	if ok && now.Sub(newest.made) < ShortUse {
		return nil
	}
	raw := make([]byte, 32)
	rand.Read(raw)
	defer clear(raw)
	wrapped, err := v.wrap.Encrypt(raw, wrapAAD("short", binary.BigEndian.AppendUint32(nil, next)))
	if err != nil {
		return fmt.Errorf("wrap a key: %w", err)
	}
	// Where another server was first, its key is loaded instead.
	if err := v.store.addShort(ctx, next, wrapped, now); err != nil {
		return err
	}
	return v.loadShort(ctx)
}

// loadShort reads the short keys there are.
func (v *Vault) loadShort(ctx context.Context) error {
	rows, err := v.store.shorts(ctx)
	if err != nil {
		return err
	}
	short := map[uint32]shortKey{}
	var use uint32
	for _, r := range rows {
		raw, err := v.wrap.Decrypt(r.wrapped, wrapAAD("short", binary.BigEndian.AppendUint32(nil, r.id)))
		if err != nil {
			return errSealed
		}
		a, err := subtle.NewAESGCM(raw)
		clear(raw)
		if err != nil {
			return fmt.Errorf("load short keys: %w", err)
		}
		short[r.id] = shortKey{a, r.made}
		use = max(use, r.id)
	}
	v.mu.Lock()
	v.short, v.use = short, use
	v.mu.Unlock()
	return nil
}
