// Package authority asks the state: the health ministry about HES codes (Hayat
// Eve Sığar) and the identity register (NVI) about people. Each client turns
// one wire shape into the part our rules declare (health.Authority,
// person.Register), and whatever is not a proper answer into ErrNoAnswer, so
// that no card's state ever rests on a half-read message.
package authority

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"turnike/internal/health"
	"turnike/internal/peer"
)

// ErrNoAnswer wraps every failure in which the authority did not answer
// properly: away, slow, garbled, redirected, over its limits. Nothing may be
// concluded from it; the caller asks again later.
var ErrNoAnswer = errors.New("the authority did not answer properly")

// ErrCredentials is an ErrNoAnswer that the operator must mend: user, password
// or the list of allowed addresses.
var ErrCredentials = fmt.Errorf("%w: credentials refused", ErrNoAnswer)

// HESBatch is how many codes one check-hes-codes call may carry (domain.md 1A).
const HESBatch = 500

// HESURL and HESTestURL are the ministry's institutional service on the
// e-government gateway, and its test twin.
const (
	HESURL     = "https://hesservis.turkiye.gov.tr/services/g2g/saglik/hes/"
	HESTestURL = "https://hesservis.turkiye.gov.tr/services/g2g/test/saglik/hes/"
)

// HESConfig is an institution's access to the HES service.
type HESConfig struct {
	BaseURL        string        // empty: HESURL
	User, Password string        // one per institution
	Timeout        time.Duration // of a single check; a batch gets six times as long; 0 is 5 s
	MaxCalls       int           // at once, single checks and batches each; 0 is 16
	// PerSecond is how many batches are asked at most in a second; 0 is 10.
	// The ministry publishes no limit; at ten, seven million cards take
	// twenty-four minutes, and nobody has a reason to complain.
	PerSecond float64
	Client    *http.Client // nil: a transport of its own
}

// HES is the client of the institutional ("G2G") HES service. It implements
// health.Authority.
type HES struct {
	one, many      *peer.Client // apart, so that a night's sweep never delays a citizen
	user, password string
	maxCalls       int
	pace           *rate.Limiter // of batches
}

var _ health.Authority = (*HES)(nil)

// NewHES makes the client. It connects to nothing yet.
func NewHES(c HESConfig) (*HES, error) {
	if c.BaseURL == "" {
		c.BaseURL = HESURL
	}
	if c.Timeout <= 0 {
		c.Timeout = peer.DefaultTimeout
	}
	if c.MaxCalls <= 0 {
		c.MaxCalls = peer.DefaultMaxCalls
	}
	if c.PerSecond <= 0 {
		c.PerSecond = 10
	}
	one, err := peer.New(peer.Config{Name: "hes", BaseURL: c.BaseURL, Timeout: c.Timeout, MaxBody: 64 << 10, MaxCalls: c.MaxCalls, Client: c.Client})
	if err != nil {
		return nil, err
	}
	// 500 answers of about 250 bytes are 125 kB; four times that is plenty.
	many, err := peer.New(peer.Config{Name: "hes", BaseURL: c.BaseURL, Timeout: 6 * c.Timeout, MaxBody: 512 << 10, MaxCalls: c.MaxCalls, Client: c.Client})
	if err != nil {
		return nil, err
	}
	return &HES{one: one, many: many, user: c.User, password: c.Password, maxCalls: c.MaxCalls,
		pace: rate.NewLimiter(rate.Limit(c.PerSecond), max(int(c.PerSecond), 1))}, nil
}

// hesAsk and hesAnswer are the service's own shapes.
type hesAsk struct {
	Code string `json:"hes_code"`
}

type hesAnswer struct {
	Status      string `json:"current_health_status"`
	Expires     string `json:"expiration_date"`
	MaskedID    string `json:"masked_identity_number"`
	MaskedFirst string `json:"masked_firstname"`
	MaskedLast  string `json:"masked_lastname"`
	ErrorKey    string `json:"errorKey"`
}

