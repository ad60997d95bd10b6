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
	if got, want := set["istanbul"].Ranges().Len(), uint32(34_260_087); got != want {
		t.Errorf("İstanbul's issued cards: got %d, want %d (seed 001)", got, want)
	}
}
