package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/fault"
	"turnike/internal/i18n"
)

// Faults only a machine can make.
var (
	ErrJSON       = fault.New(fault.Invalid, "body.json")
	ErrTwice      = fault.New(fault.Invalid, "body.twice")
	ErrEmpty      = fault.New(fault.Invalid, "body.empty")
	ErrTooLarge   = fault.New(fault.TooLarge, "body.too_large")
	ErrMedia      = fault.New(fault.Unsupported, "body.media")
	ErrNoField    = fault.New(fault.Invalid, "field.unknown")
	ErrType       = fault.New(fault.Invalid, "field.type")
	ErrMissing    = fault.New(fault.Invalid, "field.missing")
	ErrChoice     = fault.New(fault.Invalid, "field.choice")
	ErrKeyMissing = fault.New(fault.Invalid, "idempotency.missing")
	ErrKeyShape   = fault.New(fault.Invalid, "idempotency.shape")
	ErrQuery      = fault.New(fault.Invalid, "query.shape")
	ErrCursor     = fault.New(fault.Invalid, "query.cursor")
	ErrOwnForm    = fault.New(fault.Invalid, "province.own_form") // Args: Name, City
	ErrNoPath     = fault.New(fault.NotFound, "path.unknown")
	ErrMethod     = fault.New(fault.Invalid, "method.unknown")
	ErrNoList     = fault.New(fault.NotFound, "list.none")
	errForm       = fault.New(fault.Invalid, "form.invalid") // several at once
	errOurs       = fault.New(fault.Internal, "ours")
)

// statuses are the faults whose HTTP status is not that of their kind: what
// cannot be read at all is 400, what was read and is wrong 422 (RFC 9110,
// 15.5.1 and 15.5.21).
func statusOf(f *fault.Fault) int {
	switch f.Code {
	case ErrJSON.Code, ErrTwice.Code, ErrEmpty.Code, ErrKeyMissing.Code, ErrKeyShape.Code, ErrKeyShort.Code:
		return http.StatusBadRequest
	case ErrMethod.Code:
		return http.StatusMethodNotAllowed
	}
	return f.Kind.Status()
}

// Problem is a failure as RFC 9457 has it.
type Problem struct {
	Type      string        `json:"type" format:"uri-reference" doc:"Stable name of the problem; opening it tells what it means." example:"/api/problems/card.length"`
	Title     string        `json:"title" doc:"What sort of problem it is, in the caller's language."`
	Status    int           `json:"status" minimum:"400" maximum:"599"`
	Detail    string        `json:"detail" doc:"What is wrong and what to do, in the caller's language; fit to be shown."`
	Code      string        `json:"code" doc:"The last part of type." example:"card.length"`
	Errors    []ProblemItem `json:"errors,omitempty" nullable:"false" doc:"Everything that is wrong, each where it stands."`
	Reference string        `json:"reference,omitempty" doc:"Stands with failures of ours; quote it to the operator." example:"K7QX2M4D"`

	wait time.Duration
}

// ProblemItem is one thing that is wrong. Exactly one of Pointer, Parameter and
// Header says where.
type ProblemItem struct {
	Pointer   string         `json:"pointer,omitempty" doc:"JSON pointer into the body, as a URI fragment (RFC 6901, 6)." example:"#/fields/card"`
	Parameter string         `json:"parameter,omitempty" doc:"Name of a query parameter."`
	Header    string         `json:"header,omitempty" doc:"Name of a header field."`
	Code      string         `json:"code" doc:"Stable name of what is wrong; see /api/problems/{code}." example:"card.length"`
	Detail    string         `json:"detail" doc:"A sentence to show beside the field."`
	Args      map[string]any `json:"args,omitempty" doc:"Numbers and words of the sentence, for callers who write their own: left (tries), want (digits), City (id)."`
}

// Error is the code, so that a problem in a log says nothing else.
func (p *Problem) Error() string { return p.Code }

// GetStatus, GetHeaders and ContentType make it an answer (huma.StatusError,
// huma.HeadersError, huma.ContentTypeFilter).
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders says how long to wait where waiting helps.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((p.wait+time.Second-1)/time.Second), 10))
	}
	return h
}

