// Command benchmarks measures Afterglow beside its peers, on the same work and
// in the same run:
//
//	make bench          # all of it, into RESULTS.md and results.svg
//	make bench-quick    # fewer and shorter rounds; prints, writes nothing
//	go run ./benchmarks -quick -only throughput,http
//	go run ./benchmarks -before ../older  # beside the library of another checkout
//	go run ./benchmarks -only http -nextjs  # beside Next.js, which npm installs
//
// Figures of two runs are not comparable, ratios are.
// Called as "benchmarks measure …" it makes one measurement, and as
// "benchmarks load …" it is the load generator of the question http.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/report"
	"github.com/afterglow-go/afterglow/benchmarks/nextjs"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

// options are what the flags say.
type options struct {
	quick, nextJS       bool
	out, command, older string
	only                []string
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case measure.MeasureCommand:
			return measure.Answer(args[1:], os.Stdout)
		case measure.LoadCommand:
			return measure.Generate(args[1:], os.Stdout)
		}
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	results, err := o.measure()
	if err != nil {
		return err
	}
	return o.write(results)
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("benchmarks", flag.ExitOnError)
	flags.BoolVar(&o.quick, "quick", false, "fewer and shorter rounds")
	flags.BoolVar(&o.nextJS, "nextjs", false, "ask http of Next.js as well; npm installs it in a temporary directory")
	flags.StringVar(&o.older, "before", "", "measure the library of the checkout in this `directory` as well, in turns")
	flags.StringVar(&o.out, "out", "", "write RESULTS.md and results.svg to this `directory` (default: print the tables)")
	flags.StringVar(&o.command, "command", "go run ./benchmarks "+strings.Join(args, " "), "what RESULTS.md says it was written by")
	only := flags.String("only", strings.Join(questions, ","), "the questions to ask")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.only = strings.Split(*only, ",")
	for _, q := range o.only {
		if !slices.Contains(questions, q) {
			return o, fmt.Errorf("-only %s: no such question, there are %s", q, strings.Join(questions, ", "))
		}
	}
	return o, nil
}

// measure prepares who measures, and asks the questions.
func (o options) measure() (results report.Results, err error) {
	results = report.Results{Machine: report.ThisMachine(), Command: o.command}
	self, err := os.Executable()
	if err != nil {
		return results, err
	}
	now := measure.Program(self)
	var before measure.Measurer
	if o.older != "" {
		path, commit, remove, err := build(o.older)
		if err != nil {
			return results, fmt.Errorf("-before %s: %w", o.older, err)
		}
		defer remove()
		before, results.Before = measure.Program(path), commit
	}
	addr := ""
	if o.nextJS {
		s, err := nextjs.Start()
		if err != nil {
			return results, err
		}
		defer func() { err = errors.Join(err, s.Stop()) }()
		addr = s.Addr
	}
	start := time.Now()
	for _, q := range questions {
		if !slices.Contains(o.only, q) {
			continue
		}
		p := plan(q, o.quick)
		p.Now, p.Before = now, before
		if err := answer(&results, q, p, addr); err != nil {
			return results, err
		}
	}
	results.Took = time.Since(start)
	return results, nil
}

// build builds the benchmarks of another checkout, and says of which commit.
func build(checkout string) (path, commit string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "afterglow-before-")
	if err != nil {
		return "", "", nil, err
	}
	path = filepath.Join(dir, "benchmarks")
	cmd := exec.Command("go", "build", "-o", path, "./benchmarks") //nolint:gosec,noctx // a build of ours
	cmd.Dir, cmd.Stderr = checkout, os.Stderr
	head := exec.Command("git", "rev-parse", "--short", "HEAD") //nolint:noctx // the same
	head.Dir, head.Stderr = checkout, os.Stderr
	id, headErr := head.Output()
	if err := errors.Join(cmd.Run(), headErr); err != nil {
		return "", "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return path, strings.TrimSpace(string(id)), func() { _ = os.RemoveAll(dir) }, nil
}

func (o options) write(results report.Results) error {
	if o.out == "" {
		fmt.Print(results.Markdown(""))
		return nil
	}
	picture := ""
	if results.Throughput != nil {
		picture = "results.svg"
		if err := os.WriteFile(filepath.Join(o.out, picture), []byte(results.Picture()), 0o644); err != nil { //nolint:gosec // for everyone to read
			return err
		}
	}
	return os.WriteFile(filepath.Join(o.out, "RESULTS.md"), []byte(results.Markdown(picture)), 0o644) //nolint:gosec // the same
}

// questions lists them in the order in which they are asked.
var questions = []string{
	measure.QuestionThroughput, measure.QuestionLatency, measure.QuestionMemory,
	measure.QuestionHTTP, measure.QuestionScrape, measure.QuestionConsole, measure.QuestionParts,
}

// answer asks one question.
func answer(r *report.Results, question string, p measure.Plan, nextJS string) (err error) {
	switch question {
	case measure.QuestionThroughput:
		r.Throughput, err = measure.Throughput(p, pool.All())
	case measure.QuestionLatency:
		r.Latency, err = measure.Latency(p, report.LatencyContestants())
	case measure.QuestionMemory:
		r.Memory, err = measure.Memory(p, 100_000, pool.All())
	case measure.QuestionHTTP:
		r.HTTP, err = measure.HTTP(p, nextJS)
	case measure.QuestionScrape:
		r.Scrape, err = measure.Scrape(p)
	case measure.QuestionConsole:
		r.Console, err = measure.Console(p)
	case measure.QuestionParts:
		r.Parts, err = measure.Parts(p, pool.Parts())
	}
	return err
}

// plan is how many rounds there are of a question, and how long a run takes.
func plan(question string, quick bool) measure.Plan {
	type size struct {
		rounds int
		run    time.Duration
	}
	full := map[string]size{
		measure.QuestionThroughput: {11, 30 * time.Millisecond},
		measure.QuestionLatency:    {5, time.Second},
		measure.QuestionMemory:     {3, 0},
		measure.QuestionHTTP:       {7, time.Second},
		measure.QuestionScrape:     {5, 200 * time.Millisecond},
		measure.QuestionConsole:    {11, 8 * time.Second}, // a page is made once a second
		measure.QuestionParts:      {11, 30 * time.Millisecond},
	}
	short := map[string]size{
		measure.QuestionThroughput: {3, 10 * time.Millisecond},
		measure.QuestionLatency:    {1, 500 * time.Millisecond},
		measure.QuestionMemory:     {1, 0},
		measure.QuestionHTTP:       {2, 400 * time.Millisecond},
		measure.QuestionScrape:     {1, 100 * time.Millisecond},
		measure.QuestionConsole:    {3, 2 * time.Second},
		measure.QuestionParts:      {3, 10 * time.Millisecond},
	}
	s := full[question]
	if quick {
		s = short[question]
	}
	return measure.Plan{Rounds: s.rounds, For: s.run, Report: func(round int) {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", question, round+1, s.rounds)
	}}
}
