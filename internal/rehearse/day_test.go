package rehearse_test

import (
	"encoding/json"
	"testing"
	"time"

	"turnike/internal/city"
	"turnike/internal/rehearse"
)

func istanbul(t testing.TB) *city.Profile {
	t.Helper()
	set, err := city.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	return set["istanbul"]
}

var deadlineDay = time.Date(2021, 1, 15, 12, 0, 0, 0, time.UTC)

func replay(t testing.TB, o rehearse.Options) *rehearse.Result {
	t.Helper()
	if o.City == nil {
		o.City = istanbul(t)
	}
	if o.Date.IsZero() {
		o.Date = deadlineDay
	}
	r, err := rehearse.Day(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDay(t *testing.T) {
	r := replay(t, rehearse.Options{Scale: 0.01})
	b, _ := json.MarshalIndent(r, "", " ")
	t.Logf("%s", b)
}
