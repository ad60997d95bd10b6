package city

import (
	"strings"
	"testing"
)

func TestShippedCitiesAreSound(t *testing.T) {
	set, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(set.IDs(), " "), "antalya gaziantep istanbul izmir turkiye"; got != want {
		t.Errorf("cities: got %q, want %q", got, want)
	}
	r, err := set["istanbul"].Ranges()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Len(), uint32(34_260_087); got != want {
		t.Errorf("İstanbul's issued cards: got %d, want %d (seed 001)", got, want)
	}
}
