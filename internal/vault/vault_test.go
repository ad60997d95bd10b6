package vault

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"turnike/internal/person"
	"turnike/internal/storage/storagetest/pgtest"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

var t0 = time.Date(2021, 1, 10, 12, 0, 0, 0, time.UTC)

func open1(t *testing.T, c Config) *Vault {
	t.Helper()
	v, err := Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		select {
		case <-v.quit:
		default:
			v.Close()
		}
	})
	return v
}

// onBoth runs a test with the key store in a file and on PostgreSQL.
func onBoth(t *testing.T, test func(*testing.T, Config)) {
	pg := pgtest.Start(t)
	t.Run("file", func(t *testing.T) { test(t, Config{Dir: t.TempDir(), Stock: 20}) })
	t.Run("postgres", func(t *testing.T) { test(t, Config{Dir: t.TempDir(), Store: pg.Database(t), Stock: 20}) })
}

func TestSealOpenDestroy(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		ctx := t.Context()
		v := open1(t, c)
		k, err := v.NewKey(ctx)
		if err != nil {
			t.Fatal(err)
		}
		const where = "person/izmir/1/sealed"
		secret := []byte("10000000146 ayşe")
		sealed, err := v.Seal(ctx, k, where, secret)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(sealed, secret[:8]) {
			t.Errorf("sealed value: got the secret in it")
		}
		v.Close()

		// After a start nothing is in memory.
		v = open1(t, c)
		if got, err := v.Open(ctx, k, where, sealed); err != nil || !bytes.Equal(got, secret) {
			t.Errorf("open: got %q, %v, want %q", got, err, secret)
		}
		if _, err := v.Open(ctx, k, "person/izmir/2/sealed", sealed); err == nil {
			t.Errorf("open in another row: got no error, want one")
		}
		other, err := v.NewKey(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Open(ctx, other, where, sealed); err == nil {
			t.Errorf("open with another key: got no error, want one")
		}
		for _, bad := range [][]byte{nil, {1}, sealed[:len(sealed)-1], append([]byte{2}, sealed[1:]...)} {
			if _, err := v.Open(ctx, k, where, bad); err == nil {
				t.Errorf("open of a damaged value of %d bytes: got no error, want one", len(bad))
			}
		}
		for range 2 {
			if err := v.Destroy(ctx, k); err != nil {
				t.Fatalf("destroy: %v", err)
			}
			if _, err := v.Open(ctx, k, where, sealed); !errors.Is(err, person.ErrErased) {
				t.Errorf("open after destroy: got %v, want %v", err, person.ErrErased)
			}
			if _, err := v.Seal(ctx, k, where, secret); !errors.Is(err, person.ErrErased) {
				t.Errorf("seal after destroy: got %v, want %v", err, person.ErrErased)
			}
		}
		// A key still in memory goes at once, too.
		if err := v.Destroy(ctx, other); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Seal(ctx, other, where, secret); !errors.Is(err, person.ErrErased) {
			t.Errorf("seal with a destroyed new key: got %v, want %v", err, person.ErrErased)
		}
		for _, ref := range []person.KeyRef{"", "no key", "AAAAAAAAAAAAAAAAAAAAAA"} {
			if _, err := v.Open(ctx, ref, where, sealed); !errors.Is(err, ErrUnknownKey) {
				t.Errorf("open with key %q: got %v, want %v", ref, err, ErrUnknownKey)
			}
		}
	})
}

