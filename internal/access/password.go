package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"golang.org/x/text/unicode/norm"

	"turnike/internal/fault"
)

// Faults of what a newcomer types.
var (
	ErrPasswordShort  = fault.New(fault.Invalid, "staff.password_short").With("least", leastPassword)
	ErrPasswordLong   = fault.New(fault.Invalid, "staff.password_long")
	ErrPasswordCommon = fault.New(fault.Invalid, "staff.password_common")
	ErrLoginShape     = fault.New(fault.Invalid, "staff.login_shape")
)

// leastPassword is the fewest letters of a password. Length is all that is
// asked, besides not being one that everybody tries (NIST SP 800-63B, 5.1.1.2).
const (
	leastPassword = 12
	mostPassword  = 256 // bytes
)

// cost is OWASP's smaller choice for argon2id: a clerk's machine waits a
// twentieth of a second, and two at a time do not fill a small server.
var cost = argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

//go:embed common.txt
var common string

// plainPassword is a password in the one form that is hashed, whatever
// keyboard composed it.
func plainPassword(p string) string { return norm.NFKC.String(p) }

// checkPassword tells whether a password may be set. login is the user name,
// which it must not be made of.
func checkPassword(p, login string) error {
	p = plainPassword(p)
	switch {
	case utf8.RuneCountInString(p) < leastPassword:
		return ErrPasswordShort
	case len(p) > mostPassword:
		return ErrPasswordLong
	case tooCommon(p, login):
		return ErrPasswordCommon
	}
	return nil
}

// tooCommon finds what everybody tries: the list, few letters over and over,
// runs along the alphabet or the keyboard, the user name with something added.
func tooCommon(p, login string) bool {
	p = strings.ToLower(p)
	different := map[rune]bool{}
	for _, r := range p {
		different[r] = true
	}
	if len(different) < 5 {
		return true
	}
	// What is left of it once the well-known parts are taken out must still be
	// something.
	rest := p
	parts := append(strings.Fields(common), strings.FieldsFunc(login, func(r rune) bool { return strings.ContainsRune("@.-_", r) })...)
	// The longest first: a short word inside a longer one would break it up.
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	for _, part := range parts {
		if len(part) >= 4 {
			rest = strings.ReplaceAll(rest, part, "\x00")
		}
	}
	left := strings.Trim(strings.ReplaceAll(rest, "\x00", ""), "0123456789!.*-_?#@+ ")
	return utf8.RuneCountInString(left) < 4 && strings.Contains(rest, "\x00") || runs(p)
}

// runs tells whether nearly every letter is its neighbour's neighbour, as in
// abcdefghijkl or 987654321098.
func runs(p string) bool {
	steps, last := 0, rune(-10)
	n := 0
	for _, r := range p {
		if d := r - last; d >= -1 && d <= 1 {
			steps++
		}
		last = r
		n++
	}
	return steps >= n-3
}

// foldLogin is a user name in the one form that is looked up: ASCII, lower
// case, so that no Turkish I stands in the way.
func foldLogin(login string) (string, error) {
	login = strings.TrimSpace(login)
	if len(login) < 3 || len(login) > 64 {
		return "", ErrLoginShape
	}
	b := []byte(login)
	for i, c := range b {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte(".-_@+", c) >= 0:
		case 'A' <= c && c <= 'Z':
			b[i] = c + 'a' - 'A'
		default:
			return "", ErrLoginShape
		}
	}
	return string(b), nil
}

// hasher bounds how much of the machine passwords may take.
type hasher struct {
	slots chan struct{}
}

func (h *hasher) enter(ctx context.Context) error {
	t := time.NewTimer(5 * time.Second)
	defer t.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-t.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer func() { <-h.slots }()
	out, err := argon2id.CreateHash(plainPassword(password), &cost)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return out, nil
}

// nobody is compared with where there is no account, so that it takes as long.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$K1zWc2eqD7K8pYvJ0oGQ1mIhYw9xk3u3cQzqkq2G8pU"

