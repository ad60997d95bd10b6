// Package peer calls other people's servers: ministries, registers, SMS
// gateways. Whatever they do (hang, send a gigabyte, redirect, speak another
// charset, stop half way) comes back as one kind of error within the time
// given, and a peer that keeps failing is left alone for a while, so that its
// trouble does not become ours.
package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// What can go wrong. A peer's own refusal (a 4xx it means) is not among them:
// that is an Answer.
var (
	ErrBusy        = errors.New("too many calls under way")           // ours: never sent
	ErrLeftAlone   = errors.New("left alone after repeated failures") // ours: never sent
	ErrUnreachable = errors.New("unreachable")                        // no connection, or it broke
	ErrTimeout     = errors.New("no answer in time")                  //
	ErrImproper    = errors.New("improper answer")                    // too large, compressed, redirected, wrong type or charset
	ErrServer      = errors.New("server error")                       // 5xx
	ErrSlowDown    = errors.New("asked to slow down")                 // 429
)

// Error is one failed call. It carries no URL, no body and no header: those
// may hold personal data or a password.
type Error struct {
	Peer string
	Kind error  // one of the above
	Note string // what was improper, or the status; never taken from the body
	// Sent tells whether the request may have been read by the peer. Where it
	// may, whoever repeats the call must reckon with its effect happening twice.
	Sent       bool
	RetryAfter time.Duration // the peer's own wish, zero if none
}

func (e *Error) Error() string {
	s := e.Peer + ": " + e.Kind.Error()
	if e.Note != "" {
		s += ": " + e.Note
	}
	return s
}

// Unwrap gives the kind.
func (e *Error) Unwrap() error { return e.Kind }

// MaySent tells whether err is a call that the peer may have read.
func MaySent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Sent
}

// Defaults of Config.
const (
	DefaultTimeout  = 5 * time.Second
	DefaultMaxBody  = 1 << 20
	DefaultMaxCalls = 16
)

// Config says whom to call and how patiently.
type Config struct {
	Name     string        // as it stands in errors and metrics: "hes"
	BaseURL  string        // https://host/path/; paths of requests are joined to it
	Timeout  time.Duration // of one call, connecting and reading included
	MaxBody  int64         // bytes of an answer
	MaxCalls int           // at once; more wait up to Timeout/4, then get ErrBusy
	// Client lends its transport (a proxy, client certificates, a test
	// server). Its time-out, cookies and redirect rule are not used.
	Client *http.Client
	// Alone is how long a failing peer is left alone; 0 is 5 s.
	Alone time.Duration
}

// Client calls one peer.
type Client struct {
	name    string
	base    *url.URL
	timeout time.Duration
	maxBody int64
	http    *http.Client
	gate    bulkhead.Bulkhead[any]
	breaker circuitbreaker.CircuitBreaker[any]
}

// New makes a client. It connects to nothing yet.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.BaseURL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("%s: base URL must be http:// or https:// with a host", c.Name)
	}
	if base.User != nil || base.RawQuery != "" {
		return nil, fmt.Errorf("%s: base URL must not hold a password or a query", c.Name)
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.MaxCalls <= 0 {
		c.MaxCalls = DefaultMaxCalls
	}
	if c.Alone <= 0 {
		c.Alone = 5 * time.Second
	}
	var rt http.RoundTripper
	if c.Client != nil {
		rt = c.Client.Transport
	}
	if rt == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableCompression = true // an answer is read as it is sent, or not at all: no bombs
		t.MaxIdleConnsPerHost = c.MaxCalls
		t.MaxResponseHeaderBytes = 64 << 10
		rt = t
	}
	return &Client{
		name:    c.Name,
		base:    base,
		timeout: c.Timeout,
		maxBody: c.MaxBody,
		http: &http.Client{
			Transport:     rt,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		gate: bulkhead.NewBuilder[any](uint(c.MaxCalls)).WithMaxWaitTime(c.Timeout / 4).Build(),
		// Half of the last twenty: one slow answer in a busy minute does not
		// cut a ministry off, a dead one is noticed after ten calls.
		breaker: circuitbreaker.NewBuilder[any]().WithFailureThresholdRatio(10, 20).
			WithSuccessThreshold(1).WithDelay(c.Alone).Build(),
	}, nil
}

// Name is the name given in the configuration.
func (c *Client) Name() string { return c.name }

