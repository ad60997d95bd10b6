// Package agent is the part of a gate that speaks to the network: it follows
// a city's list on any static server or proxy and hands the journal's batches
// in. Whatever it cannot do now it does later; the gate goes on deciding.
package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"turnike/gate"
	"turnike/gate/agent/door"
	"turnike/statuslist"
)

// Config says what an agent follows. Gate, Base and City are needed.
type Config struct {
	Gate *gate.Gate
	// Base is the address the city's folder is under: Base/City/head.
	Base, City string
	// Client is used as it is: client certificates and proxies go here.
	// http.DefaultClient if nil.
	Client *http.Client
	// Every is how often the head is asked for, give or take a fifth; 5 s if
	// zero. While that fails the pause doubles up to MaxPause; 5 min if zero.
	Every, MaxPause time.Duration
	// Journal, if there is one, is sealed and handed in at Door every SealEvery;
	// a minute if zero. Uptime is how long the device has run.
	Journal   *gate.Journal
	Door      *door.Client
	SealEvery time.Duration
	Uptime    func() time.Duration
	// ReportEvery is how often the device says how it is; 5 min if zero.
	// Registered, if set, is told what it hears back.
	ReportEvery time.Duration
	Registered  func(door.Registration)
	// Program names the software and its version in reports.
	Program string
	// Now is the device's clock; time.Now if nil.
	Now func() time.Time
	Log *slog.Logger
}

// Agent follows one city for one gate.
type Agent struct {
	cfg  Config
	base *url.URL
	// etag is the head's last entity tag: an unchanged head costs one small
	// exchange and no body.
	etag string
	head []byte
	// out is since when the city takes nothing from this device: Unix seconds
	// by the device's clock, 0 while it does.
	out atomic.Int64
}

const (
	defaultEvery       = 5 * time.Second
	defaultMaxPause    = 5 * time.Minute
	defaultSealEvery   = time.Minute
	defaultReportEvery = 5 * time.Minute
	requestTimeout     = 30 * time.Second
	// resumes is how often a transfer that breaks off is taken up where it
	// broke, before the whole update is left for later.
	resumes = 8
)

// New checks the configuration. It opens no connection.
func New(cfg Config) (*Agent, error) {
	base, err := url.Parse(strings.TrimSuffix(cfg.Base, "/") + "/" + url.PathEscape(cfg.City) + "/")
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fmt.Errorf("agent: %q is no address of a web server", cfg.Base)
	}
	if cfg.Gate == nil || cfg.City == "" {
		return nil, errors.New("agent: a gate and a city are needed")
	}
	if cfg.Client == nil {
		cfg.Client = http.DefaultClient
	}
	if cfg.Every == 0 {
		cfg.Every = defaultEvery
	}
	if cfg.MaxPause == 0 {
		cfg.MaxPause = defaultMaxPause
	}
	if cfg.SealEvery == 0 {
		cfg.SealEvery = defaultSealEvery
	}
	if cfg.ReportEvery == 0 {
		cfg.ReportEvery = defaultReportEvery
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Uptime == nil {
		started := time.Now()
		cfg.Uptime = func() time.Duration { return time.Since(started) }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Agent{cfg: cfg, base: base}, nil
}

// Run follows the list, hands batches in and says how the device is until ctx
// ends.
func (a *Agent) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	if a.cfg.Journal != nil && a.cfg.Door != nil {
		wg.Go(func() { a.every(ctx, "hand in taps", a.cfg.SealEvery, a.HandIn) })
	}
	if a.cfg.Door != nil {
		wg.Go(func() { a.every(ctx, "report", a.cfg.ReportEvery, a.Report) })
	}
	a.every(ctx, "follow list", a.cfg.Every, func(ctx context.Context) error {
		_, err := a.Sync(ctx)
		return err
	})
	wg.Wait()
	return ctx.Err()
}

// every does a job again and again, with jitter so that five thousand gates
// do not ask in the same second, and backs off while it fails.
func (a *Agent) every(ctx context.Context, what string, pause time.Duration, job func(context.Context) error) {
	failures := 0
	for {
		err := job(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failures++
			a.cfg.Log.Warn("gate agent: "+what, "city", a.cfg.City, "failures", failures, "error", err)
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(a.pause(pause, failures, err)):
		}
	}
}

// pause is how long to wait after a job: its own time give or take a fifth,
// twice as long after each failure, up to MaxPause. What the server asked for is
// waited for in full, and up to half of it more: those it turned away together
// must not come back together.
func (a *Agent) pause(base time.Duration, failures int, err error) time.Duration {
	wait := min(base<<min(failures, 16), max(a.cfg.MaxPause, base))
	if wait <= 0 {
		wait = a.cfg.MaxPause
	}
	wait += time.Duration((rand.Float64() - 0.5) * 0.4 * float64(wait))
	var later door.Later
	if errors.As(err, &later) && later.After > 0 {
		wait = max(wait, later.After+time.Duration(rand.Float64()*0.5*float64(later.After)))
	}
	return wait
}

// Sync asks once, and says whether the gate got a newer list.
func (a *Agent) Sync(ctx context.Context) (changed bool, err error) {
	changed, err = a.cfg.Gate.Update(ctx, a.fetch)
	if err != nil {
		a.etag = "" // the next answer is to be a whole one
		return false, err
	}
	return changed, nil
}

