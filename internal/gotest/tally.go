package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// event is one line of `go test -json`, as `go doc test2json` describes it.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build events, instead of Package
	Test        string
	Output      string
	FailedBuild string // of a package's fail event: the package that did not build
}

// tally counts tests, subtests included, and prints what a reader needs.
type tally struct {
	out                     io.Writer
	packages                map[string]*packageLog
	builds                  map[string][]string // output of builds, by ImportPath
	passed, failed, skipped int
}

// packageLog is what a package that has not ended yet has printed.
type packageLog struct {
	lines       []line
	failedTests map[string]bool
}

type line struct{ test, text string }

func newTally(out io.Writer) *tally {
	return &tally{out: out, packages: make(map[string]*packageLog), builds: make(map[string][]string)}
}

// read takes in the events of one go test until r ends. What is no event is
// passed on as it is.
func (t *tally) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		b, err := lines.ReadBytes('\n')
		if len(b) > 0 {
			var e event
			if bytes.HasPrefix(b, []byte("{")) && json.Unmarshal(b, &e) == nil {
				t.add(e)
			} else {
				fmt.Fprintf(t.out, "%s", b)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (t *tally) add(e event) {
	switch e.Action {
	case "build-output":
		t.builds[e.ImportPath] = append(t.builds[e.ImportPath], e.Output)
		return
	case "build-fail":
		return // the packages that needed it report it
	}
	p := t.packages[e.Package]
	if p == nil {
		p = &packageLog{failedTests: make(map[string]bool)}
		t.packages[e.Package] = p
	}
	ofTest := e.Test != ""
	switch e.Action {
	case "output":
		p.lines = append(p.lines, line{e.Test, e.Output})
	case "pass":
		if ofTest {
			t.passed++
			p.forget(e.Test)
		} else {
			t.packageEnded(e, p)
		}
	case "skip":
		if ofTest {
			t.skipped++
			p.forget(e.Test)
		} else {
			t.packageEnded(e, p) // it has no tests
		}
	case "fail":
		if ofTest {
			t.failed++
			p.failedTests[e.Test] = true
		} else {
			t.packageEnded(e, p)
		}
	}
}

// forget drops the output of a test that nobody will ask for.
func (p *packageLog) forget(test string) {
	kept := p.lines[:0]
	for _, l := range p.lines {
		if l.test != test {
			kept = append(kept, l)
		}
	}
	p.lines = kept
}

// packageEnded prints one line for a package that is well, and for another one
// everything its failed tests and the package itself have printed.
func (t *tally) packageEnded(e event, p *packageLog) {
	delete(t.packages, e.Package)
	if e.Action != "fail" {
		for _, l := range p.lines {
			if l.test == "" && (strings.HasPrefix(l.text, "ok ") || strings.HasPrefix(l.text, "? ") || strings.HasPrefix(l.text, "\t")) {
				fmt.Fprint(t.out, l.text)
			}
		}
		return
	}
	if len(p.failedTests) == 0 {
		// It did not build, or its process died outside of any test.
		t.failed++
	}
	for _, text := range t.builds[e.FailedBuild] {
		fmt.Fprint(t.out, text)
	}
	for _, l := range p.lines {
		if l.test == "" || len(p.failedTests) == 0 || p.failedTests[l.test] {
			fmt.Fprint(t.out, l.text)
		}
	}
}

// failure counts and prints a failure that is no test's.
func (t *tally) failure(what string) {
	t.failed++
	fmt.Fprintln(t.out, what)
}

// close reports packages that go test left unfinished and prints the sum.
func (t *tally) close() {
	for name := range t.packages {
		t.failure("FAIL\t" + name + "\tdid not end")
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
}
