package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"turnike/internal/access"
)

var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// TestGuide does what docs/integrator.md says, in its order, and compares what
// comes back with what it shows.
func TestGuide(t *testing.T) {
	w := visitWorld(t)
	raw, err := os.ReadFile("../../docs/integrator.md")
	if err != nil {
		t.Fatal(err)
	}
	site, outside := httptest.NewServer(w.handler), httptest.NewServer(w.sandbox.Handler())
	defer site.Close()
	defer outside.Close()
	vars := map[string]string{"KEY": strings.TrimPrefix(w.bearer("izsu", nil, access.Queue, access.ReadVisits)[1], "Bearer ")}
	var last string // the answer before
	ran := 0
	for _, m := range fence.FindAllStringSubmatch(string(raw), -1) {
		switch kind, text := m[1], m[2]; kind {
		case "sh":
			// Somebody who follows the guide takes longer than we do.
			w.deliver()
			w.pass(time.Minute)
			c := parseCurl(t, text, vars)
			c.url = strings.Replace(c.url, "http://127.0.0.1:8080", site.URL, 1)
			c.url = strings.Replace(c.url, "http://127.0.0.1:8090", outside.URL, 1)
			last = c.run(t)
			ran++
			w.deliver()
			if _, phone, ok := strings.Cut(c.url, "inbox.json?to=90"); ok {
				vars["CODE"] = w.code(phone)
				if !strings.Contains(last, vars["CODE"]) {
					t.Errorf("the inbox does not show the code:\n%s", last)
				}
			}
			var got struct {
				Token, State, Code string
				Centres            []struct{ First string }
				Slots              []struct{ Start string }
			}
			if json.Unmarshal([]byte(last), &got) == nil {
				switch {
				case got.State == "held":
					vars["HOLD"] = got.Token
				case got.State == "booked":
					vars["VISIT"], vars["DIGITS"] = got.Token, got.Code
				case got.Token != "" && vars["TOKEN"] == "":
					vars["TOKEN"] = got.Token
				case len(got.Centres) > 0 && got.Centres[0].First != "":
					vars["DAY"] = got.Centres[0].First[:10]
				case len(got.Slots) > 0:
					vars["START"] = got.Slots[0].Start
				}
			}
		case "json":
			var got, want any
			if err := json.Unmarshal([]byte(text), &want); err != nil {
				t.Errorf("the guide shows broken JSON: %v\n%s", err, text)
			}
			if err := json.Unmarshal([]byte(last), &got); err != nil {
				t.Errorf("the answer is no JSON: %v\n%s", err, last)
			}
			if why := differs(got, want); why != "" {
				t.Errorf("the guide shows\n%sbut%s in\n%s", text, why, last)
			}
		default:
			t.Errorf("a block of kind %q: the test knows sh and json", kind)
		}
	}
	if ran < 15 {
		t.Errorf("examples run: got %d, want at least 15", ran)
	}
}

// differs says where got lacks what want has. "…" stands for anything; a list
// may go on.
func differs(got, want any) string {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return " it is no object"
		}
		for name, v := range want {
			if _, ok := g[name]; !ok {
				return fmt.Sprintf(" %s is missing", name)
			}
			if why := differs(g[name], v); why != "" {
				return " " + name + why
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) < len(want) {
			return " the list is shorter"
		}
		for i, v := range want {
			if why := differs(g[i], v); why != "" {
				return fmt.Sprintf(" [%d]%s", i, why)
			}
		}
	default:
		if want != "…" && fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Sprintf(" is %v, not %v", got, want)
		}
	}
	return ""
}

// curl is a call as the guide writes it.
type curl struct {
	url, body string
	header    http.Header
}

// parseCurl reads a curl command as a shell would, as far as the guide goes:
// words, both quotes, line ends with a backslash, variables; -s, -H and -d.
func parseCurl(t *testing.T, text string, vars map[string]string) curl {
	t.Helper()
	text = strings.ReplaceAll(strings.TrimSpace(text), "\\\n", " ")
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\n':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	words = append(words, word.String())
	c := curl{header: http.Header{}}
	if words[0] != "curl" {
		t.Fatalf("not a curl command: %s", text)
	}
	fill := func(s string) string {
		for name, v := range vars {
			s = strings.ReplaceAll(s, "$"+name, v)
		}
		if strings.Contains(s, "$") {
			t.Fatalf("a variable nobody set: %s", s)
		}
		return s
	}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-s":
		case "-H":
			i++
			name, v, _ := strings.Cut(words[i], ":")
			c.header.Set(name, fill(strings.TrimSpace(v)))
		case "-d":
			i++
			c.body = fill(words[i])
		default:
			if strings.HasPrefix(words[i], "-") || c.url != "" {
				t.Fatalf("the test does not know %q in: %s", words[i], text)
			}
			c.url = fill(words[i])
		}
	}
	return c
}

func (c curl) run(t *testing.T) string {
	t.Helper()
	method := http.MethodGet
	if c.body != "" {
		method = http.MethodPost
	}
	r, err := http.NewRequest(method, c.url, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = c.header
	client := &http.Client{Timeout: 20 * time.Second}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode >= 500 {
		t.Errorf("%s: status %d\n%s", c.url, resp.StatusCode, b)
	}
	return string(b)
}
