package gate

import (
	"crypto/ed25519"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"turnike/statuslist"
)

// TestBatchVector holds the example of FORMAT.md: another maker's batch of the
// same taps is the same bytes.
func TestBatchVector(t *testing.T) {
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(i)
	}
	sealed := time.Unix(1610701200, 0).UTC()
	b := Batch{
		City: "istanbul", Boot: Boot{1, 2, 3}, Sequence: 1, Sealed: sealed, Uptime: time.Hour, List: 7, ListIssued: sealed.Add(-time.Minute),
		Stopped: []Stopped{{Index: 300, Class: 1, Stop: 4211, Mode: 2, At: sealed.Add(-10 * time.Second), Uptime: 3590 * time.Second, Sequence: 7, ListIssued: sealed.Add(-time.Minute)}},
		Counts: []Count{
			{Hour: 447416, Stop: 4211, Mode: 2, Issued: true, Class: 1, Decision: Admit, Taps: 200},
			{Hour: 447416, Stop: 4211, Mode: 2, Issued: true, Class: 1, Decision: Refuse, Taps: 1},
		},
	}
	file := b.Sign(ed25519.NewKeyFromSeed(seed))
	format, err := os.ReadFile("../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.ReplaceAll(strings.ReplaceAll(string(format), "\n", ""), " ", "")
	if want := hex.EncodeToString(file); !strings.Contains(plain, want) {
		t.Errorf("FORMAT.md has no batch %s", want)
	}
	back, err := VerifyBatch(file, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil || back.Stopped[0].Index != 300 || back.Counts[0].Taps != 200 || back.Device != (statuslist.KeyID{0x56, 0x47, 0x5a, 0xa7, 0x54, 0x63, 0x47, 0x4c}) {
		t.Errorf("read back: got %+v, %v", back, err)
	}
}