func TestDestroyedKeyIsGoneFromTheFiles(t *testing.T) {
	ctx := t.Context()
	c := Config{Dir: t.TempDir(), Stock: 5}
	v := open1(t, c)
	k, err := v.NewKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	id, err := idOf(k)
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := v.store.key(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	found := func() (n int) {
		files, err := filepath.Glob(filepath.Join(c.Dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			n += bytes.Count(b, wrapped)
		}
		return n
	}
	if found() == 0 {
		t.Fatalf("wrapped key before: got it nowhere, want it in the key store")
	}
	if err := v.Destroy(ctx, k); err != nil {
		t.Fatal(err)
	}
	if n := found(); n != 0 {
		t.Errorf("wrapped key after destroy: got it %d times in the files, want none", n)
	}
}

func TestEveryKeyIsGivenOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		v := open1(t, c)
		const n = 300 // many stocks
		refs := make([]person.KeyRef, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				k, err := v.NewKey(t.Context())
				if err != nil {
					t.Errorf("new key: got %v, want no error", err)
				}
				refs[i] = k
			})
		}
		wg.Wait()
		seen := map[person.KeyRef]bool{}
		for _, k := range refs {
			if seen[k] {
				t.Errorf("key %s: given twice", k)
			}
			seen[k] = true
			id, err := idOf(k)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.store.key(t.Context(), id); err != nil {
				t.Errorf("key %s: got %v, want it stored before it is given", k, err)
			}
		}
	})
}

func TestTags(t *testing.T) {
	v, other := open1(t, Config{Dir: t.TempDir(), Stock: 1}), open1(t, Config{Dir: t.TempDir(), Stock: 1})
	seen := map[person.Tag]string{}
	for _, c := range []struct {
		city string
		kind person.TagKind
		v    string
	}{{"izmir", person.TagID, "1"}, {"izmir", person.TagPhone, "1"}, {"antalya", person.TagID, "1"}, {"izmir", person.TagID, "2"},
		{"izmiri", "d", "1"}, {"izmir", "id1", ""}, {"", "", "izmirid1"}} {
		tag := v.Tag(c.city, c.kind, c.v)
		if was, ok := seen[tag]; ok || tag.IsZero() {
			t.Errorf("tag of %v: got that of %s", c, was)
		}
		seen[tag] = c.city + "/" + string(c.kind) + "/" + c.v
		if again := v.Tag(c.city, c.kind, c.v); again != tag {
			t.Errorf("tag of %v: got %v and %v, want one", c, tag, again)
		}
		if other.Tag(c.city, c.kind, c.v) == tag {
			t.Errorf("tag of %v: got the same in another installation", c)
		}
	}
}

func TestShortKeysTurn(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		clk := &clock{t: t0}
		c.Now = clk.now
		v := open1(t, c)
		early, err := v.SealShort("request/1", []byte("form"))
		if err != nil {
			t.Fatal(err)
		}
		opens := func(what string, v *Vault, sealed []byte, want error) {
			t.Helper()
			if got, err := v.OpenShort("request/1", sealed); !errors.Is(err, want) || err == nil && string(got) != "form" {
				t.Errorf("%s at %v: got %q, %v, want %v", what, clk.now().Sub(t0), got, err, want)
			}
		}
		opens("early", v, early, nil)
		if _, err := v.OpenShort("request/2", early); err == nil {
			t.Errorf("open elsewhere: got no error, want one")
		}
		second := open1(t, c) // another server, which made no key itself
		opens("early, by another server", second, early, nil)

		clk.add(ShortUse)
		if err := v.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		late, err := v.SealShort("request/1", []byte("form"))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(early[:5], late[:5]) {
			t.Errorf("key after %v: got the same, want another", ShortUse)
		}
		opens("late, by a server that has not seen the key", second, late, nil)
		opens("early", v, early, nil)

		clk.add(ShortKeep) // sealed at the end of its use it would be just 72 h old
		if err := v.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		opens("early", v, early, nil)
		clk.add(time.Second)
		if err := v.Rotate(t.Context()); err != nil {
			t.Fatal(err)
		}
		opens("early, past its time", v, early, person.ErrErased)
		opens("late", v, late, nil)
	})
}

