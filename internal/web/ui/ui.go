// Package ui is what every page is made of: the frame around it and the parts
// in it, as templ components. A part brings its own label, hint, error and
// everything assistive technology needs to tie them together, so that a page
// only says what it asks.
//
// Texts arrive in the reader's language: T and N look them up with the language
// carried by the context. Nothing here knows a city, a card or a database.
// No component writes a style attribute or a script of its own; pages are
// served under a policy that would refuse them.
package ui

import (
	"context"
	"slices"
	"strings"

	"turnike/internal/fault"
	"turnike/internal/i18n"
	"turnike/internal/web/assets"
)

// T is the sentence of a key in the reader's language.
func T(ctx context.Context, key string, args ...any) string {
	l := i18n.From(ctx)
	return i18n.T(l, key, isolate(l, args)...)
}

// N is T for a sentence that depends on a count.
func N(ctx context.Context, key string, count int, args ...any) string {
	l := i18n.From(ctx)
	return i18n.N(l, key, count, isolate(l, args)...)
}

// isolate keeps Latin words and numbers inside an Arabic sentence from dragging
// their neighbours to the other side (U+2068 first-strong isolate).
func isolate(l i18n.Lang, args []any) []any {
	if l != i18n.Arabic {
		return args
	}
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
		if s, ok := a.(string); ok && i%2 == 1 {
			out[i] = "\u2068" + s + "\u2069"
		}
	}
	return out
}

// Say is the sentence of a fault.
func Say(ctx context.Context, f *fault.Fault) string {
	args := make([]any, 0, 2*len(f.Args)+2)
	for name, v := range f.Args {
		args = append(args, name, v)
	}
	if f.RetryAfter > 0 {
		args = append(args, "Wait", i18n.From(ctx).Span(f.RetryAfter))
	}
	return T(ctx, "fault."+f.Code, args...)
}

// Page is what the frame around a page needs to know.
type Page struct {
	Title string // the page's own name; the frame does not print it but in <title>
	Place string // the city's or centre's name, first in the header
	Motto string // a few words under Place: the service's name
	Home  string // where Place leads
	Theme assets.Theme
	Logo  string // the city's logo, an SVG element from its checked file; empty: our mark
	Back  string // where "back" leads; empty: no such link

	// FormID names the page's form where it has one. The language switch then
	// posts that form (field "_lang"), so that nothing typed is lost; without a
	// form it links to the same page with ?lang=.
	FormID  string
	Query   string   // of a page without a form: what its address says besides the language, which the switch keeps
	Failed  bool     // the answer carries errors: the title says so first
	Wide    bool     // staff pages and reports use the whole window
	Foot    []Link   // links of the footer
	Scripts []string // paths of further scripts (staff pages: htmx)
	Reload  int      // seconds after which the page asks again; 0 = never

	// Staff pages wear the second sheet and a bar below the header.
	Staff bool
	Nav   []NavLink // ways onward that the reader's role has
	Who   string    // who is signed in; with it comes the way out
}

// NavLink is a way onward in the staff's bar; Here is the page being read.
type NavLink struct {
	Link
	Here bool
}

// Link is a named way elsewhere.
type Link struct{ Href, Text string }

// Width is how long an answer is expected to be.
type Width string

// The widths, by what they hold.
const (
	Full   Width = ""
	Digit4 Width = "t-w4"
	Digit6 Width = "t-w6"
	Text12 Width = "t-w12"
	Text16 Width = "t-w16"
)

// Kind is what a field takes; it sets keyboard, direction and spell checking.
type Kind uint8

// The kinds.
const (
	Words  Kind = iota // a name, free text
	Digits             // identity and card numbers
	Code               // letters and digits: HES code, passport
	Phone
	Email
	OneTimeCode
	Search
	Secret // a password: never sent back
)

// Field is one line to be typed in.
type Field struct {
	ID       string // also its name in the form, and what an error links to
	Label    string
	Term     string // the Turkish word a foreigner meets on paper, shown small
	Hint     string
	Value    string
	Error    string
	Kind     Kind
	Width    Width
	Complete string // autocomplete token, such as "given-name"
	Max      int    // maxlength; 0 = none
	Optional bool   // says so in the label
	Scan     bool   // offer the camera (a HES code's square code)
}

func (k Kind) inputMode() string {
	switch k {
	case Digits, OneTimeCode:
		return "numeric"
	case Phone:
		return "tel"
	case Email:
		return "email"
	}
	return ""
}

func (k Kind) inputType() string {
	switch k {
	case Phone:
		return "tel"
	case Email:
		return "email"
	case Search:
		return "search"
	case Secret:
		return "password"
	}
	return "text"
}

func (k Kind) ltr() bool { return k != Words && k != Search }

// Choice is one of several to pick from.
type Choice struct {
	Value, Label, Hint string
	Checked            bool
}

// Choices is a group of boxes or radio buttons.
type Choices struct {
	ID     string
	Legend string
	Term   string
	Hint   string
	Error  string
	Items  []Choice
	Big    bool // the legend is the page's heading
}

// Date is a day in three fields, ID_day, ID_month and ID_year. One box per part
// works on every phone; calendars make people scroll to their birth year. An
// error links to the first of them: see Problems.
type Date struct {
	ID               string
	Legend           string
	Term             string
	Hint             string
	Day, Month, Year string
	Error            string
	Birth            bool // autocomplete as the reader's own birthday
}

// Problem is one line of the error summary. Field is the ID it links to.
type Problem struct{ Field, Text string }

// Problems turns faults into the lines of a summary, in their order. dates
// names the fields that are a Date, whose first box the line leads to.
func Problems(ctx context.Context, faults fault.List, dates ...string) []Problem {
	ps := make([]Problem, len(faults))
	for i, f := range faults {
		ps[i] = Problem{f.Field, Say(ctx, f)}
		if slices.Contains(dates, f.Field) {
			ps[i].Field += "_day"
		}
	}
	return ps
}

// ProblemOf is the text of the first fault that belongs to a field, or "".
func ProblemOf(ctx context.Context, faults fault.List, field string) string {
	for _, f := range faults {
		if f.Field == field {
			return Say(ctx, f)
		}
	}
	return ""
}

// Row is one line of a summary list.
type Row struct {
	Key, Value string
	LTR        bool // Value is a number or code
	Change     Link // optional; its Text is read after the word "change"
}

// Tone is what a notice or a tag wants to say by its colour.
type Tone string

// The tones.
const (
	Plain Tone = ""
	Warn  Tone = "t-warn"
	Good  Tone = "t-good"
	Bad   Tone = "t-bad"
)

// describedBy lists the ids that explain a field, for aria-describedby.
func describedBy(id, hint, err string) string {
	var ids []string
	if hint != "" {
		ids = append(ids, id+"-hint")
	}
	if err != "" {
		ids = append(ids, id+"-error")
	}
	return strings.Join(ids, " ")
}

// paragraphs splits a longer text, such as a city's notice, at blank lines.
func paragraphs(text string) []string {
	var ps []string
	for p := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			ps = append(ps, p)
		}
	}
	return ps
}
