// Command benchmarks measures Afterglow beside its peers, on the same work and
// in the same run:
//
//	make bench          # all of it, into RESULTS.md and results.svg
//	make bench-quick    # fewer and shorter rounds; prints, writes nothing
//	go run ./benchmarks -quick -only throughput,burst
//
// Figures of two runs are not comparable, ratios are.
// Called as "benchmarks load …" it is the load generator of the question http.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/report"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == measure.LoadCommand {
		return measure.Generate(args[1:])
	}
	flags := flag.NewFlagSet("benchmarks", flag.ExitOnError)
	quick := flags.Bool("quick", false, "fewer and shorter rounds")
	out := flags.String("out", "", "write RESULTS.md and results.svg to this directory (default: print the tables)")
	command := flags.String("command", "go run ./benchmarks "+strings.Join(args, " "), "what RESULTS.md says it was written by")
	only := flags.String("only", strings.Join(questions, ","), "the questions to ask")
	if err := flags.Parse(args); err != nil {
		return err
	}
	asked := strings.Split(*only, ",")
	for _, q := range asked {
		if !slices.Contains(questions, q) {
			return fmt.Errorf("-only %s: no such question, there are %s", q, strings.Join(questions, ", "))
		}
	}
	results, err := answer(asked, *quick)
	if err != nil {
		return err
	}
	results.Command = *command
	if *out == "" {
		fmt.Print(results.Markdown(""))
		return nil
	}
	picture := ""
	if results.Throughput != nil {
		picture = "results.svg"
		if err := os.WriteFile(filepath.Join(*out, picture), []byte(results.Picture()), 0o644); err != nil { //nolint:gosec // for everyone to read
			return err
		}
	}
	return os.WriteFile(filepath.Join(*out, "RESULTS.md"), []byte(results.Markdown(picture)), 0o644) //nolint:gosec // the same
}

var questions = []string{"throughput", "contention", "burst", "latency", "memory", "http", "parts"}

// answer asks the questions, one after another.
func answer(asked []string, quick bool) (report.Results, error) {
	results := report.Results{Machine: report.ThisMachine()}
	start := time.Now()
	works := measure.Works()
	var err error
	for _, q := range questions {
		if !slices.Contains(asked, q) {
			continue
		}
		p := plan(q, quick)
		switch q {
		case "throughput":
			results.Throughput = measure.Throughput(p, works, pool.All())
		case "contention":
			results.Contention = measure.Contention(p, works[:2], report.ContentionContestants())
		case "burst":
			results.Burst = measure.Burst(p, report.Askers(), report.BurstPeers())
		case "latency":
			results.Latency = measure.Latency(p, report.LatencyContestants())
		case "memory":
			results.Memory = measure.Memory(p, 100_000, pool.All(), report.Askers())
		case "http":
			results.HTTP, err = measure.HTTP(p, measure.LoadFromAnotherProcess)
		case "parts":
			results.Parts = measure.Parts(p, pool.Parts())
		}
		if err != nil {
			return results, err
		}
	}
	results.Took = time.Since(start)
	return results, nil
}

// plan is how many rounds there are of a question, and how long a run takes.
func plan(question string, quick bool) measure.Plan {
	type size struct {
		rounds int
		run    time.Duration
	}
	full := map[string]size{
		"throughput": {11, 30 * time.Millisecond},
		"contention": {11, 30 * time.Millisecond},
		"burst":      {11, 50 * time.Millisecond},
		"latency":    {5, time.Second},
		"memory":     {3, 0},
		"http":       {5, time.Second},
		"parts":      {11, 30 * time.Millisecond},
	}
	short := map[string]size{
		"throughput": {3, 10 * time.Millisecond},
		"contention": {3, 10 * time.Millisecond},
		"burst":      {5, 20 * time.Millisecond},
		"latency":    {1, 500 * time.Millisecond},
		"memory":     {1, 0},
		"http":       {2, 400 * time.Millisecond},
		"parts":      {3, 10 * time.Millisecond},
	}
	s := full[question]
	if quick {
		s = short[question]
	}
	return measure.Plan{Rounds: s.rounds, For: s.run, Report: func(round int) {
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", question, round+1, s.rounds)
	}}
}
