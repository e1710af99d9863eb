package repotest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// snippet is a block that is ready for the type checker.
type snippet struct {
	block
	files   []*ast.File // the block, and what its document's file in testdata/docs declares
	imports []string
}

// reader makes snippets of blocks.
type reader struct {
	fset     *token.FileSet
	packages map[string]string // by name
}

// givens reads what a block may use without a declaration: of its section, of its document, of all.
func (b block) givens(t *testing.T) (texts []string) {
	t.Helper()
	document := strings.ReplaceAll(b.document, "/", "_")
	for _, name := range []string{document + "." + b.section, document, "default"} {
		text, err := os.ReadFile(filepath.Join("testdata", "docs", name+".go"))
		if !errors.Is(err, os.ErrNotExist) {
			require.NoError(t, err)
			texts = append(texts, string(text))
		}
	}
	return texts
}

// snippet parses a block, and adds the imports that the block names.
func (r reader) snippet(t *testing.T, b block) snippet {
	t.Helper()
	s := snippet{block: b}
	file, err := b.parse(r.fset, "")
	require.NoError(t, err, b.code)
	if b.isProgram() {
		s.files = []*ast.File{file}
		s.imports = slices.Collect(maps.Values(imported(file)))
		return s
	}
	known := declared(file)
	packages := maps.Clone(r.packages)
	hidden := maps.Clone(known) // from the next givens
	for _, text := range b.givens(t) {
		given := r.given(t, text, hidden, packages, &s)
		maps.Copy(known, declared(given))
		maps.Copy(hidden, known)
		s.files = append(s.files, given)
	}
	file, err = b.parse(r.fset, r.importsOf(file, known, packages, &s))
	require.NoError(t, err)
	s.files = append(s.files, file)
	return s
}

// given parses a file of testdata/docs, without what is hidden. Its imports go into packages, and hide names too.
func (r reader) given(t *testing.T, text string, hidden map[string]bool, packages map[string]string, s *snippet) *ast.File {
	t.Helper()
	bare, err := parser.ParseFile(token.NewFileSet(), "", text, 0)
	require.NoError(t, err)
	maps.Copy(packages, imported(bare))
	own := declared(bare)
	maps.Copy(own, hidden)
	for name := range imported(bare) {
		hidden[name] = true
		delete(own, name)
	}
	_, rest, _ := strings.Cut(text, "\npackage p\n")
	if len(bare.Imports) > 0 {
		_, rest, _ = strings.Cut(rest, "\n)\n")
	}
	file, err := parser.ParseFile(r.fset, "", "package p"+r.importsOf(bare, own, packages, s)+"\n"+rest, 0)
	require.NoError(t, err, text)
	without(file, hidden)
	return file
}

// importsOf returns the import lines for the packages that a file names.
func (r reader) importsOf(file *ast.File, known map[string]bool, packages map[string]string, s *snippet) string {
	var lines strings.Builder
	for _, name := range packageNames(file, known) {
		if path := packages[name]; path != "" {
			fmt.Fprintf(&lines, "\nimport %s %q", name, path)
			s.imports = append(s.imports, path)
		}
	}
	return lines.String()
}

// exports finds the compiled packages, and those that they need. It compiles what is not.
func exports(t *testing.T, paths []string) map[string]string {
	t.Helper()
	slices.Sort(paths)
	out, err := command(t, root(t), nil, "go", slices.Concat([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}, tool.BuildFlags(), slices.Compact(paths))...)
	require.NoError(t, err, "a document names a package that no module of go.work requires")
	files := make(map[string]string)
	for line := range strings.Lines(out) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files[path] = file
	}
	return files
}

// check type-checks a snippet. An unused variable of a fragment is no mistake: the rest of the program
// uses it.
func (s snippet) check(fset *token.FileSet, imp types.Importer) (mistakes []error) {
	conf := types.Config{Importer: imp, Error: func(err error) {
		var e types.Error
		if errors.As(err, &e) && e.Soft && !s.isProgram() {
			return
		}
		mistakes = append(mistakes, err)
	}}
	_, _ = conf.Check("p", fset, s.files, nil) // Error has been told
	return mistakes
}

func TestTheGoCodeInTheDocumentsCompiles(t *testing.T) {
	fset := token.NewFileSet()
	packages := packagesByName(t)
	var snippets []snippet
	var paths []string
	for _, document := range tracked(t, ".md") {
		r := reader{fset, packages}
		for _, b := range blocksOf(document, read(t, document)) {
			s := r.snippet(t, b)
			snippets, paths = append(snippets, s), append(paths, s.imports...)
		}
	}
	require.Greater(t, len(snippets), 20)
	files := exports(t, paths)
	imp := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("no package %s", path)
		}
		return os.Open(files[path])
	})
	for _, s := range snippets {
		for _, mistake := range s.check(fset, imp) {
			t.Errorf("%v\nIf the document's other parts declare it, add it to internal/repotest/testdata/docs/%s.go",
				mistake, strings.ReplaceAll(s.document, "/", "_"))
		}
	}
}
