package gate_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"turnike/gate"
	"turnike/statuslist"
)

func TestSealedList(t *testing.T) {
	secret, err := statuslist.NewSecret(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	other, err := statuslist.NewSecret(bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	c := newCity(t, "izmir", 2000)
	c.publish() // in the open at first
	open := func(dir string, s *statuslist.Secret) *gate.Gate {
		g, err := gate.Open(gate.Config{Dir: dir, City: "izmir", Anchor: anchor(), Secret: s})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	dir := t.TempDir()
	g := open(dir, secret)
	c.update(g)
	c.cfg.Secret = secret
	c.open()
	for v := range uint32(60) {
		for i := range uint32(40) {
			c.set(v*20+i, statuslist.Status{Class: adult, StopUntil: statuslist.Day(18642 + v%7)})
		}
		c.publish()
		c.update(g)
		c.verify(g, c.now)
		if v == 30 {
			c.open() // a publisher started again reads what it sealed
			g = open(dir, secret)
			c.verify(g, c.now)
		}
	}
	if got := open(dir, nil).Status(c.now); got.Level != "fresh" || got.Sequence == 0 {
		t.Errorf("status without the secret: got %+v, want fresh and its sequence", got)
	}
	if got := open(dir, nil).Decide(statuslist.Number{Scheme: 1, Value: 1000}, c.now, 0); got != gate.Stale {
		t.Errorf("decision without the secret: got %v, want %v", got, gate.Stale)
	}
	for name, s := range map[string]*statuslist.Secret{"no secret": nil, "another": other} {
		g := open(t.TempDir(), s)
		if _, err := g.Update(context.Background(), c.fetch); !errors.Is(err, statuslist.ErrSealed) {
			t.Errorf("%s: got %v, want %v", name, err, statuslist.ErrSealed)
		}
	}
	for name, file := range c.folder() {
		if bytes.HasPrefix(file, []byte("TKLX")) {
			if len(file) < 40 {
				t.Errorf("%s: %d bytes sealed", name, len(file))
			}
			bad := bytes.Clone(file)
			bad[len(bad)/2] ^= 1
			if _, err := secret.Unseal(bad); !errors.Is(err, statuslist.ErrSealed) {
				t.Errorf("%s with a bit flipped: got %v, want %v", name, err, statuslist.ErrSealed)
			}
			again, err := secret.Unseal(file)
			if err != nil || !bytes.Equal(secret.Seal(again), file) {
				t.Errorf("%s: sealed again it is another file, %v", name, err)
			}
		}
	}
}
