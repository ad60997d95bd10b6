package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"turnike/internal/rehearse"
)

func TestDemoDay(t *testing.T) {
	page := filepath.Join(t.TempDir(), "day.html")
	var out, errs bytes.Buffer
	args := []string{"demo", "--day", "2021-01-15", "--scale", "0.0005", "--stopped", "0", "--eve", "1", "--lang", "en", "--out", page}
	if err := run(t.Context(), args, &out, &errs); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"15 January 2021", "34,260,087", "24%", "40%", "36%", "17%", page} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, out.String())
		}
	}
	if b, err := os.ReadFile(page); err != nil || !bytes.Contains(b, []byte("<svg")) {
		t.Errorf("the report: %v, %d bytes", err, len(b))
	}
	out.Reset()
	if err := run(t.Context(), append(args, "--json"), &out, &errs); err != nil {
		t.Fatal(err)
	}
	var r rehearse.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Assumed.Stopped != 0 || len(r.Hours) != 25 || r.Scale != 0.0005 || r.Wrong != 0 {
		t.Errorf("stopped %d, %d hours, scale %v, %d wrong; want what was asked for", r.Assumed.Stopped, len(r.Hours), r.Scale, r.Wrong)
	}
	if err := run(t.Context(), []string{"demo", "--day", "tomorrow"}, &out, &errs); err == nil || !strings.Contains(err.Error(), "2021-01-15") {
		t.Errorf("a day that is none: got %v, want an example", err)
	}
}

func TestRulesTry(t *testing.T) {
	page := filepath.Join(t.TempDir(), "rule.html")
	var out, errs bytes.Buffer
	args := []string{"rules", "try", "--day", "2021-01-13", "--scale", "0.0005", "--class", "paired_under_20", "--hours", "10:00-14:00", "--lang", "en", "--out", page}
	if err := run(t.Context(), args, &out, &errs); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Under 20", "10:00-14:00", "13 January 2021"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, out.String())
		}
	}
	if _, err := os.Stat(page); err != nil {
		t.Error(err)
	}
	args[7] = "tall"
	if err := run(t.Context(), args, &out, &errs); err == nil || !strings.Contains(err.Error(), "tall") {
		t.Errorf("a class that is none: got %v, want it named", err)
	}
}
