package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"turnike/internal/access"
	"turnike/internal/hook"
	"turnike/internal/pairing"
	"turnike/internal/person"
	"turnike/internal/storage/dbq"
)

// failHook is fail with the hook module's word for "no rows".
func (t *Tx) failHook(what string, err error) error {
	if err = t.fail(what, err); errors.Is(err, pairing.ErrNoRow) {
		return hook.ErrNoRow
	}
	return err
}

// listMost bounds lists that a page shows whole; tenants have a handful.
const listMost = 1000

// InsertAPIKey writes a key that was made.
func (t *Tx) InsertAPIKey(ctx context.Context, k hook.Key, hash []byte) error {
	id, err := mustID("key", k.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	var scopes []string
	for _, s := range k.Scopes {
		scopes = append(scopes, string(s))
	}
	return t.failHook("insert key", t.q.InsertAPIKey(ctx, dbq.InsertAPIKeyParams{City: k.City, Hash: hash, ID: id, Name: k.Name,
		Scopes: strings.Join(scopes, " "), Centres: strings.Join(k.Centres, " "), Rate: int64(k.Rate), MadeBy: k.MadeBy,
		MadeUs: us(k.MadeAt), UsedUs: nullUS(k.UsedAt), RevokedUs: nullUS(k.Revoked)}))
}

// APIKey is the key a hash stands for.
func (t *Tx) APIKey(ctx context.Context, city string, hash []byte) (hook.Key, error) {
	r, err := t.q.APIKeyByHash(ctx, dbq.APIKeyByHashParams{City: city, Hash: hash})
	return keyOf(r), t.failHook("read key", err)
}

// APIKeys are a tenant's, oldest first.
func (t *Tx) APIKeys(ctx context.Context, city string) ([]hook.Key, error) {
	rows, err := t.q.APIKeys(ctx, dbq.APIKeysParams{City: city, After: []byte{}, MaxRows: listMost})
	return each(rows, keyOf), t.failHook("read keys", err)
}

func keyOf(r dbq.ApiKey) hook.Key {
	k := hook.Key{City: r.City, ID: textID(r.ID), Name: r.Name, Centres: strings.Fields(r.Centres), Rate: int(r.Rate),
		MadeBy: r.MadeBy, MadeAt: at(r.MadeUs), UsedAt: maybeAt(r.UsedUs), Revoked: maybeAt(r.RevokedUs)}
	for _, s := range strings.Fields(r.Scopes) {
		k.Scopes = append(k.Scopes, access.Action(s))
	}
	return k
}

// TouchAPIKey writes when a key was used.
func (t *Tx) TouchAPIKey(ctx context.Context, city string, hash []byte, now time.Time) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	_, err := t.q.TouchAPIKey(ctx, dbq.TouchAPIKeyParams{City: city, Hash: hash, UsedUs: nullUS(now)})
	return t.failHook("touch key", err)
}

