package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"

	"turnike/internal/sandbox"
)

// browser is a reader of the public site without script: it fills forms in and
// follows where it is led.
type browser struct {
	w    *World
	http *http.Client
	page string
	code int
	at   string
}

func (w *World) browser() (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &browser{w: w, http: &http.Client{Jar: jar, Timeout: 30 * time.Second}}, nil
}

func (b *browser) open(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.w.Site+path, nil)
	if err != nil {
		return err
	}
	return b.do(req)
}

func (b *browser) post(ctx context.Context, path string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.w.Site+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.w.Site)
	return b.do(req)
}

func (b *browser) do(req *http.Request) error {
	res, err := b.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return err
	}
	b.page, b.code, b.at = string(body), res.StatusCode, res.Request.URL.Path
	if res.StatusCode >= 500 {
		return fmt.Errorf("%s answered %d", b.at, res.StatusCode)
	}
	return nil
}

var hiddenField = regexp.MustCompile(`<input[^>]*type="hidden"[^>]*>`)
var nameOf = regexp.MustCompile(`name="([^"]*)"`)
var valueOf = regexp.MustCompile(`value="([^"]*)"`)

// hidden are the hidden fields of the page.
func (b *browser) hidden() url.Values {
	v := url.Values{}
	for _, in := range hiddenField.FindAllString(b.page, -1) {
		if n := nameOf.FindStringSubmatch(in); n != nil {
			value := ""
			if m := valueOf.FindStringSubmatch(in); m != nil {
				value = html.UnescapeString(m[1])
			}
			v.Set(n[1], value)
		}
	}
	return v
}

var errorLink = regexp.MustCompile(`(?s)role="alert".*?</ul>`)
var tags = regexp.MustCompile(`(?s)<[^>]*>|\s+`)

// problems is the text of the page's error summary, empty where there is none.
func (b *browser) problems() string {
	return strings.TrimSpace(tags.ReplaceAllString(errorLink.FindString(b.page), " "))
}

// begin fills in and sends a form and must be led to the code page.
func (b *browser) begin(ctx context.Context, path string, fields map[string]string) error {
	if err := b.open(ctx, path); err != nil {
		return err
	}
	form := b.hidden()
	for k, v := range fields {
		form.Set(k, v)
	}
	if err := b.post(ctx, path, form); err != nil {
		return err
	}
	if !strings.HasSuffix(b.at, "/code") && !strings.HasSuffix(b.at, "/done") {
		return fmt.Errorf("form was not taken: %d at %s: %s", b.code, b.at, b.problems())
	}
	return nil
}

// enter types a code on the code page.
func (b *browser) enter(ctx context.Context, code string) error {
	form := b.hidden()
	form.Set("code", code)
	return b.post(ctx, b.at, form)
}

// received tells whether the page is the receipt.
func (b *browser) received() error {
	if !strings.HasSuffix(b.at, "/done") {
		return fmt.Errorf("not on the receipt but at %s (%d): %s", b.at, b.code, b.problems())
	}
	return nil
}

var sixDigits = regexp.MustCompile(`^\d{6}\b`)

// text waits for the next message to a phone that satisfies ok.
func (w *World) text(ctx context.Context, phone string, since int, ok func(string) bool) (sandbox.Text, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		texts, err := w.inbox(ctx, phone, since)
		if err != nil && ctx.Err() == nil {
			return sandbox.Text{}, err
		}
		for _, t := range texts {
			if ok(t.Text) {
				return t, nil
			}
		}
		select {
		case <-ctx.Done():
			return sandbox.Text{}, errors.New("no such message within 20 s")
		case <-time.After(30 * time.Millisecond):
		}
	}
}

func (w *World) inbox(ctx context.Context, phone string, since int) ([]sandbox.Text, error) {
	u := fmt.Sprintf("%s/inbox.json?to=%s&since=%d", w.SMSBox, url.QueryEscape(phone), since)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var texts []sandbox.Text
	return texts, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&texts)
}

// codeFor waits for a one-time code to a phone.
func (w *World) codeFor(ctx context.Context, phone string, since int) (string, int, error) {
	t, err := w.text(ctx, phone, since, func(s string) bool { return sixDigits.MatchString(s) })
	if err != nil {
		return "", since, fmt.Errorf("code by SMS: %w", err)
	}
	return t.Text[:6], t.N, nil
}
