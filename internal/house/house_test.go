package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is one parsed Go file.
type source struct {
	path string // from the root, with slashes
	dir  string
	fset *token.FileSet
	file *ast.File
}

func (s source) test() bool      { return strings.HasSuffix(s.path, "_test.go") }
func (s source) generated() bool { return ast.IsGenerated(s.file) }

func (s source) at(p token.Pos) string {
	at := s.fset.Position(p)
	return s.path + ":" + strconv.Itoa(at.Line)
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		t.Fatalf("go.mod: got %v, want it two folders up", err)
	}
	return dir
}

// files calls f for every file of the tree that is ours, by its path from the
// root.
func files(t *testing.T, f func(name string, read func() []byte)) {
	t.Helper()
	dir := os.DirFS(root(t))
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // a file that another test made and took away again
		}
		if d.IsDir() {
			if n := d.Name(); name != "." && (strings.HasPrefix(n, ".") && n != ".ci" || slices.Contains([]string{"node_modules", "bin", "dist", "out", "turnike-data", "turnike-data-keys"}, n)) {
				return fs.SkipDir
			}
			return nil
		}
		f(name, func() []byte {
			b, err := fs.ReadFile(dir, name)
			if err != nil {
				return nil
			}
			return b
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	files(t, func(name string, read func() []byte) {
		if !strings.HasSuffix(name, ".go") {
			return
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, read(), parser.ParseComments)
		if err != nil {
			t.Errorf("%s: got %v, want Go", name, err)
			return
		}
		all = append(all, source{name, path.Dir(name), fset, f})
	})
	if len(all) < 100 {
		t.Fatalf("found %d Go files, want the whole tree", len(all))
	}
	return all
}

// under tells whether an import or folder is p or lies below it. A p that ends
// in a slash holds what begins with it.
func under(name, p string) bool {
	return name == p || strings.HasPrefix(name, strings.TrimSuffix(p, "/")+"/")
}

// floorOf is where each part of the house stands. Imports point down or stay on
// their floor; a new folder is given its place here.
var floorOf = map[string]int{
	"statuslist": 0, "gate": 0, // public: a validator maker takes them home
	"internal/fault": 0, "internal/i18n": 0, "internal/house": 0,

	"internal/city": 1, "internal/person": 1, "internal/card": 1, "internal/access": 1, "internal/audit": 1, "internal/notify": 1,
	"internal/pairing": 1, "internal/health": 1, "internal/tap": 1, "internal/campaign": 1, "internal/booking": 1, "internal/stats": 1, "internal/report": 1,

	"internal/storage": 2, "internal/vault": 2, "internal/outbox": 2, "internal/publish": 2, "internal/peer": 2, "internal/sms": 2,
	"internal/authority": 2, "internal/admit": 2, "internal/web": 2, "internal/api": 2, "internal/sandbox": 2, "internal/bench": 2,
	"internal/rehearse": 2, "internal/gatedoor": 2, "internal/hook": 2,

	"internal/app": 3, "internal/demo": 3,
	"cmd": 4, "test": 4,
}

// clearOf is what a part stays clear of, with why.
var clearOf = []struct {
	part string
	of   []string
	why  string
}{
	{"statuslist", []string{"net/http", "net", "database/", "turnike/internal/", "turnike/gate"}, "it runs inside other makers' validators, which have no server"},
	{"gate", []string{"net/http", "net", "database/", "turnike/internal/"}, "a turnstile decides with the city gone; only gate/agent speaks to it"},
	{"internal/fault", []string{"turnike/", "net/http", "database/"}, "everybody uses it"},
	{"internal/i18n", []string{"turnike/", "net/http", "database/"}, "everybody uses it"},
	{"internal/city", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/person", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/access", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/card", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/audit", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/notify", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/pairing", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/health", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/tap", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/report", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/campaign", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/booking", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/stats", []string{"net/http", "database/"}, "rules read without knowing that HTTP or SQL exist"},
	{"internal/storage", []string{"net/http", "turnike/internal/web", "turnike/internal/api"}, "a row knows nothing of the page it is shown on"},
	{"internal/web", []string{"database/", "turnike/internal/storage", "turnike/internal/vault", "turnike/internal/api"}, "a page that reads the database goes round every rule"},
	{"internal/api", []string{"database/", "turnike/internal/storage", "turnike/internal/vault", "turnike/internal/web"}, "a handler that reads the database goes round every rule"},
	{"internal/vault", []string{"net/http", "turnike/internal/web", "turnike/internal/api"}, "keys do not speak HTTP"},
	{"internal/sms", []string{"database/", "turnike/internal/storage", "turnike/internal/pairing"}, "a gateway's driver knows messages, not why they are sent"},
	{"internal/authority", []string{"database/", "turnike/internal/storage", "turnike/internal/pairing"}, "an authority's client asks and reads, and decides nothing"},
	{"internal/sandbox", []string{"database/", "turnike/internal/storage", "turnike/internal/pairing", "turnike/internal/app"}, "the outside world must not know the product from within"},
}

// speaksHTTP are folders inside a part that is clear of the network otherwise.
var speaksHTTP = []string{"gate/agent"}

func TestFloors(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue // tests may stand outside and look in
		}
		mine, ok := floor(s.dir)
		if !ok {
			t.Errorf("%s: the folder has no floor; say in floorOf where it stands", s.path)
			continue
		}
		for _, im := range s.file.Imports {
			name, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if dir, ours := strings.CutPrefix(name, "turnike/"); ours {
				theirs, ok := floor(dir)
				if !ok || theirs > mine {
					t.Errorf("%s imports %s: got floor %d over %d, want imports to point down", s.path, name, theirs, mine)
				}
			}
			public := under(s.dir, "statuslist") || under(s.dir, "gate")
			if public && strings.Contains(strings.SplitN(name, "/", 2)[0], ".") {
				t.Errorf("%s imports %s, want the standard library alone: others build it into their devices", s.path, name)
			}
			for _, c := range clearOf {
				if !under(s.dir, c.part) || slices.ContainsFunc(speaksHTTP, func(p string) bool { return under(s.dir, p) }) && under(name, "net") {
					continue
				}
				for _, of := range c.of {
					if under(name, of) {
						t.Errorf("%s imports %s, want %s clear of it: %s", s.path, name, c.part, c.why)
					}
				}
			}
		}
	}
}

