package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"turnike/gate"
)

// reported lets somebody try to ride whose stop has stood, and who has been
// told of it, for two hours, and waits until the interior ministry has received
// the one report that follows. The refusal before, a moment after the message,
// is in none.
func (c *checker) reported(ctx context.Context, r rider) error {
	before, err := c.reports(ctx)
	if err != nil {
		return err
	}
	c.w.Clock.Set(c.w.Clock.Now().Add(2 * time.Hour))
	// A tap cannot have been before the list that the gate went by was issued,
	// and that is all the city knows for certain; so the first that count are
	// those by the next list.
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(500 * time.Millisecond) {
		if got := c.w.Tap(r.city, r.card); got != gate.Refuse {
			return fmt.Errorf("gate says %q, want refuse", got)
		}
		now, err := c.reports(ctx)
		if err != nil {
			return err
		}
		if now > before+1 {
			return fmt.Errorf("%d reports of one stop on one day", now-before)
		}
		if now == before+1 {
			return nil
		}
	}
	return errors.New("no report after 30 s")
}

// reports is how many the interior ministry has received.
func (c *checker) reports(ctx context.Context) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.w.SMSBox+"/interior/reports.json", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var all []json.RawMessage
	err = json.NewDecoder(res.Body).Decode(&all)
	return len(all), err
}
