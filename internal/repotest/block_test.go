package repotest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
)

// block is Go code of a document.
type block struct {
	document string
	section  string // anchor of the heading above it
	line     int    // of its first line
	code     string
}

var codeBlock = regexp.MustCompile("(?ms)^```(go|diff)\n(.*?)^```$")

// blocksOf returns the Go code of a document: each go block, and both sides of each diff.
func blocksOf(document, text string) (blocks []block) {
	for _, m := range codeBlock.FindAllStringSubmatchIndex(text, -1) {
		b := block{document, lastAnchor(text[:m[0]]), 1 + strings.Count(text[:m[4]], "\n"), text[m[4]:m[5]]}
		if text[m[2]:m[3]] == "go" {
			blocks = append(blocks, b)
			continue
		}
		before, after := sides(b.code)
		blocks = append(blocks, block{document, b.section, b.line, before}, block{document, b.section, b.line, after})
	}
	return blocks
}

// lastAnchor returns the anchor of the last heading of a text.
func lastAnchor(text string) string {
	all := heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1)
	if len(all) == 0 {
		return ""
	}
	return anchor(all[len(all)-1][1])
}

// sides returns what a diff has before the change and after it. A line of the other side is left
// empty, so that line numbers stay right.
func sides(diff string) (before, after string) {
	var b, a strings.Builder
	for line := range strings.Lines(diff) {
		rest := line[min(1, len(line)-1):]
		switch line[0] {
		case '-':
			b.WriteString(rest)
			a.WriteString("\n")
		case '+':
			a.WriteString(rest)
			b.WriteString("\n")
		default:
			b.WriteString(rest)
			a.WriteString(rest)
		}
	}
	return b.String(), a.String()
}

// isProgram reports whether a block is a whole file. The other ones are declarations or statements that
// need what the document's file in testdata/docs declares.
func (b block) isProgram() bool { return regexp.MustCompile(`(?m)^package `).MatchString(b.code) }

// ellipsis is a line that stands for code of the reader's.
var ellipsis = regexp.MustCompile(`(?m)^(\s*)…$`)

// declaration begins a declaration that stands behind statements.
var declaration = regexp.MustCompile(`(?m)^(func|type) `)

// texts returns the files that a block without a package clause may be the code of: declarations, of
// which the last one may be cut off, or statements, with declarations behind them or not.
func (b block) texts(imports string) (texts []string) {
	head := "package p" + imports + "\n"
	at := func(offset int) string {
		return fmt.Sprintf("//line %s:%d\n", b.document, b.line+strings.Count(b.code[:offset], "\n"))
	}
	// What is left out ends a function, as far as the compiler knows.
	for _, code := range []string{ellipsis.ReplaceAllString(b.code, `${1}panic("…")`), ellipsis.ReplaceAllString(b.code, "")} {
		texts = append(texts, head+at(0)+code, head+at(0)+code+"\n}\n")
		const open, shut = "func _() error {\n", "\nreturn nil\n}\n"
		texts = append(texts, head+open+at(0)+code+shut)
		if split := declaration.FindStringIndex(code); split != nil {
			texts = append(texts, head+open+at(0)+code[:split[0]]+shut+at(strings.Index(b.code, code[split[0]:split[1]]))+code[split[0]:])
		}
	}
	return texts
}

// parse returns the block as a file. imports are written into it, unless it is a program.
func (b block) parse(fset *token.FileSet, imports string) (file *ast.File, err error) {
	if b.isProgram() {
		return parser.ParseFile(fset, "", fmt.Sprintf("//line %s:%d\n%s", b.document, b.line, b.code), parser.AllErrors)
	}
	var ofStatements error
	for i, text := range b.texts(imports) {
		if file, err = parser.ParseFile(fset, "", text, parser.AllErrors); err == nil {
			return file, nil
		}
		if i == 2 {
			ofStatements = err
		}
	}
	return nil, ofStatements
}

// packageNames returns the names before a dot in a file that the file does not declare itself, apart
// from known: they are names of packages.
func packageNames(file *ast.File, known map[string]bool) (names []string) {
	unresolved := make(map[*ast.Ident]bool)
	for _, ident := range file.Unresolved {
		unresolved[ident] = true
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && unresolved[x] && !known[x.Name] && !slices.Contains(names, x.Name) {
				names = append(names, x.Name)
			}
		}
		return true
	})
	return names
}

// declared returns the names of a file's package level.
func declared(file *ast.File) map[string]bool {
	names := make(map[string]bool)
	for _, d := range file.Decls {
		for _, name := range namesOf(d) {
			names[name] = true
		}
	}
	return names
}

// namesOf returns what a declaration of the package level declares.
func namesOf(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names = append(names, d.Name.Name)
		} else { // a method, as T.m
			names = append(names, receiver(d)+"."+d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					names = append(names, name.Name)
				}
			}
		}
	}
	return names
}

func receiver(d *ast.FuncDecl) string {
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	ident, _ := typ.(*ast.Ident)
	if ident == nil {
		return ""
	}
	return ident.Name
}

// without leaves out the declarations of names that a block declares itself.
func without(file *ast.File, names map[string]bool) {
	isKnown := func(d ast.Decl) bool {
		return slices.ContainsFunc(namesOf(d), func(name string) bool {
			typ, _, isMethod := strings.Cut(name, ".")
			return names[name] || isMethod && names[typ]
		})
	}
	for _, d := range file.Decls {
		if d, ok := d.(*ast.GenDecl); ok {
			d.Specs = slices.DeleteFunc(d.Specs, func(spec ast.Spec) bool { return isKnown(&ast.GenDecl{Specs: []ast.Spec{spec}}) })
		}
	}
	file.Decls = slices.DeleteFunc(file.Decls, isKnown)
}

// imported returns the imports of a file by the name that its code calls them.
func imported(file *ast.File) map[string]string {
	found := make(map[string]string)
	for _, spec := range file.Imports {
		target := strings.Trim(spec.Path.Value, `"`)
		name := path.Base(target)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		found[name] = target
	}
	return found
}