// Request is one call.
type Request struct {
	Method string // empty: POST
	Path   string // joined to the base URL; no personal data
	Query  url.Values
	Header http.Header
	Type   string // content type of Body
	Body   []byte
	// User and Password go out as HTTP Basic where User is set.
	User, Password string
	// Accept lists the media types an answer may have ("application/json").
	// An answer without a type is let through.
	Accept []string
}

// Answer is what came back with a status below 500, whole and in UTF-8.
type Answer struct {
	Status int
	Body   []byte
}

// Call sends one request, once. Any error is an *Error, except the caller's
// own cancellation, which comes back as such.
func (c *Client) Call(ctx context.Context, r Request) (Answer, error) {
	if err := c.gate.AcquirePermitWithMaxWait(ctx, c.timeout/4); err != nil {
		if cause := ctx.Err(); cause != nil {
			return Answer{}, cause
		}
		return Answer{}, &Error{Peer: c.name, Kind: ErrBusy}
	}
	defer c.gate.ReleasePermit()
	if !c.breaker.TryAcquirePermit() {
		return Answer{}, &Error{Peer: c.name, Kind: ErrLeftAlone, RetryAfter: c.breaker.RemainingDelay()}
	}
	a, err := c.once(ctx, r)
	// A caller who went away says nothing about the peer, but a trial call of
	// a half-open breaker must be settled one way or the other.
	switch {
	case err == nil:
		c.breaker.RecordSuccess()
	case errors.Is(err, ErrSlowDown):
		c.breaker.RecordSuccess() // it is there, and spoke properly
	case !errors.Is(err, context.Canceled) || c.breaker.IsHalfOpen():
		c.breaker.RecordFailure()
	}
	return a, err
}

// once does the work of Call without gate and breaker.
func (c *Client) once(ctx context.Context, r Request) (Answer, error) {
	inner, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent atomic.Bool
	inner = httptrace.WithClientTrace(inner, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})

	u := c.base.JoinPath(r.Path)
	u.RawQuery = r.Query.Encode()
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(inner, method, u.String(), bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, &Error{Peer: c.name, Kind: ErrImproper, Note: "request"}
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	if len(r.Accept) > 0 {
		req.Header.Set("Accept", strings.Join(r.Accept, ", "))
	}
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "turnike")
	if r.User != "" {
		req.SetBasicAuth(r.User, r.Password)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, c.broke(ctx, inner, err, sent.Load())
	}
	defer resp.Body.Close()
	wrong := func(note string) (Answer, error) {
		return Answer{}, &Error{Peer: c.name, Kind: ErrImproper, Note: note, Sent: true}
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests:
		return Answer{}, &Error{Peer: c.name, Kind: ErrSlowDown, RetryAfter: retryAfter(resp.Header)}
	case resp.StatusCode >= 500:
		return Answer{}, &Error{Peer: c.name, Kind: ErrServer, Note: strconv.Itoa(resp.StatusCode), Sent: true, RetryAfter: retryAfter(resp.Header)}
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return wrong("redirect")
	case resp.ContentLength > c.maxBody:
		return wrong("too large")
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return wrong("compressed")
	}
	if note := checkType(resp.Header.Get("Content-Type"), r.Accept); note != "" {
		return wrong(note)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	switch {
	case err != nil:
		return Answer{}, c.broke(ctx, inner, err, true)
	case int64(len(body)) > c.maxBody:
		return wrong("too large")
	case !utf8.Valid(body):
		return wrong("not UTF-8")
	}
	return Answer{resp.StatusCode, body}, nil
}

// broke sorts a transport's error. Its text is dropped: it holds the URL.
func (c *Client) broke(outer, inner context.Context, err error, sent bool) error {
	if errors.Is(outer.Err(), context.Canceled) {
		return context.Canceled
	}
	var timeout interface{ Timeout() bool }
	if inner.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		return &Error{Peer: c.name, Kind: ErrTimeout, Sent: sent}
	}
	note := "connection failed"
	if sent {
		note = "connection broke"
	}
	return &Error{Peer: c.name, Kind: ErrUnreachable, Note: note, Sent: sent}
}

// checkType says what is wrong with a content type, "" if nothing is.
func checkType(header string, accept []string) string {
	if header == "" {
		return ""
	}
	t, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "content type"
	}
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "us-ascii") {
		return "charset"
	}
	for _, a := range accept {
		if a == t {
			return ""
		}
	}
	if len(accept) == 0 {
		return ""
	}
	return "content type"
}

// retryAfter reads whole seconds; the date form is rare and not worth a clock.
func retryAfter(h http.Header) time.Duration {
	s, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || s < 0 || s > 3600 {
		return 0
	}
	return time.Duration(s) * time.Second
}