func (h *hasher) match(ctx context.Context, password, hash string) (bool, error) {
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer func() { <-h.slots }()
	if len(password) > 4*mostPassword {
		password = password[:4*mostPassword]
	}
	known := hash != ""
	if !known {
		hash = nobody
	}
	ok, err := argon2id.ComparePasswordAndHash(plainPassword(password), hash)
	if err != nil {
		return false, fmt.Errorf("compare password: %w", err)
	}
	return ok && known, nil
}

// crowd slows everybody who is a stranger down while many fail: a guesser with
// a list of a million accounts meets no account's own limit.
type crowd struct {
	mu    sync.Mutex
	since time.Time
	fails int
}

const (
	crowdFree = 30 // failures a minute that slow nobody
	crowdMost = 2 * time.Second
)

func (c *crowd) failed(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.since) > time.Minute {
		c.since, c.fails = now, 0
	}
	c.fails++
}

// wait is how long a stranger waits now.
func (c *crowd) wait(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.since) > time.Minute || c.fails <= crowdFree {
		return 0
	}
	return min(crowdMost, time.Duration(c.fails-crowdFree)*50*time.Millisecond)
}

// Limits of one account: so many wrong tries are free, then each further one
// waits twice as long. Browsers that have signed in before are counted apart:
// who guesses from elsewhere does not lock them out.
const (
	freeTries = 5
	firstWait = 30 * time.Second
	mostWait  = 15 * time.Minute
)

// mayTry tells whether a may be tried now.
func mayTry(a Account, known bool, now time.Time) bool {
	fails := a.Fails
	if known && a.Known < freeTries {
		return true
	}
	if fails < freeTries {
		return true
	}
	wait := mostWait
	if n := fails - freeTries; n < 6 {
		wait = min(mostWait, firstWait<<n)
	}
	return !now.Before(a.Failed.Add(wait))
}

// One-time codes are RFC 6238's: six digits, thirty seconds, one step of a
// clock's error either way.
var totpOptions = totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}

// codeStep is the step whose code was typed; ok is false where none fits.
func codeStep(secret, code string, now time.Time) (step int64, ok bool) {
	for d := int64(-1); d <= 1; d++ {
		at := now.Add(time.Duration(d) * 30 * time.Second)
		want, err := totp.GenerateCodeCustom(secret, at, totpOptions)
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return at.Unix() / 30, true
		}
	}
	return 0, false
}

func newSecret() string {
	var b [20]byte
	rand.Read(b[:])
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])
}

// recoveryCodes is how many there are: each signs in once where phone and
// passkey are lost.
const recoveryCodes = 10

// newRecovery makes codes to show once and their digests to keep. Fifty bits
// each: no guesser gets through those, so a plain digest is enough.
func newRecovery(account string) (codes, digests []string) {
	for range recoveryCodes {
		var b [8]byte
		rand.Read(b[:])
		c := strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:10])
		codes = append(codes, c[:5]+"-"+c[5:])
		digests = append(digests, recoveryDigest(account, c))
	}
	return codes, digests
}

func recoveryDigest(account, code string) string {
	sum := sha256.Sum256([]byte("recovery/" + account + "/" + code))
	return hex.EncodeToString(sum[:16])
}

// plainCode is what was typed without blanks and dashes.
func plainCode(code string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, strings.TrimSpace(code)))
}

// takeCode checks a one-time or recovery code and uses it up.
func takeCode(a *Account, r *record, typed string, now time.Time) (how string, ok bool) {
	code := plainCode(typed)
	if len(code) == 6 && r.Secret != "" {
		if step, ok := codeStep(r.Secret, code, now); ok && step > a.Step {
			a.Step = step
			return "totp", true
		}
		return "", false
	}
	if len(code) != 10 {
		return "", false
	}
	want := recoveryDigest(a.ID, code)
	for i, d := range r.Recovery {
		if subtle.ConstantTimeCompare([]byte(d), []byte(want)) == 1 {
			r.Recovery = append(r.Recovery[:i:i], r.Recovery[i+1:]...)
			return "recovery", true
		}
	}
	return "", false
}
