package gate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"testing"
	"time"

	"turnike/statuslist"
)

func fuzzKey() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("fuzz"))
	return ed25519.NewKeyFromSeed(seed[:])
}

func FuzzBatch(f *testing.F) {
	b := Batch{City: "izmir", Sequence: 3, Sealed: time.Unix(1610694000, 0), Uptime: time.Hour,
		Stopped: []Stopped{{Index: 7, Class: 1, Stop: 4, At: time.Unix(1610690000, 0), Uptime: time.Minute, Sequence: 9, ListIssued: time.Unix(1610680000, 0)}},
		Counts:  []Count{{Hour: 447000, Stop: 4, Issued: true, Class: 1, Decision: Admit, Taps: 300}}}
	f.Add(b.Sign(fuzzKey()))
	f.Fuzz(func(t *testing.T, file []byte) {
		b, err := ParseBatch(file)
		if err != nil {
			return
		}
		again, err := ParseBatch(b.Sign(fuzzKey()))
		if err != nil || !bytes.Equal(again.body(), b.body()) {
			t.Errorf("written and read again: %v", err)
		}
		for _, s := range b.Stopped {
			s.Span(b, time.Unix(1610694000, 0))
		}
	})
}

func FuzzRecord(f *testing.F) {
	root := statuslist.Root{City: "izmir", Version: 1, Threshold: 1, Keys: []ed25519.PublicKey{fuzzKey().Public().(ed25519.PublicKey)}}
	file, err := root.Sign(fuzzKey())
	if err != nil {
		f.Fatal(err)
	}
	s := store{rootFile: file, ratchet: map[statuslist.KeyID]uint64{{1}: 5}, full: "full-1-a", deltas: []string{"delta-1-2-a", "delta-2-3-b"}}
	record := s.marshal()
	f.Add(record[:len(record)-32])
	f.Fuzz(func(t *testing.T, record []byte) {
		// The digest is put right, else nothing past it would be reached.
		sum := statuslist.Sum(record)
		var s store
		if err := s.unmarshal(append(bytes.Clone(record), sum[:]...)); err == nil && s.root == nil {
			t.Error("a record without a root was read")
		}
	})
}

// FuzzSegment gives a journal segment any bytes: what is read of a torn or
// worn one must be sealable.
func FuzzSegment(f *testing.F) {
	t := Stopped{Index: 7, At: time.Unix(1610690000, 0), ListIssued: time.Unix(1610680000, 0)}
	whole := frame(make([]byte, 32), kindStopped, t.append(nil))
	whole = frame(whole, kindCount, (&Count{Hour: 4, Taps: 2}).append(nil))
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Fuzz(func(t *testing.T, segment []byte) {
		var b Batch
		b.read(segment)
		if _, err := ParseBatch(b.Sign(fuzzKey())); err != nil {
			t.Errorf("a segment read makes no batch: %v", err)
		}
	})
}