// fetch gets a file of the city's folder. An immutable file whose transfer
// breaks off is taken up at that byte.
func (a *Agent) fetch(ctx context.Context, name string, limit int64) ([]byte, error) {
	var got []byte
	for try := 0; ; try++ {
		more, err := a.get(ctx, name, limit, got)
		got = more
		if err == nil {
			return got, nil
		}
		var status statusError
		if name == statuslist.HeadName || errors.As(err, &status) || errors.Is(err, errTooLong) || try == resumes || ctx.Err() != nil {
			return nil, err
		}
	}
}

var errTooLong = errors.New("agent: file longer than it may be")

// statusError is an answer that is no file.
type statusError int

func (e statusError) Error() string { return "agent: server answers " + strconv.Itoa(int(e)) }

func (e statusError) Is(target error) bool {
	return target == fs.ErrNotExist && e == http.StatusNotFound
}

// get asks for what is left of a file and gives all of it that is there now.
func (a *Agent) get(ctx context.Context, name string, limit int64, got []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base.JoinPath(name).String(), nil)
	if err != nil {
		return got, err
	}
	head := name == statuslist.HeadName
	if head {
		req.Header.Set("Cache-Control", "no-cache")
		if a.etag != "" {
			req.Header.Set("If-None-Match", a.etag)
		}
	}
	if len(got) > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", len(got)))
	}
	resp, err := a.cfg.Client.Do(req)
	if err != nil {
		return got, err
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && head && a.head != nil:
		return a.head, nil
	case resp.StatusCode == http.StatusOK:
		got = nil
	case resp.StatusCode == http.StatusPartialContent && len(got) > 0 &&
		strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", len(got))):
	default:
		return got, statusError(resp.StatusCode)
	}
	rest, err := io.ReadAll(io.LimitReader(resp.Body, limit-int64(len(got))+1))
	got = append(got, rest...)
	if int64(len(got)) > limit {
		return nil, errTooLong
	}
	if err != nil {
		return got, err
	}
	if head {
		a.etag, a.head = resp.Header.Get("ETag"), got
	}
	return got, nil
}

// HandIn hands in every batch that waits, then seals what the journal gathered
// since and hands that in too. A batch goes only once the city has said that it
// has it, by its digest; one that arrives twice is the server's to know by
// device, boot and sequence. One the city will never take is put aside, so that
// it does not hold up the others.
//
// While a batch cannot be handed in no further one is sealed: what is gathered
// meanwhile is as safe in the open segment, and a device that was away for a
// week comes back with two batches, not with ten thousand.
func (a *Agent) HandIn(ctx context.Context) error {
	j := a.cfg.Journal
	if err := j.Holds(a.cfg.Gate.Status(a.cfg.Now())); err != nil {
		return err
	}
	if err := j.Flush(); err != nil {
		return err
	}
	if j.Size() > sealBytes {
		if _, err := j.Seal(a.cfg.Now(), a.cfg.Uptime()); err != nil {
			return err
		}
	}
	if err := a.handInAll(ctx); err != nil {
		return err
	}
	if ok, err := j.Seal(a.cfg.Now(), a.cfg.Uptime()); err != nil || !ok {
		return err
	}
	return a.handInAll(ctx)
}

// sealBytes is how large a segment grows before it is sealed whatever waits: a
// fortnight of a busy gate, and well below the largest batch.
const sealBytes = 1 << 20

func (a *Agent) handInAll(ctx context.Context) error {
	names, err := a.cfg.Journal.Batches()
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := a.cfg.Journal.Batch(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // let go of meanwhile for want of room
		}
		if err != nil {
			return err
		}
		_, err = a.cfg.Door.HandIn(ctx, file)
		a.heard(err)
		switch {
		case errors.Is(err, door.ErrAside):
			a.cfg.Log.Error("gate agent: batch put aside", "city", a.cfg.City, "batch", name, "error", err)
			err = a.cfg.Journal.Aside(name)
		case err == nil:
			err = a.cfg.Journal.Done(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Report says how the device is.
func (a *Agent) Report(ctx context.Context) error {
	s := a.cfg.Gate.Status(a.cfg.Now())
	report := door.Status{List: s.Sequence, ListIssued: s.Issued, Program: a.cfg.Program}
	if a.cfg.Journal != nil {
		names, err := a.cfg.Journal.Batches()
		if err != nil {
			return err
		}
		report.Waiting, report.Dropped = len(names), a.cfg.Journal.Dropped()
	}
	r, err := a.cfg.Door.Report(ctx, report)
	a.heard(err)
	if err == nil && a.cfg.Registered != nil {
		a.cfg.Registered(r)
	}
	return err
}

// heard remembers whether the city takes anything from this device.
func (a *Agent) heard(err error) {
	switch {
	case errors.Is(err, door.ErrOut):
		a.out.CompareAndSwap(0, max(a.cfg.Now().Unix(), 1))
	case err == nil:
		a.out.Store(0)
	}
}

// Out tells since when, by the device's clock, the city takes nothing from this
// device; the zero time while it does. The device goes on deciding by the list
// it has, and gets no more secrets.
func (a *Agent) Out() time.Time {
	if s := a.out.Load(); s != 0 {
		return time.Unix(s, 0)
	}
	return time.Time{}
}