// Check asks about one code. health.ErrCodeUnknown and health.ErrCodeExpired
// (then with Answer.Expires where the service tells it) are the authority's
// verdicts; everything else wraps ErrNoAnswer.
func (h *HES) Check(ctx context.Context, c health.Code) (health.Answer, error) {
	if c.IsZero() {
		return health.Answer{}, health.ErrCodeMissing
	}
	body, err := json.Marshal(hesAsk{c.Reveal()})
	if err != nil {
		return health.Answer{}, err
	}
	a, err := h.call(ctx, h.one, "check-hes-code", body)
	if err != nil {
		return health.Answer{}, fmt.Errorf("check hes code: %w", err)
	}
	ans, err := readHESAnswer(a)
	if err != nil {
		return ans, fmt.Errorf("check hes code: %w", err)
	}
	return ans, nil
}

// CheckMany asks about any number of codes, 500 to a call, several calls at
// once. Each code asked gets a verdict; where its call failed or the service
// skipped it, the verdict's Err wraps ErrNoAnswer. The call itself fails only
// when nothing at all was answered.
func (h *HES) CheckMany(ctx context.Context, cs []health.Code) (map[health.Code]health.Verdict, error) {
	cs = slices.Clone(cs)
	slices.SortFunc(cs, func(a, b health.Code) int { return strings.Compare(a.Reveal(), b.Reveal()) })
	cs = slices.DeleteFunc(slices.Compact(cs), health.Code.IsZero)
	out := make(map[health.Code]health.Verdict, len(cs))
	if len(cs) == 0 {
		return out, nil
	}
	var (
		mu       sync.Mutex
		answered int
		last     error
		g        errgroup.Group
	)
	g.SetLimit(h.maxCalls)
	for batch := range slices.Chunk(cs, HESBatch) {
		g.Go(func() error {
			verdicts, err := h.batch(ctx, batch)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				last = err
				for _, c := range batch {
					out[c] = health.Verdict{Err: err}
				}
				return nil
			}
			answered++
			maps.Copy(out, verdicts)
			return nil
		})
	}
	_ = g.Wait() // its functions return nil
	if answered == 0 {
		return nil, fmt.Errorf("check hes codes: %w", last)
	}
	return out, nil
}

// batch asks about at most HESBatch codes and gives a verdict for each.
func (h *HES) batch(ctx context.Context, cs []health.Code) (map[health.Code]health.Verdict, error) {
	if err := h.pace.Wait(ctx); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		return nil, fmt.Errorf("%w: no turn before the deadline", ErrNoAnswer)
	}
	ask := make([]hesAsk, len(cs))
	for i, c := range cs {
		ask[i] = hesAsk{c.Reveal()}
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	a, err := h.call(ctx, h.many, "check-hes-codes", body)
	if err != nil {
		return nil, err
	}
	if a.Status != 200 {
		return nil, refused(a.Status)
	}
	return readHESBatch(a.Body, cs)
}

// call sends one request and turns the peer's failures into ErrNoAnswer.
func (h *HES) call(ctx context.Context, p *peer.Client, path string, body []byte) (peer.Answer, error) {
	a, err := p.Call(ctx, peer.Request{Path: path, Type: "application/json", Body: body, User: h.user, Password: h.password,
		Accept: []string{"application/json", "application/problem+json"}})
	return a, noAnswer(err)
}

// noAnswer marks a peer's failure; the caller's own cancellation stays itself.
func noAnswer(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNoAnswer, err)
}

func refused(status int) error {
	if status == 401 || status == 403 {
		return ErrCredentials
	}
	return fmt.Errorf("%w: status %d", ErrNoAnswer, status)
}

// readHESAnswer reads the answer to check-hes-code: 200 with a state, or 400
// with an error key.
func readHESAnswer(a peer.Answer) (health.Answer, error) {
	var w hesAnswer
	if a.Status != 200 && a.Status != 400 && a.Status != 404 {
		return health.Answer{}, refused(a.Status)
	}
	if err := strictJSON(a.Body, &w); err != nil {
		return health.Answer{}, err
	}
	if a.Status == 200 && w.ErrorKey == "" {
		return w.answer()
	}
	err := verdictOf(w.ErrorKey)
	if errors.Is(err, health.ErrCodeExpired) {
		if t, ok := hesTime(w.Expires); ok {
			return health.Answer{Expires: t}, err
		}
	}
	return health.Answer{}, err
}

