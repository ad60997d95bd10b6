package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"turnike/internal/fault"
	"turnike/internal/i18n"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// pageRoutes serves the document itself, a page that lists what there is, and
// what each type of problem means.
func (s *server) pageRoutes(mux *http.ServeMux, doc *huma.OpenAPI) error {
	// The framework writes its own shape of errors down too; nothing sends it.
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	raw, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("api: write the document: %w", err)
	}
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	ops := operations(doc)
	sum := sha256.Sum256([]byte(pageStyle))
	s.styleHash = "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"

	mux.HandleFunc("GET "+Prefix+"openapi.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(raw) // held back; cannot fail
	})
	draw := func(w http.ResponseWriter, r *http.Request, v pageView) {
		l := i18n.From(r.Context())
		v.Lang, v.Style = l, template.CSS(pageStyle)
		v.Title, v.Lead = i18n.T(l, "api.title"), i18n.T(l, "api.lead")
		v.Document, v.List = i18n.T(l, "api.document"), i18n.T(l, "api.operations")
		var b bytes.Buffer
		if err := page.Execute(&b, v); err != nil {
			s.fail(w, r, fmt.Errorf("draw page: %w", err))
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(b.Bytes())
	}
	mux.HandleFunc("GET "+Prefix+"{$}", func(w http.ResponseWriter, r *http.Request) {
		draw(w, r, pageView{Operations: ops})
	})
	mux.HandleFunc("GET "+Prefix+"problems/{code}", func(w http.ResponseWriter, r *http.Request) {
		code := r.PathValue("code")
		l := i18n.From(r.Context())
		if !i18n.Has(l, "fault."+code) {
			s.fail(w, r, ErrNoPath)
			return
		}
		draw(w, r, pageView{Code: code, Sentence: say(l, &fault.Fault{Code: code})})
	})
	return nil
}

// pageView is what the page shows: the operations, or one problem.
type pageView struct {
	Lang                        i18n.Lang
	Style                       template.CSS
	Title, Lead, Document, List string
	Operations                  []operationRow
	Code                        string
	Sentence                    string
}

type operationRow struct{ Method, Path, Summary string }

func operations(doc *huma.OpenAPI) []operationRow {
	var rows []operationRow
	for path, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op != nil {
				rows = append(rows, operationRow{op.Method, path, op.Summary})
			}
		}
	}
	slices.SortFunc(rows, func(a, b operationRow) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return rows
}