// RevokeAPIKey ends a key; ok is false where there is none that opens anything.
func (t *Tx) RevokeAPIKey(ctx context.Context, city, id string, now time.Time) (bool, error) {
	key, ok := binID(id)
	if !ok {
		return false, nil
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.RevokeAPIKey(ctx, dbq.RevokeAPIKeyParams{City: city, ID: key, RevokedUs: nullUS(now)})
	return n == 1, t.failHook("revoke key", err)
}

// InsertFeed writes a calendar feed that was made.
func (t *Tx) InsertFeed(ctx context.Context, f hook.Feed, hash []byte) error {
	id, err := mustID("feed", f.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failHook("insert feed", t.q.InsertFeed(ctx, dbq.InsertFeedParams{City: f.City, Hash: hash, ID: id,
		Account: f.Account, Centre: f.Centre, Lang: f.Lang, MadeUs: us(f.MadeAt), UsedUs: nullUS(f.UsedAt), RevokedUs: nullUS(f.Revoked)}))
}

// Feed is the calendar feed a hash stands for.
func (t *Tx) Feed(ctx context.Context, city string, hash []byte) (hook.Feed, error) {
	r, err := t.q.FeedByHash(ctx, dbq.FeedByHashParams{City: city, Hash: hash})
	return feedOf(r), t.failHook("read feed", err)
}

// Feeds are an account's.
func (t *Tx) Feeds(ctx context.Context, city, account string) ([]hook.Feed, error) {
	rows, err := t.q.Feeds(ctx, dbq.FeedsParams{City: city, Account: account, MaxRows: listMost})
	return each(rows, feedOf), t.failHook("read feeds", err)
}

func feedOf(r dbq.CalendarFeed) hook.Feed {
	return hook.Feed{City: r.City, ID: textID(r.ID), Account: r.Account, Centre: r.Centre, Lang: r.Lang, MadeAt: at(r.MadeUs),
		UsedAt: maybeAt(r.UsedUs), Revoked: maybeAt(r.RevokedUs)}
}

// TouchFeed writes when a feed was read.
func (t *Tx) TouchFeed(ctx context.Context, city string, hash []byte, now time.Time) error {
	if err := t.direct(ctx); err != nil {
		return err
	}
	_, err := t.q.TouchFeed(ctx, dbq.TouchFeedParams{City: city, Hash: hash, UsedUs: nullUS(now)})
	return t.failHook("touch feed", err)
}

// RevokeFeed ends a feed of an account.
func (t *Tx) RevokeFeed(ctx context.Context, city, id, account string, now time.Time) (bool, error) {
	key, ok := binID(id)
	if !ok {
		return false, nil
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.RevokeFeed(ctx, dbq.RevokeFeedParams{City: city, ID: key, Account: account, RevokedUs: nullUS(now)})
	return n == 1, t.failHook("revoke feed", err)
}

// PutHookEndpoint writes an endpoint, over one that may be there.
func (t *Tx) PutHookEndpoint(ctx context.Context, e hook.Endpoint) error {
	id, err := mustID("endpoint", e.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failHook("write endpoint", t.q.PutHookEndpoint(ctx, dbq.PutHookEndpointParams{City: e.City, ID: id, Name: e.Name,
		Url: e.URL, Kinds: strings.Join(e.Kinds, " "), State: int64(e.State), Key: string(e.Key), Sealed: filled(e.Sealed),
		MadeBy: e.MadeBy, MadeUs: us(e.MadeAt), FailingUs: nullUS(e.Failing), GoodUs: nullUS(e.Good)}))
}

// HookEndpoint reads one, locked in a writing transaction.
func (t *Tx) HookEndpoint(ctx context.Context, city, id string) (hook.Endpoint, error) {
	key, ok := binID(id)
	if !ok {
		return hook.Endpoint{}, hook.ErrNoRow
	}
	r, err := t.q.HookEndpoint(ctx, dbq.HookEndpointParams{City: city, ID: key})
	return endpointOf(r), t.failHook("read endpoint", err)
}

// HookEndpoints are a tenant's that were not taken away.
func (t *Tx) HookEndpoints(ctx context.Context, city string) ([]hook.Endpoint, error) {
	rows, err := t.q.HookEndpoints(ctx, city)
	return each(rows, endpointOf), t.failHook("read endpoints", err)
}

func endpointOf(r dbq.HookEndpoint) hook.Endpoint {
	return hook.Endpoint{City: r.City, ID: textID(r.ID), Name: r.Name, URL: r.Url, Kinds: strings.Fields(r.Kinds),
		State: hook.EndpointState(r.State), Key: person.KeyRef(r.Key), Sealed: r.Sealed, MadeBy: r.MadeBy, MadeAt: at(r.MadeUs),
		Failing: maybeAt(r.FailingUs), Good: maybeAt(r.GoodUs)}
}

// LastHookEvent is the highest count of a subject's events.
func (t *Tx) LastHookEvent(ctx context.Context, city, subject string) (int, error) {
	n, err := t.q.LastHookEvent(ctx, dbq.LastHookEventParams{City: city, Subject: subject})
	return int(n), t.failHook("count events", err)
}

// InsertHookEvent writes an event.
func (t *Tx) InsertHookEvent(ctx context.Context, e hook.Event) error {
	id, err := mustID("event", e.ID)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failHook("insert event", t.q.InsertHookEvent(ctx, dbq.InsertHookEventParams{City: e.City, ID: id, Kind: e.Kind,
		Subject: e.Subject, N: int64(e.N), Body: e.Body, AtUs: us(e.At)}))
}

// HookEvent reads one.
func (t *Tx) HookEvent(ctx context.Context, city, id string) (hook.Event, error) {
	key, ok := binID(id)
	if !ok {
		return hook.Event{}, hook.ErrNoRow
	}
	r, err := t.q.HookEvent(ctx, dbq.HookEventParams{City: city, ID: key})
	return hookEventOf(r), t.failHook("read event", err)
}

// HookEventsSince are a tenant's behind a moment and an id.
func (t *Tx) HookEventsSince(ctx context.Context, city string, since time.Time, after string, limit int) ([]hook.Event, error) {
	behind := []byte{} // before every id
	if after != "" {
		var err error
		if behind, err = mustID("event", after); err != nil {
			return nil, err
		}
	}
	rows, err := t.q.HookEventsSince(ctx, dbq.HookEventsSinceParams{City: city, SinceUs: us(since), After: behind, MaxRows: int32(limit)})
	return each(rows, hookEventOf), t.failHook("read events", err)
}

func hookEventOf(r dbq.HookEvent) hook.Event {
	return hook.Event{City: r.City, ID: textID(r.ID), Kind: r.Kind, Subject: r.Subject, N: int(r.N), Body: r.Body, At: at(r.AtUs)}
}

// PutDelivery writes a delivery, or begins one again.
func (t *Tx) PutDelivery(ctx context.Context, d hook.Delivery) error {
	endpoint, event, err := deliveryIDs(d)
	if err != nil {
		return err
	}
	if err := t.direct(ctx); err != nil {
		return err
	}
	return t.failHook("write delivery", t.q.PutDelivery(ctx, dbq.PutDeliveryParams{City: d.City, Endpoint: endpoint, Event: event,
		Subject: d.Subject, N: int64(d.N), DueUs: us(d.Due), MadeUs: us(d.Made)}))
}

func deliveryIDs(d hook.Delivery) (endpoint, event []byte, err error) {
	if endpoint, err = mustID("endpoint", d.Endpoint); err != nil {
		return nil, nil, err
	}
	event, err = mustID("event", d.Event)
	return endpoint, event, err
}

// ClaimDeliveries takes what is due, of each subject the first.
func (t *Tx) ClaimDeliveries(ctx context.Context, now, lease time.Time, limit int) ([]hook.Delivery, error) {
	if err := t.direct(ctx); err != nil {
		return nil, err
	}
	rows, err := t.q.ClaimDeliveries(ctx, dbq.ClaimDeliveriesParams{NowUs: us(now), LeaseUs: us(lease), MaxRows: int32(limit)})
	return each(rows, deliveryOf), t.failHook("claim deliveries", err)
}

func deliveryOf(r dbq.HookDelivery) hook.Delivery {
	return hook.Delivery{City: r.City, Endpoint: textID(r.Endpoint), Event: textID(r.Event), Subject: r.Subject, N: int(r.N),
		State: hook.DeliveryState(r.State), Attempts: int(r.Attempts), Due: at(r.DueUs), Made: at(r.MadeUs), Done: maybeAt(r.DoneUs),
		Status: int(r.Status), Took: time.Duration(r.TookUs) * time.Microsecond, Error: r.Error}
}

// EndDelivery ends a claimed delivery.
func (t *Tx) EndDelivery(ctx context.Context, d hook.Delivery) (bool, error) {
	endpoint, event, err := deliveryIDs(d)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.EndDelivery(ctx, dbq.EndDeliveryParams{City: d.City, Endpoint: endpoint, Event: event, Attempts: int64(d.Attempts),
		State: int64(d.State), DoneUs: nullUS(d.Done), Status: int64(d.Status), TookUs: d.Took.Microseconds(), Error: d.Error})
	return n == 1, t.failHook("end delivery", err)
}

// RetryDelivery gives a claimed delivery back until it is due.
func (t *Tx) RetryDelivery(ctx context.Context, d hook.Delivery) (bool, error) {
	endpoint, event, err := deliveryIDs(d)
	if err != nil {
		return false, err
	}
	if err := t.direct(ctx); err != nil {
		return false, err
	}
	n, err := t.q.RetryDelivery(ctx, dbq.RetryDeliveryParams{City: d.City, Endpoint: endpoint, Event: event, Attempts: int64(d.Attempts),
		DueUs: us(d.Due), Status: int64(d.Status), TookUs: d.Took.Microseconds(), Error: d.Error})
	return n == 1, t.failHook("retry delivery", err)
}

// EndHookDeliveries ends all of an endpoint that wait.
func (t *Tx) EndHookDeliveries(ctx context.Context, city, endpoint string, s hook.DeliveryState, why string, now time.Time) (int, error) {
	id, err := mustID("endpoint", endpoint)
	if err != nil {
		return 0, err
	}
	if err := t.direct(ctx); err != nil {
		return 0, err
	}
	n, err := t.q.EndEndpointDeliveries(ctx, dbq.EndEndpointDeliveriesParams{City: city, Endpoint: id, State: int64(s),
		DoneUs: sql.NullInt64{Int64: us(now), Valid: true}, Error: why})
	return int(n), t.failHook("end deliveries", err)
}

// HookDeliveries are an endpoint's before an event, newest first.
func (t *Tx) HookDeliveries(ctx context.Context, city, endpoint, before string, limit int) ([]hook.Delivery, error) {
	id, ok := binID(endpoint)
	if !ok {
		return nil, nil
	}
	until := []byte{255, 255} // behind every id
	if before != "" {
		if until, ok = binID(before); !ok {
			return nil, nil
		}
	}
	rows, err := t.q.Deliveries(ctx, dbq.DeliveriesParams{City: city, Endpoint: id, Before: until, MaxRows: int32(limit)})
	return each(rows, func(r dbq.DeliveriesRow) hook.Delivery {
		d := deliveryOf(dbq.HookDelivery{City: r.City, Endpoint: r.Endpoint, Event: r.Event, Subject: r.Subject, N: r.N, State: r.State,
			Attempts: r.Attempts, DueUs: r.DueUs, MadeUs: r.MadeUs, DoneUs: r.DoneUs, Status: r.Status, TookUs: r.TookUs, Error: r.Error})
		d.Kind, d.At = r.Kind, at(r.AtUs)
		return d
	}), t.failHook("read deliveries", err)
}

// SweepHooks forgets what is older, and what of it was delivered or given up.
func (t *Tx) SweepHooks(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := t.direct(ctx); err != nil {
		return 0, err
	}
	a, err := t.q.SweepDeliveries(ctx, dbq.SweepDeliveriesParams{BeforeUs: us(before), MaxRows: int32(limit)})
	if err != nil {
		return 0, t.failHook("sweep deliveries", err)
	}
	b, err := t.q.SweepHookEvents(ctx, dbq.SweepHookEventsParams{BeforeUs: us(before), MaxRows: int32(limit)})
	return int(max(a, b)), t.failHook("sweep events", err)
}
