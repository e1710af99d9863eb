package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A test that sleeps on real time is slow when it passes and flaky when it
// matters. On a synctest bubble's fake time a sleep is instant and exact, so
// files that use bubbles may call time.Sleep.
func TestTestsSleepOnlyOnFakeTime(t *testing.T) {
	for _, file := range tracked(t, ".go") {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		src := read(t, file)
		if !strings.Contains(src, "time.Sleep") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, filepath.Join(root(t), file), src, parser.SkipObjectResolution)
		require.NoError(t, err)
		if imports(f, "testing/synctest") {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" {
					t.Errorf("%s: sleeps on real time: use testing/synctest, a channel, or require.Eventually", fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

func imports(f *ast.File, path string) bool {
	for _, spec := range f.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil && p == path {
			return true
		}
	}
	return false
}
