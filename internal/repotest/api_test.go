package repotest

import (
	"flag"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the exported API to testdata/api")

// stable are the packages whose exported API is a promise, by folder.
var stable = []string{
	"runner", "runner/exacth2", "runner/runnertest", "histogram", "telemetry", "telemetry/names", "telemetry/sampling", "console",
	"durable", "durable/sqlite", "durable/postgres", "durable/pgsql", "integrations/otelsetup",
}

// TestTheExportedAPIChangesOnlyOnPurpose compares the API with files that a reviewer sees. If the change
// is meant, write them anew with
//
//	go test ./internal/repotest -run TheExportedAPI -update
//
// and say in CHANGELOG.md what users must do.
func TestTheExportedAPIChangesOnlyOnPurpose(t *testing.T) {
	for _, folder := range stable {
		golden := filepath.Join("testdata", "api", strings.ReplaceAll(folder, "/", "_")+".txt")
		api := exportedAPI(t, folder)
		if *update {
			require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
			require.NoError(t, os.WriteFile(golden, []byte(strings.Join(api, "\n")+"\n"), 0o644))
			continue
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		gone, added := differ(strings.Split(strings.TrimSpace(string(want)), "\n"), api)
		require.Empty(t, append(gone, added...), "the API of %s has changed: run this test with -update if it should, and note it in CHANGELOG.md", folder)
	}
}

// differ returns the lines that only a has, and those that only b has.
func differ(a, b []string) (gone, added []string) {
	for _, line := range a {
		if !slices.Contains(b, line) {
			gone = append(gone, "- "+line)
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			added = append(added, "+ "+line)
		}
	}
	return gone, added
}

// parsePackage parses the files of a package that are no tests, for any system.
func parsePackage(t *testing.T, folder string, mode parser.Mode) (*token.FileSet, []*ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	names, err := filepath.Glob(filepath.Join(root(t), folder, "*.go"))
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			f, err := parser.ParseFile(fset, name, nil, mode)
			require.NoError(t, err)
			files = append(files, f)
		}
	}
	require.NotEmpty(t, files)
	return fset, files
}

// exportedAPI lists the exported declarations of a package, one a line, as they are written but without
// comments: constants, variables, functions, types with their exported fields, and methods.
func exportedAPI(t *testing.T, folder string) (lines []string) {
	t.Helper()
	fset, files := parsePackage(t, folder, parser.SkipObjectResolution)
	print := func(node any) string {
		var text strings.Builder
		require.NoError(t, (&printer.Config{Mode: printer.RawFormat}).Fprint(&text, fset, node))
		return strings.Join(strings.Fields(text.String()), " ")
	}
	for _, f := range files {
		if !ast.FileExports(f) { // it also drops fields, methods and specs that are not exported
			continue
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				d.Body = nil
				lines = append(lines, print(d))
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						lines = append(lines, typeLines(spec, print)...)
					case *ast.ValueSpec:
						lines = append(lines, valueLines(d.Tok, spec, print)...)
					}
				}
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines) // the same function for several systems
}

// typeLines has a line of its own for each field and method of a type.
func typeLines(spec *ast.TypeSpec, print func(any) string) (lines []string) {
	name := "type " + spec.Name.Name
	fields := func(kind string, list *ast.FieldList) {
		lines = append(lines, name+" "+kind)
		for _, f := range list.List {
			for _, ident := range f.Names {
				lines = append(lines, name+" "+kind+", "+ident.Name+" "+print(f.Type))
			}
			if len(f.Names) == 0 {
				lines = append(lines, name+" "+kind+", "+print(f.Type))
			}
		}
	}
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		fields("struct", typ.Fields)
	case *ast.InterfaceType:
		fields("interface", typ.Methods)
	default:
		lines = append(lines, "type "+print(spec))
	}
	return lines
}

// valueLines has names and types. The values of constants are those of names, which other tests hold.
func valueLines(tok token.Token, spec *ast.ValueSpec, print func(any) string) (lines []string) {
	for _, name := range spec.Names {
		if !name.IsExported() {
			continue
		}
		line := tok.String() + " " + name.Name
		if spec.Type != nil {
			line += " " + print(spec.Type)
		}
		lines = append(lines, line)
	}
	return lines
}

// Each function and type that a user begins with has an example, which go test runs.
func TestEveryEntryPointHasAnExample(t *testing.T) {
	for _, folder := range []string{"runner", "telemetry", "console", "runner/runnertest"} {
		_, files := parsePackage(t, folder, parser.ParseComments)
		var tests []*ast.File
		names, err := filepath.Glob(filepath.Join(root(t), folder, "*_test.go"))
		require.NoError(t, err)
		for _, name := range names {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			require.NoError(t, err)
			tests = append(tests, f)
		}
		has := make(map[string]bool)
		for _, e := range doc.Examples(tests...) {
			name, _, _ := strings.Cut(e.Name, "_")
			has[name] = true
			has[e.Name] = true
		}
		for _, f := range files {
			for _, d := range f.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || !f.Name.IsExported() || f.Recv != nil && !ast.IsExported(receiver(f)) {
					continue
				}
				name := f.Name.Name
				if f.Recv != nil {
					if receiver(f) != "Runner" || folder != "runner" { // of others the example of the type is enough
						continue
					}
					name = "Runner_" + name
				}
				if !has[name] {
					t.Errorf("%s.%s has no example", folder, strings.Replace(name, "_", ".", 1))
				}
			}
		}
	}
}
