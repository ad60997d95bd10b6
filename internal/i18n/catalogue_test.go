package i18n

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// forms are the plural forms CLDR gives each language; a counted sentence has
// to be written in all of them.
var forms = map[Lang][]string{
	Turkish: {"one", "other"},
	English: {"one", "other"},
	Arabic:  {"few", "many", "one", "other", "two", "zero"},
}

// written reads the catalogue files as plainly as possible, without the code
// under test.
func written(t *testing.T, l Lang) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	names, err := filepath.Glob(filepath.Join("locales", string(l), "*.toml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: no catalogue files: %v", l, err)
	}
	for _, name := range names {
		var file map[string]any
		if _, err := toml.DecodeFile(name, &file); err != nil {
			t.Fatal(err)
		}
		for key, v := range file {
			switch v := v.(type) {
			case string:
				all[key] = map[string]string{"other": v}
			case map[string]any:
				all[key] = map[string]string{}
				for form, text := range v {
					s, ok := text.(string)
					if !ok {
						t.Fatalf("%s: %s.%s is not a text: write keys flat and quoted", name, key, form)
					}
					all[key][form] = s
				}
			default:
				t.Fatalf("%s: %s is a %T", name, key, v)
			}
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`\.([A-Za-z]\w*)\b`)
var action = regexp.MustCompile(`\{\{[^}]*\}\}`)

// places are the values a sentence needs, sorted.
func places(s string) []string {
	names := map[string]bool{}
	for _, a := range action.FindAllString(s, -1) {
		for _, m := range placeholder.FindAllStringSubmatch(a, -1) {
			names[m[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func TestCataloguesAreEqual(t *testing.T) {
	turkish := written(t, Turkish)
	for _, l := range Langs() {
		texts := written(t, l)
		for key := range texts {
			if _, ok := turkish[key]; !ok {
				t.Errorf("%s: %q has no Turkish", l, key)
			}
		}
		for key, want := range turkish {
			got, ok := texts[key]
			if !ok {
				t.Errorf("%s: %q is missing", l, key)
				continue
			}
			if counted := len(want) > 1; counted {
				if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, forms[l]) {
					t.Errorf("%s: %q has plural forms %v, want %v", l, key, have, forms[l])
				}
			} else if len(got) > 1 {
				t.Errorf("%s: %q is counted, in Turkish it is not", l, key)
			}
			for form, text := range got {
				if strings.TrimSpace(text) == "" && key != "span.join" {
					t.Errorf("%s: %q (%s) is empty", l, key, form)
				}
				// "one" and "two" may say the number in a word.
				if form == "one" || form == "two" {
					continue
				}
				if g, w := places(text), places(want["other"]); !slices.Equal(g, w) {
					t.Errorf("%s: %q (%s) has placeholders %v, Turkish has %v", l, key, form, g, w)
				}
			}
		}
	}
}

// asPrinted reports a key whose text is what stands on Turkish paper or is to be
// typed letter by letter: the same in every language.
func asPrinted(key string) bool {
	return strings.HasSuffix(key, ".term") || strings.HasSuffix(key, ".example")
}

func TestPrintedWordsStayTurkish(t *testing.T) {
	turkish := written(t, Turkish)
	for _, l := range []Lang{English, Arabic} {
		for key, texts := range written(t, l) {
			if asPrinted(key) && texts["other"] != turkish[key]["other"] {
				t.Errorf("%s: %q is %q, on paper it is %q", l, key, texts["other"], turkish[key]["other"])
			}
		}
	}
}

// TestArabicIsArabic catches a sentence pasted into the wrong file.
func TestArabicIsArabic(t *testing.T) {
	arabic := regexp.MustCompile(`\p{Arabic}`)
	for key, texts := range written(t, Arabic) {
		if asPrinted(key) {
			continue
		}
		for form, s := range texts {
			if !arabic.MatchString(action.ReplaceAllString(s, "")) && regexp.MustCompile(`\p{L}{3}`).MatchString(action.ReplaceAllString(s, "")) {
				t.Errorf("ar: %q (%s) has no Arabic letter: %q", key, form, s)
			}
		}
	}
}

// TestArabicKeepsDigitsInOrder: groups of digits with blanks between them change
// places in right-to-left text unless they are isolated (U+2066 ... U+2069).
func TestArabicKeepsDigitsInOrder(t *testing.T) {
	isolated, groups := regexp.MustCompile(`\x{2066}[^\x{2069}]*\x{2069}`), regexp.MustCompile(`\d \d`)
	for key, texts := range written(t, Arabic) {
		for form, s := range texts {
			if !asPrinted(key) && groups.MatchString(isolated.ReplaceAllString(s, "")) {
				t.Errorf("ar: %q (%s): digits in %q would be read in the wrong order", key, form, s)
			}
		}
	}
}

// A key in source: quoted, lower case, at least one dot. A key that is put
// together ends in a dot before the closing quote and vouches for all below.
var (
	asked    = regexp.MustCompile(`\b[TN]\((?:[\w.()]+), "([a-z0-9_.]+)"`)
	built    = regexp.MustCompile(`"([a-z0-9_]+(?:\.[a-z0-9_]+)*\.)"`)
	literal  = regexp.MustCompile(`"([a-z0-9_]+(?:\.[a-z0-9_]+)+)"`)
	newFault = regexp.MustCompile(`fault\.New\(fault\.\w+, "([a-z0-9_.]+)"`)
)

// TestKeysInSource reads the product's own sources: every key asked for is
// written, every fault has its sentence, every sentence is used by somebody.
func TestKeysInSource(t *testing.T) {
	turkish := written(t, Turkish)
	used := map[string]bool{}
	var prefixes []string
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if n := e.Name(); n == "node_modules" || n == ".git" || n == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		source := strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".templ") || strings.HasSuffix(path, ".toml") && strings.Contains(path, "profiles")
		if !source || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_templ.go") {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(raw)
		for _, m := range asked.FindAllStringSubmatch(text, -1) {
			if _, ok := turkish[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
				t.Errorf("%s asks for %q, which is not written", path, m[1])
			}
		}
		for _, m := range newFault.FindAllStringSubmatch(text, -1) {
			used["fault."+m[1]] = true
			if _, ok := turkish["fault."+m[1]]; !ok {
				t.Errorf("%s: the fault %q has no sentence: write \"fault.%s\" in locales/*/fault.toml", path, m[1], m[1])
			}
		}
		for _, m := range literal.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
		for _, m := range built.FindAllStringSubmatch(text, -1) {
			if m[1] != "fault." { // faults are held one by one, above
				prefixes = append(prefixes, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range turkish {
		if used[key] || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) }) {
			continue
		}
		t.Errorf("%q is written and nobody uses it", key)
	}
}
