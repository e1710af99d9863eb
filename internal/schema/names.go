// Package schema writes telemetry/SCHEMA.md: every name that the telemetry
// uses, from the code that uses it. The names and their meanings are those of
// packages telemetry/names and runner, types and labels are those of a real
// scrape. Only the example queries stand here.
package schema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Name is a constant: a name of the telemetry.
type Name struct {
	Const   string // its identifier
	Value   string // "" if it is no string
	Meaning string // its comment, on one line
}

// Group is the constants of one declaration.
type Group struct {
	Intro string // the comment of the declaration, on one line
	Names []Name
}

// Constants returns the groups of constants that a file of Go declares, in its
// order.
func Constants(file string) ([]Group, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var groups []Group
	for _, decl := range parsed.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		g := Group{Intro: oneLine(gen.Doc)}
		for _, spec := range gen.Specs {
			names, err := namesOf(spec.(*ast.ValueSpec))
			if err != nil {
				return nil, err
			}
			g.Names = append(g.Names, names...)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// Names returns the groups of package telemetry/names. dir is the directory of
// package telemetry.
func Names(dir string) ([]Group, error) {
	files, err := filepath.Glob(filepath.Join(dir, "names", "*.go"))
	if err != nil {
		return nil, err
	}
	var all []Group
	for _, file := range files {
		groups, err := Constants(file)
		if err != nil {
			return nil, err
		}
		all = append(all, groups...)
	}
	return all, nil
}

func namesOf(spec *ast.ValueSpec) ([]Name, error) {
	meaning := oneLine(spec.Comment)
	if meaning == "" {
		meaning = oneLine(spec.Doc)
	}
	var names []Name
	for i, ident := range spec.Names {
		n := Name{Const: ident.Name, Meaning: meaning}
		if i < len(spec.Values) {
			if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				value, err := strconv.Unquote(lit.Value)
				if err != nil {
					return nil, fmt.Errorf("schema: value of %s: %w", ident.Name, err)
				}
				n.Value = value
			}
		}
		names = append(names, n)
	}
	return names, nil
}

// docLink is a link in a doc comment, which Markdown would take for one of its
// own.
var docLink = regexp.MustCompile(`\[([\w.*]+)\]`)

func oneLine(c *ast.CommentGroup) string {
	return docLink.ReplaceAllString(strings.Join(strings.Fields(c.Text()), " "), "$1")
}

// named returns the constants of all groups whose identifiers begin so.
func named(groups []Group, prefix string) (found []Name) {
	for _, g := range groups {
		for _, n := range g.Names {
			if strings.HasPrefix(n.Const, prefix) {
				found = append(found, n)
			}
		}
	}
	return found
}

// intro returns the comment of the group whose first constant begins so.
func intro(groups []Group, prefix string) string {
	for _, g := range groups {
		if strings.HasPrefix(g.Names[0].Const, prefix) {
			return g.Intro
		}
	}
	return ""
}