func floor(dir string) (int, bool) {
	for p := dir; p != "."; p = path.Dir(p) {
		if f, ok := floorOf[p]; ok {
			return f, true
		}
	}
	return 0, false
}

// TestPackageComments: a newcomer finds one paragraph, in one place.
func TestPackageComments(t *testing.T) {
	said := map[string][]string{}
	for _, s := range sources(t) {
		if s.test() || s.generated() {
			continue
		}
		if _, ok := said[s.dir]; !ok {
			said[s.dir] = nil
		}
		if s.file.Doc != nil && strings.TrimSpace(s.file.Doc.Text()) != "" {
			said[s.dir] = append(said[s.dir], s.path)
		}
	}
	for dir, by := range said {
		if len(by) != 1 {
			t.Errorf("%s: got %d package comments %q, want exactly one", dir, len(by), by)
		}
	}
}

// mutable are the package variables that hold something that changes, with why
// they may.
var mutable = map[string]string{
	"internal/web/assets.sheets": "each sheet is made once and never changes after",
	"internal/web/httpx.zips":    "a pool of compressors; what one request leaves in it no other can see",
}

// stateful are types whose values exist to change.
var stateful = regexp.MustCompile(`^(sync\.(Mutex|RWMutex|Map|Pool|WaitGroup|Once)|atomic\.\w+)$`)

// TestNothingGlobalChanges: no init, and no package variable that is assigned
// to, counted up, deleted from or made to hold state.
func TestNothingGlobalChanges(t *testing.T) {
	all := sources(t)
	vars := map[string]map[string]bool{} // by folder
	for _, s := range all {
		if s.test() {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init() runs before anybody asked for it; build it in app", s.at(f.Pos()))
			}
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, sp := range g.Specs {
				v := sp.(*ast.ValueSpec)
				for i, n := range v.Names {
					if vars[s.dir] == nil {
						vars[s.dir] = map[string]bool{}
					}
					vars[s.dir][n.Name] = true
					kind := text(v.Type)
					if kind == "" && i < len(v.Values) {
						if lit, ok := v.Values[i].(*ast.CompositeLit); ok {
							kind = text(lit.Type)
						}
					}
					if stateful.MatchString(kind) && mutable[s.dir+"."+n.Name] == "" {
						t.Errorf("%s: %s is a package variable that holds state (%s)", s.at(n.Pos()), n.Name, kind)
					}
				}
			}
		}
	}
	for _, s := range all {
		if s.test() {
			continue
		}
		// A name is the package's where the file resolves it to nothing nearer.
		global := func(e ast.Expr) *ast.Ident {
			for {
				switch x := e.(type) {
				case *ast.IndexExpr:
					e = x.X
				case *ast.SelectorExpr:
					e = x.X
				case *ast.ParenExpr:
					e = x.X
				case *ast.StarExpr:
					e = x.X
				case *ast.Ident:
					if x.Name == "_" || !vars[s.dir][x.Name] {
						return nil
					}
					if x.Obj != nil {
						if _, ok := x.Obj.Decl.(*ast.ValueSpec); !ok || s.file.Scope.Lookup(x.Name) != x.Obj {
							return nil
						}
					}
					return x
				default:
					return nil
				}
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			var to []ast.Expr
			switch x := n.(type) {
			case *ast.AssignStmt:
				if x.Tok != token.DEFINE {
					to = x.Lhs
				}
			case *ast.IncDecStmt:
				to = []ast.Expr{x.X}
			case *ast.CallExpr:
				if f, ok := x.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(x.Args) > 0 {
					to = x.Args[:1]
				}
			}
			for _, e := range to {
				if v := global(e); v != nil && mutable[s.dir+"."+v.Name] == "" {
					t.Errorf("%s: changes the package variable %s; carry it in a struct", s.at(v.Pos()), v.Name)
				}
			}
			return true
		})
	}
}

