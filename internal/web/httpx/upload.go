package httpx

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"turnike/internal/i18n"
)

// MaxUpload is how much a form with a file may carry, in bytes: a spreadsheet
// of a year's weeks is a tenth of it.
const MaxUpload = 1 << 20

// bodyLimit is how much a request may carry. Only Upload reads forms with a
// file; every other handler refuses them.
func bodyLimit(r *http.Request) int64 {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
		return MaxUpload
	}
	return MaxBody
}

// Upload reads a posted form with a file, which is held in memory and nowhere
// else. Otherwise it is as Form; file is empty where none was chosen.
func (s *Site) Upload(w http.ResponseWriter, r *http.Request, field string) (f Form, file []byte, _ *http.Request, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return Form{}, nil, r, ErrUnsupported
	}
	f.values = url.Values{}
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Form{}, nil, r, tooLargeOr(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return Form{}, nil, r, tooLargeOr(err)
		}
		if p.FormName() == field {
			file = b
			continue
		}
		if len(b) > MaxBody || !utf8.Valid(b) || strings.ContainsRune(string(b), 0) {
			return Form{}, nil, r, ErrBroken
		}
		f.values.Add(p.FormName(), string(b))
	}
	if l, ok := i18n.Known(f.Get("_lang")); ok {
		f.Switch = true
		s.keepLanguage(w, l)
		r = withLang(r, l)
	}
	return f, file, r, nil
}

func tooLargeOr(err error) error {
	if strings.Contains(err.Error(), "too large") {
		return ErrTooLarge
	}
	return ErrBroken
}
