package httpx

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"turnike/internal/i18n"
)

// Form is what somebody typed and sent, field by field, blanks at the ends
// taken off.
type Form struct {
	values url.Values
	// Switch is set when the form was sent by the language switch rather than
	// by its own button: show it again as it is, in the request's language,
	// and judge nothing.
	Switch bool
}

// Get is the value of a field, or "".
func (f Form) Get(name string) string { return strings.TrimSpace(f.values.Get(name)) }

// Raw is the value as it was sent, blanks and all: a password may end in one.
func (f Form) Raw(name string) string { return f.values.Get(name) }

// Values are all of them, to be sent on; they are the form's own.
func (f Form) Values() url.Values { return f.values }

// Ticked reports whether a box was ticked.
func (f Form) Ticked(name string) bool { return f.values.Get(name) != "" }

// All are the values of a group of boxes.
func (f Form) All(name string) []string { return f.values[name] }

// Form reads a posted form. Only the body counts, never the address, so that
// personal data cannot come in by a link. The returned request carries the
// language the form asked for; go on with that one.
func (s *Site) Form(w http.ResponseWriter, r *http.Request) (Form, *http.Request, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return Form{}, r, ErrUnsupported
	}
	if err := r.ParseForm(); err != nil {
		if strings.Contains(err.Error(), "too large") {
			return Form{}, r, ErrTooLarge
		}
		return Form{}, r, ErrBroken
	}
	f := Form{values: r.PostForm}
	for name, values := range f.values {
		for _, v := range append(values, name) {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return Form{}, r, ErrBroken
			}
		}
	}
	if l, ok := i18n.Known(f.Get("_lang")); ok {
		f.Switch = true
		s.keepLanguage(w, l)
		r = withLang(r, l)
	}
	return f, r, nil
}

const langCookie = "lang"

// name is a cookie's name on the wire. The __Host- prefix makes a browser
// refuse one that was set by a neighbour or without TLS (RFC 6265bis, 4.1.3.2).
func (s *Site) name(cookie string) string {
	if s.cfg.TLS {
		return "__Host-" + cookie
	}
	return cookie
}

// SetCookie keeps a value in the reader's browser for so many seconds; 0 keeps
// it until the browser closes. Script cannot read it and other sites cannot
// send it along.
func (s *Site) SetCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: s.name(name), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.cfg.TLS, SameSite: http.SameSiteLaxMode,
	})
}

// DropCookie takes a value back.
func (s *Site) DropCookie(w http.ResponseWriter, name string) { s.SetCookie(w, name, "", -1) }

// Cookie is a value kept before.
func (s *Site) Cookie(r *http.Request, name string) (string, bool) {
	c, err := r.Cookie(s.name(name))
	if err != nil {
		return "", false
	}
	return c.Value, true
}

// See sends the reader on to a page of ours after a post, so that going back
// or reloading posts nothing twice.
func See(w http.ResponseWriter, r *http.Request, path string) error {
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// RetryAfter tells how long to wait, where a page rather than the error page
// answers.
func RetryAfter(w http.ResponseWriter, d time.Duration) { w.Header().Set("Retry-After", seconds(d)) }

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