// text is a type as written, for the simple ones.
func text(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return text(x.X) + "." + x.Sel.Name
	}
	return ""
}

// speaks are the places outside the catalogues that hold Turkish or Arabic
// words, with why.
var speaks = map[string]string{
	"internal/city/district.go":      "names of districts",
	"internal/city/province.go":      "names of provinces",
	"internal/i18n":                  "how languages write dates, months and their own names",
	"internal/pairing/text.go":       "letters that cost a text message more",
	"internal/sms/gsm.go":            "the alphabets of text messages",
	"internal/sandbox":               "made-up people, and what other companies' services answer",
	"internal/rehearse/ridership.go": "names of districts in a published table",
	"internal/rehearse/places.go":    "letters folded for that table's spelling",
	"internal/demo/check.go":         "a made-up person who fills forms in",
	"internal/app/routes.go":         "said in all three languages at once, before any page can be made",
	"internal/web/guide":             "the guide of parts shows them with sample words",
	"internal/storage/storagetest":   "sample names",
	"internal/api/document.go":       "examples in the machine-readable description",
	"internal/api/visit_example.go":  "examples in the machine-readable description",
	"internal/api/city.go":           "examples in the machine-readable description",
	"cmd/turnike/demo.go":            "the name of a city in a flag's help, which is English",
	"test/browser/server/main.go":    "a made-up person",
	"internal/bench/pair/pair.go":    "made-up people",
	"gate/conform":                   "names of sample cities",
	"internal/demo/centre.go":        "names of made-up people",
	"test/browser/desk/main.go":      "names of made-up people",
	"internal/booking/network.go":    "names of service centres",
}

// ours are letters that English, and so code, does not need.
var ours = regexp.MustCompile(`[çğıİöşüÇĞÖŞÜ\x{0600}-\x{06FF}]`)

// TestSentencesStandInCatalogues looks for words for people in Go and, as
// templ compiles them, in templates.
func TestSentencesStandInCatalogues(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || allowed(speaks, s.path) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if v, err := strconv.Unquote(lit.Value); err == nil && ours.MatchString(v) {
				t.Errorf("%s: %q is Turkish or Arabic in code; give it a key in the catalogues", s.at(lit.Pos()), v)
			}
			return true
		})
		if strings.HasSuffix(s.path, "_templ.go") {
			for _, words := range wordsOf(s) {
				t.Errorf("%s: %q stands in the template; give it a key in the catalogues", s.path, words)
			}
		}
	}
}

var (
	tag      = regexp.MustCompile(`(?s)<(style|script)[^>]*>.*?</(style|script)>|<[^>]*>`)
	sentence = regexp.MustCompile(`\pL{2,}[ ,]+\pL{2,}`)
)

// wordsOf finds text of two words or more between a compiled template's tags.
func wordsOf(s source) []string {
	var page strings.Builder
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || f.Sel.Name != "WriteString" {
			return true
		}
		if lit, ok := call.Args[len(call.Args)-1].(*ast.BasicLit); ok {
			v, err := strconv.Unquote(lit.Value)
			if err == nil {
				page.WriteString(v)
			}
		} else {
			page.WriteByte('\x01') // a value
		}
		return true
	})
	return sentence.FindAllString(tag.ReplaceAllString(page.String(), "\x02"), -1)
}

