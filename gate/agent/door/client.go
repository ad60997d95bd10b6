package door

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"turnike/gate"
	"turnike/statuslist"
)

// Client is a device at its city's door. It is safe for use by many goroutines.
type Client struct {
	cfg  ClientConfig
	base string

	mu sync.Mutex
	// ahead is how far the server's clock is before the device's, as its last
	// answer told. Signatures go by it; nothing else does.
	ahead time.Duration
}

// ClientConfig says who is at which door. All but Client and Now are needed.
type ClientConfig struct {
	Server   string // https://kart.example; plain http only to this machine
	City     string
	Identity *Identity
	Client   *http.Client     // http.DefaultClient if nil
	Now      func() time.Time // the device's clock, right or wrong; time.Now if nil
}

// What a server may answer besides yes.
var (
	// ErrOut: the city takes nothing from this device: it was put out, or never
	// let in. Asking again changes nothing until somebody enrols it.
	ErrOut = errors.New("door: the city does not know this device, or has put it out")
	// ErrToken: the token lets nobody in (any more).
	ErrToken = errors.New("door: the token lets nobody in")
	// ErrAside: the city will never take this batch. Others it may.
	ErrAside = errors.New("door: the city does not take this batch")
	// ErrReceipt: an answer that is no receipt of the batch that was sent.
	ErrReceipt = errors.New("door: no receipt for the batch")
	// ErrPlain: secrets would go over the network in the open.
	ErrPlain = errors.New("door: the server's address must be https")
)

// Later is an answer that asks to come back.
type Later struct {
	Status int
	After  time.Duration // 0 where it did not say
}

func (e Later) Error() string { return "door: server answers " + strconv.Itoa(e.Status) }

// maxAnswer bounds an answer's body.
const maxAnswer = 64 << 10

// NewClient checks the configuration. It opens no connection.
func NewClient(cfg ClientConfig) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(cfg.Server, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("door: %q is no address of a server", cfg.Server)
	}
	if cfg.City == "" || cfg.Identity == nil {
		return nil, errors.New("door: a city and an identity are needed")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, ErrPlain
	}
	if cfg.Client == nil {
		cfg.Client = http.DefaultClient
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Client{cfg: cfg, base: u.String()}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Enrol asks to be let in by a token.
func (c *Client) Enrol(ctx context.Context, token string) (Registration, error) {
	var r Registration
	err := c.json(ctx, EnrolPath, c.cfg.Identity.Enrol(token), &r)
	return r, c.mine(r, err)
}

// Report says how the device is, and hears what it is registered as.
func (c *Client) Report(ctx context.Context, s Status) (Registration, error) {
	var r Registration
	err := c.json(ctx, StatusPath, s, &r)
	return r, c.mine(r, err)
}

// mine refuses what was meant for somebody else.
func (c *Client) mine(r Registration, err error) error {
	if err == nil && (r.City != c.cfg.City || r.Device != c.cfg.Identity.ID().String()) {
		return fmt.Errorf("door: registration of device %q in %q, want %s in %s", r.Device, r.City, c.cfg.Identity.ID(), c.cfg.City)
	}
	return err
}

// HandIn gives the city a batch. Without an error the city has it on disk.
func (c *Client) HandIn(ctx context.Context, file []byte) (Receipt, error) {
	var r Receipt
	body, err := c.post(ctx, TapsPath, BatchType, file)
	if err != nil {
		return r, err
	}
	if json.Unmarshal(body, &r) != nil {
		return r, ErrReceipt
	}
	digest := statuslist.Sum(file)
	b, err := gate.ParseBatch(file)
	if err != nil || r.Digest != hex.EncodeToString(digest[:]) || r.Device != b.Device.String() || r.Boot != b.Boot.String() || r.Sequence != b.Sequence {
		return r, ErrReceipt
	}
	return r, nil
}

func (c *Client) json(ctx context.Context, what string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if body, err = c.post(ctx, what, "application/json", body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("door: answer to %s: %w", what, err)
	}
	return nil
}

// post sends a signed request. Where the server finds that it was signed at
// another time, it is signed once more by the server's clock.
func (c *Client) post(ctx context.Context, what, contentType string, body []byte) ([]byte, error) {
	answer, err := c.once(ctx, what, contentType, body)
	if errors.Is(err, ErrClock) {
		answer, err = c.once(ctx, what, contentType, body)
	}
	return answer, err
}

// requestTimeout bounds one exchange.
const requestTimeout = 30 * time.Second

func (c *Client) once(ctx context.Context, what, contentType string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+Path(c.cfg.City, what), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	c.cfg.Identity.Sign(req, body, c.serverTime())
	resp, err := c.cfg.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	c.learn(resp.Header.Get("Date"))
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, refusal(resp, answer, what)
	}
	return answer, nil
}

func (c *Client) serverTime() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cfg.Now().Add(c.ahead)
}

func (c *Client) learn(date string) {
	at, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = at.Sub(c.cfg.Now())
}

// refusal turns an answer that is no yes into what can be done about it.
func refusal(resp *http.Response, answer []byte, what string) error {
	var p struct {
		Code string `json:"code"`
	}
	ours := strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") && json.Unmarshal(answer, &p) == nil
	switch {
	case ours && p.Code == "tap.clock":
		return ErrClock
	case ours && p.Code == "tap.device":
		return ErrOut
	case ours && p.Code == "tap.token":
		return ErrToken
	case ours && what == TapsPath && (p.Code == "tap.batch" || p.Code == "tap.forked" || resp.StatusCode == http.StatusRequestEntityTooLarge):
		return fmt.Errorf("%w: %s", ErrAside, p.Code)
	}
	later := Later{Status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		later.After = min(time.Duration(s)*time.Second, time.Hour)
	}
	return later
}
