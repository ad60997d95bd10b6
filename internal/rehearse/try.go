package rehearse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"turnike/internal/city"
)

// Trial is a rule tried on a day: the day as it would have been without it and
// with it, the same riders setting out at the same minute in both.
type Trial struct {
	Rule   string  `json:"rule"` // the decision as it would stand in the city's file
	Before *Result `json:"without"`
	After  *Result `json:"with"`
}

// Try replays a day twice: as the city is, and with the city and the text that
// WithRule gave.
func Try(ctx context.Context, o Options, with *city.Profile, rule string) (*Trial, error) {
	half := func(from float64) func(float64) {
		if o.Progress == nil {
			return nil
		}
		return func(done float64) { o.Progress(from + done/2) }
	}
	first, second := o, o
	first.Progress, second.Progress, second.City = half(0), half(0.5), with
	before, err := Day(ctx, first)
	if err != nil {
		return nil, err
	}
	after, err := Day(ctx, second)
	if err != nil {
		return nil, err
	}
	return &Trial{rule, before, after}, nil
}

// Rule is a decision to be tried.
type Rule struct {
	Classes    []string
	Hours      []string // "10:00-14:00"; none: all day
	Outcome    string   // refuse, full_fare or ride
	Supersedes string   // id of a decision it takes the place of
	From       time.Time
}

// WithRule gives a city's file with one more decision, read and checked as any
// city's file is, and the text of the decision for the board that will take it.
func WithRule(p *city.Profile, rule Rule) (*city.Profile, string, error) {
	at := func(t time.Time) string { return t.In(p.Location()).Format("2006-01-02T15:04:05") }
	list := func(items []string) string {
		quoted := make([]string, len(items))
		for i, s := range items {
			quoted[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[[decision]]\nid = %q\nannounced = %s\n", "tried-"+rule.From.In(p.Location()).Format(time.DateOnly), at(rule.From.AddDate(0, 0, -2)))
	if rule.Supersedes != "" {
		fmt.Fprintf(&b, "supersedes = %q\n", rule.Supersedes)
	}
	fmt.Fprintf(&b, "classes = %s\nfrom = %s\n", list(rule.Classes), at(rule.From))
	if len(rule.Hours) > 0 {
		fmt.Fprintf(&b, "hours = %s\n", list(rule.Hours))
	}
	fmt.Fprintf(&b, "outcome = %q\n", rule.Outcome)
	text := b.String()
	with, err := city.Parse([]byte(p.Source() + "\n" + text + `text = { tr = "…", en = "…", ar = "…" }` + "\nsource = \"…\"\n"))
	if err != nil {
		return nil, "", fmt.Errorf("the rule does not fit the city's file: %w", err)
	}
	return with, text, nil
}

// change is one row of a trial: how many were refused without and with.
type change struct {
	name          string
	before, after uint64
}

// changes pairs the rows of both days by name, the largest change first; rows
// that did not change are left out.
func changes[T any](before, after []T, key func(T) string, refused func(T) uint64) []change {
	rows := map[string]change{}
	for _, r := range before {
		rows[key(r)] = change{key(r), refused(r), 0}
	}
	for _, r := range after {
		c := rows[key(r)]
		c.name, c.after = key(r), refused(r)
		rows[key(r)] = c
	}
	var out []change
	for _, c := range rows {
		if c.before != c.after {
			out = append(out, c)
		}
	}
	size := func(c change) int64 { return max(int64(c.after)-int64(c.before), int64(c.before)-int64(c.after)) }
	slices.SortFunc(out, func(a, b change) int { return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(a.name, b.name)) })
	return out
}