// ContentType is that of RFC 9457, section 6.1.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem makes what a caller sees of an error: faults speak for themselves,
// anything else is logged in full and shown as a reference.
func (s *server) problem(ctx context.Context, err error) *Problem {
	var ready *Problem
	if errors.As(err, &ready) {
		return ready
	}
	l := i18n.From(ctx)
	faults := fault.Of(err)
	if len(faults) == 0 || faults[0].Kind == fault.Internal {
		p := bare(l, errOurs)
		p.Reference = rand.Text()[:8]
		level := slog.LevelError
		if ctx.Err() != nil {
			level = slog.LevelDebug // the caller has gone; what broke off is no failure
		}
		s.log.LogAttrs(ctx, level, "api request failed", slog.String("reference", p.Reference), slog.String("error", err.Error()))
		return p
	}
	first := faults[0]
	p := bare(l, first)
	if len(faults) > 1 {
		p = bare(l, errForm)
		p.Status = statusOf(first)
	}
	if p.Status >= 500 {
		s.log.LogAttrs(ctx, slog.LevelWarn, "api request not served", slog.String("error", err.Error()))
	}
	for _, f := range faults {
		p.wait = max(p.wait, f.RetryAfter)
		if f.Field != "" {
			p.Errors = append(p.Errors, item(l, f))
		}
	}
	return p
}

func bare(l i18n.Lang, f *fault.Fault) *Problem {
	return &Problem{
		Type: Prefix + "problems/" + f.Code, Title: i18n.T(l, "problem.title."+kindNames[f.Kind]),
		Status: statusOf(f), Detail: say(l, f), Code: f.Code, wait: f.RetryAfter,
	}
}

// kindNames are the kinds as the catalogues have them.
var kindNames = map[fault.Kind]string{
	fault.Internal: "internal", fault.Invalid: "invalid", fault.Refused: "refused", fault.NotFound: "not_found",
	fault.Conflict: "conflict", fault.Gone: "gone", fault.TooMany: "too_many", fault.Unavailable: "unavailable",
	fault.TooLarge: "too_large", fault.Unsupported: "unsupported", fault.Forbidden: "refused", fault.Unauthorized: "refused",
}

func item(l i18n.Lang, f *fault.Fault) ProblemItem {
	it := ProblemItem{Code: f.Code, Detail: say(l, f), Args: f.Args}
	switch {
	case strings.HasPrefix(f.Field, "?"):
		it.Parameter = f.Field[1:]
	case strings.HasPrefix(f.Field, ":"):
		it.Header = f.Field[1:]
	default:
		it.Pointer = pointer(f.Field)
	}
	return it
}

// pointer is where a field of a form stands in the body. Names that begin with
// "#" are pointers already.
func pointer(field string) string {
	if strings.HasPrefix(field, "#") {
		return field
	}
	if box, ok := strings.CutPrefix(field, "box_"); ok {
		return "#/boxes/" + box
	}
	if field == "code" {
		return "#/code"
	}
	return "#/fields/" + field
}

// say is the sentence of a fault. Latin words within an Arabic sentence are
// isolated (U+2068), so that they stay in their place wherever it is shown.
func say(l i18n.Lang, f *fault.Fault) string {
	args := make([]any, 0, 2*len(f.Args)+2)
	for name, v := range f.Args {
		if text, ok := v.(string); ok && l == i18n.Arabic {
			v = "\u2068" + text + "\u2069"
		}
		args = append(args, name, v)
	}
	if f.RetryAfter > 0 {
		args = append(args, "Wait", l.Span(f.RetryAfter))
	}
	return i18n.T(l, "fault."+f.Code, args...)
}

// fail writes an error as a problem, outside an operation.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(r.Context(), err)
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller has gone, if it fails
}

// ownProblem replaces what the framework says of its own accord, which repeats
// the value it refused, by a problem of ours that does not.
func (s *server) ownProblem(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	var l fault.List
	for _, e := range m.Errors {
		if name, ok := strings.CutPrefix(e.Location, "query."); ok {
			l = append(l, ErrQuery.On("?"+name))
		}
	}
	var err error = l
	switch {
	case len(l) > 0:
	case m.Status == http.StatusBadRequest:
		err = ErrEmpty // the one thing left that is found out before us
	default:
		err = errors.New(m.Detail) // m.Errors may hold what was sent; m.Detail is a fixed text
	}
	p := s.problem(ctx.Context(), err)
	p.Status = m.Status // it is sent already
	ctx.SetHeader("Cache-Control", "no-store")
	return p, nil
}
