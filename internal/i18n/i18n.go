// Package i18n holds every sentence the product says to a person, in Turkish,
// English and Arabic, and writes numbers, dates and names the way each of the
// three is written.
//
// Sentences live in locales/<language>/<area>.toml and are asked for by key.
// The three languages are equal: a test holds their keys, plural forms and
// placeholders together, and another finds keys that are used but not written,
// or written but not used. Turkish is the language of the forms people know
// from paper, so it is what we fall back to.
package i18n

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// Lang is one of the languages the product speaks, as its BCP 47 code.
type Lang string

// The languages, in the order a switch offers them.
const (
	Turkish Lang = "tr"
	English Lang = "en"
	Arabic  Lang = "ar"
)

// Langs returns every language, Turkish first.
func Langs() []Lang { return []Lang{Turkish, English, Arabic} }

// Known turns a code such as "en" into its language; ok is false for any other
// text, so a query parameter or a cookie can be given as it came.
func Known(code string) (l Lang, ok bool) {
	switch l := Lang(code); l {
	case Turkish, English, Arabic:
		return l, true
	}
	return Turkish, false
}

// Parse picks the language for a reader: the first of chosen that names one
// (what the person asked for: a button, then a cookie), else the best fit to
// the browser's Accept-Language header, else Turkish.
func Parse(acceptLanguage string, chosen ...string) Lang {
	for _, c := range chosen {
		if l, ok := Known(c); ok {
			return l
		}
	}
	if acceptLanguage == "" {
		return Turkish
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return Turkish
	}
	_, i, confidence := book().matcher.Match(tags...)
	if confidence == language.No {
		return Turkish
	}
	return Langs()[i]
}

// Dir is the value of the HTML dir attribute.
func (l Lang) Dir() string {
	if l == Arabic {
		return "rtl"
	}
	return "ltr"
}

// Name is the language's name in itself, as a switch shows it.
func (l Lang) Name() string {
	switch l {
	case English:
		return "English"
	case Arabic:
		return "العربية"
	}
	return "Türkçe"
}

// Tag is the language with the digits we write: Arabic numbers keep the digits
// 0-9, because card numbers, codes and gate displays do.
func (l Lang) Tag() language.Tag {
	switch l {
	case English:
		return language.English
	case Arabic:
		return language.MustParse("ar-u-nu-latn")
	}
	return language.Turkish
}

type langKey struct{}

// With returns a context whose reader reads l.
func With(ctx context.Context, l Lang) context.Context {
	return context.WithValue(ctx, langKey{}, l)
}

// From is the language of the context's reader; Turkish where none was set.
func From(ctx context.Context) Lang {
	if l, ok := ctx.Value(langKey{}).(Lang); ok {
		return l
	}
	return Turkish
}

// T is the sentence of a key. Placeholders are filled from pairs of a name and
// a value: T(l, "page.title", "Title", title, "Place", city). A key nobody wrote comes
// back in brackets, so that it is seen on the page and in the tests.
func T(l Lang, key string, args ...any) string {
	s, ok := book().text(l, key, nil, args)
	if !ok {
		return "[" + key + "]"
	}
	return s
}

// N is T for a sentence that depends on a count. The count picks the plural
// form and is written into {{.Count}} in the language's own manner.
func N(l Lang, key string, count int, args ...any) string {
	args = append([]any{"Count", l.Number(int64(count))}, args...)
	s, ok := book().text(l, key, count, args)
	if !ok {
		return "[" + key + "]"
	}
	return s
}

// Has reports whether a key has a sentence, for keys that are built from data,
// such as the code of a fault.
func Has(l Lang, key string) bool {
	_, ok := book().texts[l][key]
	return ok
}

//go:embed locales
var files embed.FS

// catalogue is every sentence, read once and never changed after.
type catalogue struct {
	matcher language.Matcher
	bundle  *goi18n.Bundle
	// texts holds each key's "other" form as written. Most sentences have no
	// placeholder and are answered from here without parsing anything.
	texts map[Lang]map[string]string
	says  map[Lang]*goi18n.Localizer
}

// book reads the embedded files the first time a sentence is asked for. They
// are part of the program, so a fault in them is a fault in the program; the
// tests of this package meet it before anyone else does.
var book = sync.OnceValue(func() *catalogue {
	c, err := load(files)
	if err != nil {
		panic(fmt.Errorf("i18n: %w", err))
	}
	return c
})

func load(files fs.FS) (*catalogue, error) {
	c := &catalogue{
		bundle: goi18n.NewBundle(language.Turkish),
		texts:  map[Lang]map[string]string{},
		says:   map[Lang]*goi18n.Localizer{},
	}
	c.bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	var tags []language.Tag
	for _, l := range Langs() {
		tags = append(tags, language.MustParse(string(l)))
		c.texts[l] = map[string]string{}
		c.says[l] = goi18n.NewLocalizer(c.bundle, string(l))
		names, err := fs.Glob(files, path.Join("locales", string(l), "*.toml"))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := c.read(files, l, name); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

func (c *catalogue) read(files fs.FS, l Lang, name string) error {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	messages, err := c.bundle.ParseMessageBytes(language.MustParse(string(l)), raw, toml.Unmarshal)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if _, twice := c.texts[l][m.ID]; twice {
			return fmt.Errorf("%q is written twice", m.ID)
		}
		c.texts[l][m.ID] = m.Other
	}
	return nil
}

// text is the sentence of a key in l, or in Turkish where l lacks it.
func (c *catalogue) text(l Lang, key string, count any, args []any) (string, bool) {
	plain, ok := c.texts[l][key]
	if !ok {
		if l == Turkish {
			return "", false
		}
		return c.text(Turkish, key, count, args)
	}
	if count == nil && !strings.Contains(plain, "{{") {
		return plain, true
	}
	values := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			values[name] = args[i+1]
		}
	}
	s, err := c.says[l].Localize(&goi18n.LocalizeConfig{MessageID: key, PluralCount: count, TemplateData: values})
	if err != nil {
		return plain, true
	}
	return s, true
}