func TestInstallationKey(t *testing.T) {
	ctx := t.Context()
	seal := func(t *testing.T, c Config) []byte {
		v := open1(t, c)
		defer v.Close()
		b, err := v.SealShort("w", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name string
		pass string
		harm func(t *testing.T, c *Config)
		want error
	}{
		{"bare file", "", func(*testing.T, *Config) {}, nil},
		{"passphrase", "üç küçük kedi", func(*testing.T, *Config) {}, nil},
		{"wrong passphrase", "right", func(_ *testing.T, c *Config) { c.Passphrase = "wrong" }, ErrPassphrase},
		{"no passphrase", "right", func(_ *testing.T, c *Config) { c.Passphrase = "" }, ErrNoPassphrase},
		{"open to others", "", func(t *testing.T, c *Config) {
			if err := os.Chmod(filepath.Join(c.Dir, KeyFile), 0o640); err != nil {
				t.Fatal(err)
			}
		}, ErrPermissions},
		{"lost", "", func(t *testing.T, c *Config) {
			if err := os.Remove(filepath.Join(c.Dir, KeyFile)); err != nil {
				t.Fatal(err)
			}
		}, ErrNoKeyFile},
		{"of another installation", "", func(t *testing.T, c *Config) {
			other := Config{Dir: t.TempDir(), Stock: 1}
			seal(t, other)
			if err := os.Rename(filepath.Join(other.Dir, KeyFile), filepath.Join(c.Dir, KeyFile)); err != nil {
				t.Fatal(err)
			}
		}, ErrWrongKeyFile},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{Dir: t.TempDir(), Stock: 1, Passphrase: c.pass}
			sealed := seal(t, cfg)
			info, err := os.Stat(filepath.Join(cfg.Dir, KeyFile))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("key file: got %v, %v, want mode 0600", info, err)
			}
			c.harm(t, &cfg)
			v, err := Open(ctx, cfg)
			if !errors.Is(err, c.want) {
				t.Fatalf("open: got %v, want %v", err, c.want)
			}
			if err != nil {
				return
			}
			defer v.Close()
			if got, err := v.OpenShort("w", sealed); err != nil || string(got) != "x" {
				t.Errorf("open short: got %q, %v, want x", got, err)
			}
		})
	}
}

func TestNoKeyWithoutADisk(t *testing.T) {
	v := open1(t, Config{Dir: t.TempDir(), Stock: 2})
	v.store.db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var err error
	given := 0
	for ; given < 10 && err == nil; given++ {
		_, err = v.NewKey(ctx)
	}
	if !errors.Is(err, context.DeadlineExceeded) || given > 5 {
		t.Errorf("keys without a store: got %d and %v, want only the stock, then the end of the wait", given, err)
	}
}

func BenchmarkSealNewPerson(b *testing.B) {
	v, err := Open(b.Context(), Config{Dir: b.TempDir(), Stock: 4096})
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	plain := bytes.Repeat([]byte("x"), 120)
	for b.Loop() {
		k, err := v.NewKey(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := v.Seal(b.Context(), k, "person/izmir/1", plain); err != nil {
			b.Fatal(err)
		}
	}
}

// TestShortKeysSurviveALeap: a server that was down for a week, or whose clock
// leapt, still opens what was sealed just before, and gives no number twice. It
// bit: all keys were dropped at once and the next one took the first's number.
func TestShortKeysSurviveALeap(t *testing.T) {
	onBoth(t, func(t *testing.T, c Config) {
		clk := &clock{t: t0}
		c.Now = clk.now
		v := open1(t, c)
		for range 3 {
			clk.add(7 * 24 * time.Hour)
			sealed, err := v.SealShort("w", []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := v.Rotate(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := v.OpenShort("w", sealed); err != nil || string(got) != "x" {
				t.Errorf("sealed before the leap: got %q, %v, want it back", got, err)
			}
			later, err := v.SealShort("w", []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(sealed[:5], later[:5]) {
				t.Error("after a week the same key is used")
			}
		}
	})
}
