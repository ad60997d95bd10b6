package fault

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestFaultIsWhatWasDeclared(t *testing.T) {
	wrong := New(Invalid, "code.wrong")
	told := wrong.On("code").With("left", 3).After(time.Minute)
	wrapped := fmt.Errorf("enter code: %w", told)
	if !errors.Is(wrapped, wrong) || !errors.Is(List{told}, wrong) {
		t.Error("with field, arguments and wrapping: got another fault, want the one declared")
	}
	if errors.Is(wrapped, New(Gone, "code.wrong")) || errors.Is(wrapped, New(Invalid, "code.shape")) {
		t.Error("another kind or code: got the same fault, want another")
	}
	if wrong.Field != "" || wrong.Args != nil || wrong.RetryAfter != 0 {
		t.Errorf("the declared fault: got %+v, want it as it was declared", wrong)
	}
	more := told.With("right", 1)
	if _, leaked := told.Args["right"]; leaked || len(more.Args) != 2 {
		t.Errorf("arguments: got %v and %v, want each its own", told.Args, more.Args)
	}
}

func TestListCollects(t *testing.T) {
	var l List
	boom := errors.New("disk on fire")
	if err := l.Add("x", nil); err != nil || len(l) != 0 {
		t.Errorf("nothing: got %v %v", err, l)
	}
	if err := l.Add("phone", fmt.Errorf("read: %w", New(Invalid, "phone.shape"))); err != nil || len(l) != 1 || l[0].Field != "phone" {
		t.Errorf("a wrapped fault: got %v %v, want it on its field", err, l)
	}
	if err := l.Add("y", boom); !errors.Is(err, boom) || len(l) != 1 {
		t.Errorf("an error of ours: got %v %v, want it back", err, l)
	}
	if List(nil).Err() != nil {
		t.Error("an empty list: got an error, want none")
	}
	if got, want := l.Err().Error(), "phone: phone.shape"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOf(t *testing.T) {
	f := New(Gone, "request.lapsed")
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"nothing": {nil, 0}, "ours": {errors.New("x"), 0}, "one": {f, 1},
		"one wrapped": {fmt.Errorf("a: %w", f), 1}, "several": {fmt.Errorf("a: %w", List{f, f}), 2},
	} {
		if got := Of(c.err); len(got) != c.want {
			t.Errorf("%s: got %v, want %d faults", name, got, c.want)
		}
	}
}

// TestEveryKindHasAStatus: nothing a person can mend is told as our fault.
func TestEveryKindHasAStatus(t *testing.T) {
	for k := Internal; k <= Unauthorized; k++ {
		got := k.Status()
		if (k == Internal) != (got == 500) || got < 400 || got > 599 {
			t.Errorf("kind %d: got status %d", k, got)
		}
	}
	if got := Kind(200).Status(); got != 500 {
		t.Errorf("an unknown kind: got %d, want 500", got)
	}
}