// readHESBatch reads the answer to check-hes-codes for the codes asked. Codes
// that were not asked are dropped, codes left out or named in both maps have
// no answer.
func readHESBatch(body []byte, cs []health.Code) (map[health.Code]health.Verdict, error) {
	var w struct {
		Success   map[string]json.RawMessage `json:"success_map"`
		Unsuccess map[string]json.RawMessage `json:"unsuccess_map"`
	}
	if err := strictJSON(body, &w); err != nil {
		return nil, err
	}
	if w.Success == nil && w.Unsuccess == nil {
		return nil, fmt.Errorf("%w: neither map is there", ErrNoAnswer)
	}
	out := make(map[health.Code]health.Verdict, len(cs))
	for _, c := range cs {
		out[c] = health.Verdict{Err: fmt.Errorf("%w: code left out", ErrNoAnswer)}
	}
	seen := make(map[health.Code]bool, len(cs))
	put := func(key string, v health.Verdict) {
		c, err := health.ParseCode(key)
		if err != nil {
			return
		}
		if _, asked := out[c]; !asked {
			return
		}
		if seen[c] {
			v = health.Verdict{Err: fmt.Errorf("%w: code answered twice", ErrNoAnswer)}
		}
		seen[c] = true
		out[c] = v
	}
	for key, raw := range w.Success {
		var one hesAnswer
		if json.Unmarshal(raw, &one) != nil {
			put(key, health.Verdict{Err: fmt.Errorf("%w: unreadable entry", ErrNoAnswer)})
			continue
		}
		ans, err := one.answer()
		put(key, health.Verdict{Answer: ans, Err: err})
	}
	for key, raw := range w.Unsuccess {
		var word string
		if json.Unmarshal(raw, &word) != nil {
			var one hesAnswer // some error maps carry the single call's object
			if json.Unmarshal(raw, &one) != nil {
				put(key, health.Verdict{Err: fmt.Errorf("%w: unreadable entry", ErrNoAnswer)})
				continue
			}
			word = one.ErrorKey
		}
		put(key, health.Verdict{Err: verdictOf(word)})
	}
	return out, nil
}

// answer checks one code's object. Only the two states ever seen count; an
// answer without an expiry is not one (permanent codes carry a far date), nor
// is one that does not say at all whose code it is.
func (w hesAnswer) answer() (health.Answer, error) {
	a := health.Answer{
		MaskedID:    strings.TrimSpace(w.MaskedID),
		MaskedFirst: strings.TrimSpace(w.MaskedFirst),
		MaskedLast:  strings.TrimSpace(w.MaskedLast),
	}
	switch w.Status {
	case "RISKLESS":
	case "RISKY":
		a.Risky = true
	default:
		return health.Answer{}, fmt.Errorf("%w: unknown health state", ErrNoAnswer)
	}
	if a.MaskedID == "" && a.MaskedFirst == "" && a.MaskedLast == "" {
		return health.Answer{}, fmt.Errorf("%w: nobody's code", ErrNoAnswer)
	}
	t, ok := hesTime(w.Expires)
	if !ok {
		return health.Answer{}, fmt.Errorf("%w: unreadable expiry", ErrNoAnswer)
	}
	a.Expires = t
	return a, nil
}

// verdictOf turns the service's error key into a fault.
func verdictOf(key string) error {
	switch strings.ToLower(key) {
	case "hescodenotfound":
		return health.ErrCodeUnknown
	case "hescodehasbeenexpired":
		return health.ErrCodeExpired
	default:
		return fmt.Errorf("%w: unknown error key", ErrNoAnswer)
	}
}

// hesTime reads a date of the service. It writes them in UTC, with or without
// saying so (domain.md 1A: UTC+0).
func hesTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// strictJSON reads exactly one JSON value; anything after it means the body is
// not what it seems.
func strictJSON(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%w: unreadable JSON", ErrNoAnswer)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("%w: something after the JSON", ErrNoAnswer)
	}
	return nil
}