func TestTemplateWordsAreFound(t *testing.T) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x_templ.go", `package x
func f() { r.WriteString(b, 1, "<p title=\"two words\" class=\""); b.WriteString(v); r.WriteString(b, 2, "\">Pair your card <b>") }`, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := wordsOf(source{"x_templ.go", "x", fset, f})
	if want := []string{"Pair your"}; !slices.Equal(got, want) {
		t.Errorf("words of a template: got %q, want %q", got, want)
	}
}

// allowed tells whether a file, or a folder above it, is in a list.
func allowed(list map[string]string, name string) bool {
	for p := name; p != "."; p = path.Dir(p) {
		if list[p] != "" {
			return true
		}
	}
	return false
}

// reveals are the packages that may give personal data up, with what for. All
// others hold what masks itself.
var reveals = map[string]string{
	"internal/person":      "defines it",
	"internal/card":        "defines it",
	"internal/health":      "defines it",
	"internal/city":        "looks a card number up in the issued ranges",
	"internal/pairing":     "seals, tags and compares",
	"internal/notify":      "tags the number that a code is sent to",
	"internal/booking":     "seals who comes to an appointment, and tags their phone",
	"internal/access":      "seals the names and phones of those who work here",
	"internal/authority":   "asks the register and the ministry",
	"internal/report":      "names a card's holder to the interior ministry, sealed to its key",
	"internal/sms":         "tells the gateway where to send",
	"internal/sandbox":     "makes people up",
	"internal/demo":        "fills forms in for made-up people",
	"internal/bench":       "seals made-up people and reads their codes",
	"internal/web/call":    "shows an agent who comes, once that is written down",
	"internal/web/counter": "shows a clerk who comes, once that is written down",
	"test":                 "stands in for the outside world",
}

func TestWhoReveals(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || !strings.HasPrefix(sel.Sel.Name, "Reveal") {
				return true
			}
			if !allowed(reveals, s.dir) {
				t.Errorf("%s: %s gives personal data up outside the packages that may; write in reveals what for, or do without", s.at(sel.Pos()), sel.Sel.Name)
			}
			used[s.dir] = true
			return true
		})
	}
	if len(used) == 0 {
		t.Error("nothing reveals anything, want the search to find those who do")
	}
}

// TestNothingOfOneMachine: a clone builds anywhere. Names of module proxies and
// package registries, and paths of the machine somebody worked on, are not in
// it. Checksums of npm's lock file name its own registry and nobody else's.
func TestNothingOfOneMachine(t *testing.T) {
	hosts := regexp.MustCompile(`(?i)\b(?:[a-z0-9-]+\.)*(?:jfrog|artifactory|nexus|goproxy|pkg\.dev|verdaccio|npmmirror|devpi)(?:\.[a-z0-9-]+)*\b|(?:GOPROXY|GONOSUMDB|GONOSUMCHECK|GOFLAGS=-insecure)\s*=\s*\S*https?://`)
	paths := regexp.MustCompile(`(?:^|[\s"'=(:` + "`" + `])(/(?:work|home|root|Users|workspace|mnt)/[A-Za-z0-9_.-]+)`)
	files(t, func(name string, read func() []byte) {
		if name == "internal/house/house_test.go" || !plain(name) {
			return
		}
		b := read()
		if m := hosts.Find(b); m != nil {
			t.Errorf("%s: names a registry: %q", name, m)
		}
		if m := paths.FindSubmatch(b); m != nil {
			t.Errorf("%s: names a path of one machine: %q", name, m[1])
		}
	})
}

// plain tells files of text by their names.
func plain(name string) bool {
	switch path.Base(name) {
	case "Makefile", "LICENSE", "run", "go.sum":
		return true
	}
	switch path.Ext(name) {
	case ".go", ".templ", ".md", ".toml", ".sql", ".sh", ".mjs", ".js", ".json", ".yaml", ".yml", ".scss", ".css", ".mod", ".html", ".txt", ".service", ".svg":
		return !strings.Contains(name, "/vectors/") && !strings.Contains(name, "/testdata/")
	}
	return false
}

// TestFilesStaySmall: what a person reads in one sitting. Generated files are
// not read.
func TestFilesStaySmall(t *testing.T) {
	for _, s := range sources(t) {
		if s.generated() || s.test() || under(s.dir, "internal/storage/storagetest") {
			continue
		}
		if n := s.fset.File(s.file.Pos()).LineCount(); n > 720 {
			t.Errorf("%s: got %d lines, want at most 720: split it by what it says", s.path, n)
		}
	}
}

// TestNothingLeftForLater: no stub, no test that does not run.
func TestNothingLeftForLater(t *testing.T) {
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	for _, s := range sources(t) {
		if s.path == "internal/house/house_test.go" || s.generated() {
			continue
		}
		for _, g := range s.file.Comments {
			if m := later.FindString(g.Text()); m != "" {
				t.Errorf("%s: %s; do it or open an issue", s.at(g.Pos()), m)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && (sel.Sel.Name == "Skip" || sel.Sel.Name == "SkipNow" || sel.Sel.Name == "Skipf") && text(sel.X) == "t" {
				t.Errorf("%s: a test that skips proves nothing", s.at(sel.Pos()))
			}
			return true
		})
	}
}
