package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bubbleMark in a function's comment says that only bubbles call it.
const bubbleMark = "in a bubble only"

// A test that waits for real time to pass is slow when it passes and flaky
// when it matters. On a synctest bubble's fake time a sleep is instant and
// exact.
func TestTestsSleepOnlyOnFakeTime(t *testing.T) {
	for _, file := range tracked(t, ".go") {
		if strings.HasSuffix(file, "_test.go") {
			for _, where := range realSleeps(t, file, read(t, file)) {
				t.Errorf("%s: sleeps on real time: use testing/synctest, a channel, or require.Eventually; "+
					"a function that only bubbles call says %q in its comment", where, bubbleMark)
			}
		}
	}
}

// realSleeps says where a file calls time.Sleep, or receives from time.After
// with nothing else to wait for: in a select that is a limit, and allowed. What
// it does not look into are function literals that synctest.Test is given, and
// functions with the mark.
func realSleeps(t *testing.T, file, src string) (found []string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	allowed := make(map[ast.Node]bool)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			words := strings.Join(strings.Fields(n.Doc.Text()), " ") // the mark may be on two lines
			allowed[n] = strings.Contains(words, bubbleMark)
		case *ast.CallExpr:
			if isOf(n.Fun, "synctest", "Test") {
				for _, arg := range n.Args {
					_, literal := arg.(*ast.FuncLit)
					allowed[arg] = literal
				}
			}
		case *ast.SelectStmt:
			for _, clause := range n.Body.List {
				if c, ok := clause.(*ast.CommClause); ok && c.Comm != nil {
					allowed[c.Comm] = len(n.Body.List) > 1
				}
			}
		case *ast.UnaryExpr:
			if call, ok := n.X.(*ast.CallExpr); ok && n.Op == token.ARROW && isOf(call.Fun, "time", "After") {
				found = append(found, fset.Position(n.Pos()).String())
			}
		case *ast.SelectorExpr:
			if isOf(n, "time", "Sleep") {
				found = append(found, fset.Position(n.Pos()).String())
			}
		}
		return n == nil || !allowed[n]
	})
	return found
}

// isOf reports whether an expression is the name of a package.
func isOf(e ast.Expr, pkg, name string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}

func TestRealSleepsAreFound(t *testing.T) {
	require.Equal(t, []string{"x.go:6:2", "x.go:7:2", "x.go:8:20", "x.go:10:7", "x.go:19:25"}, realSleeps(t, "x.go", `package x

import ("testing"; "testing/synctest"; "time")

func Test(t *testing.T) {
	time.Sleep(1)
	<-time.After(1)
	sleep := func() { time.Sleep(1) }
	select {
	case <-time.After(1):
	}
	select {
	case <-t.Context().Done():
	case <-time.After(1):
	}
	synctest.Test(t, func(t *testing.T) {
		func() { time.Sleep(1); <-time.After(1) }()
	})
	synctest.Test(t, named(time.Sleep))
	sleep()
}

// helper sleeps. It is called in a bubble
// only.
func helper() { time.Sleep(1) }
`))
}
