package console

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write JSON.md")

// jsonPages are the types of the pages, by the last part of the address.
var jsonPages = []struct {
	address, of string
}{
	{"overview.json", "Overview"},
	{"callback.json?runner=…&callback=…", "CallbackPage"},
	{"running.json", "RunningPage"},
	{"run.json?runner=…&id=…", "RunPage"},
	{"failures.json", "FailuresPage"},
	{"failure.json?id=…", "FailurePage"},
	{"left.json", "LeftPage"},
	{"drains.json", "DrainsPage"},
	{"durable.json", "DurablePage"},
	{"letters.json?queue=…&group=…", "LettersPage"},
}

const jsonHead = `<!-- Written by the tests of package console with -update. DO NOT EDIT. -->

# The console as JSON

Each page has a JSON form, with the same figures and the same filters: add ` + "`.json`" + ` to the last part of its address. Durations are in seconds
(` + "`_seconds`" + `), except ` + "`age_ns`" + `; times are RFC 3339. A field may be missing if it is empty. Fields may be added. Every page has the fields of *Head*.

| address | fields |
|---|---|
`

const jsonSeries = `
## series

` + "`series?runner=…&range=5m`" + `, or ` + "`30m`" + `, has the figures of the charts; with ` + "`&callback=…`" + ` those of a callback. ` + "`names`" + ` names the ` + "`columns`" + `.
Each column has a value for each time; the first column is the time, in Unix seconds. ` + "`null`" + `: nothing was observed. Rates are a second, latencies are
in seconds, over the last ten of them.
`

// structs parses the types of this package.
func structs(t *testing.T) map[string]*ast.StructType {
	t.Helper()
	found := make(map[string]*ast.StructType)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					found[spec.Name.Name] = s
				}
			}
			return true
		})
	}
	return found
}

// jsonType writes a type for somebody who reads JSON. inner is the struct in it.
func jsonType(e ast.Expr) (text, inner string) {
	switch e := e.(type) {
	case *ast.StarExpr:
		return jsonType(e.X)
	case *ast.ArrayType:
		text, inner = jsonType(e.Elt)
		return "list of " + text, inner
	case *ast.MapType:
		text, inner = jsonType(e.Value)
		return "map of " + text, inner
	case *ast.SelectorExpr:
		return map[string]string{"Time": "time", "Duration": "number"}[e.Sel.Name], ""
	case *ast.Ident:
		switch e.Name {
		case "string", "Level":
			return "text", ""
		case "bool":
			return "true or false", ""
		case "int", "uint64", "uint32", "float64", "Seconds":
			return "number", ""
		}
		return "*" + e.Name + "*", e.Name
	}
	return "", ""
}

func TestJSONIsDocumented(t *testing.T) {
	types := structs(t)
	var b strings.Builder
	b.WriteString(jsonHead)
	todo := []string{"Head"}
	for _, p := range jsonPages {
		fmt.Fprintf(&b, "| `%s` | *%s* |\n", p.address, p.of)
		todo = append(todo, p.of)
	}
	b.WriteString(jsonSeries)
	done := make(map[string]bool)
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if done[name] || types[name] == nil {
			continue
		}
		done[name] = true
		fmt.Fprintf(&b, "\n## %s\n\n| field | is | |\n|---|---|---|\n", name)
		for _, field := range types[name].Fields.List {
			text, inner := jsonType(field.Type)
			if len(field.Names) == 0 {
				if inner != "Head" {
					fmt.Fprintf(&b, "| | %s | its fields too |\n", text)
					todo = append(todo, inner)
				}
				continue
			}
			if field.Tag == nil {
				continue
			}
			key, _, _ := strings.Cut(reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json"), ",")
			if key == "-" || key == "" {
				continue
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", key, text, strings.TrimSpace(strings.ReplaceAll(field.Comment.Text()+field.Doc.Text(), "\n", " ")))
			todo = append(todo, inner)
		}
	}
	for _, p := range jsonPages {
		name, _, _ := strings.Cut(p.address, ".")
		if builders[name] == nil {
			t.Errorf("there is no page %s", name)
		}
	}
	if len(jsonPages) != len(builders) {
		t.Errorf("%d pages are documented, and there are %d", len(jsonPages), len(builders))
	}
	want := b.String()
	if *update {
		if err := os.WriteFile("JSON.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile("JSON.md")
	if err != nil || string(have) != want {
		t.Error("JSON.md is out of date: go test ./console -run JSON -update")
	}
}
