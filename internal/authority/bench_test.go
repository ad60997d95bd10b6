package authority_test

import (
	"context"
	"fmt"
	"testing"

	"turnike/internal/health"
	"turnike/internal/person"
	"turnike/internal/sandbox"
)

// BenchmarkSweep asks about 50,000 codes over loopback, both ends in this
// process.
func BenchmarkSweep(b *testing.B) {
	w := newWorld(b)
	var cs []health.Code
	for i := range 50_000 {
		first, last := person.RestoreName(string(rune('A'+i%26))+"y"), person.RestoreName(string(rune('A'+i/26%26))+"z")
		cs = append(cs, sandbox.HESFor(sandbox.TCKN(fmt.Sprint(200000000+i)), first, last, sandbox.Riskless))
	}
	b.ResetTimer()
	for b.Loop() {
		if vs, err := w.hes.CheckMany(context.Background(), cs); err != nil || len(vs) < 40_000 {
			b.Fatalf("%d verdicts, %v", len(vs), err)
		}
	}
	b.ReportMetric(float64(len(cs))*float64(b.N)/b.Elapsed().Seconds(), "codes/s")
}
