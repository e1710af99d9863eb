// Preview draws the dashboards as web pages, about as Grafana lays them out,
// for a look without a Grafana:
//
//	go run ./cmd/preview -out /some/directory
//	go run ./cmd/preview -out /some/directory -prometheus http://localhost:9090 -range 30m
//
// The first shows each panel with its queries, the second with what Prometheus
// answers. Panels that ask Loki or Jaeger show their query only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/afterglow-go/afterglow/dashboards"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "preview:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	f := flag.NewFlagSet("preview", flag.ContinueOnError)
	f.SetOutput(stderr)
	in := f.String("in", "", "read the dashboards' JSON files in this `directory`; empty: those that are built in")
	out := f.String("out", ".", "write the pages into this `directory`")
	url := f.String("prometheus", "", "ask Prometheus at this `URL`")
	span := f.Duration("range", 3*time.Hour, "show this much `time`, up to now")
	scrape := f.Duration("scrape", 15*time.Second, "Prometheus scrapes this often")
	values := make(variables)
	f.Var(values, "var", "`name=value` of a variable; others have what Grafana would choose")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	fsys, err := fs.Sub(dashboards.Grafana, "grafana")
	if err != nil {
		return err
	}
	if *in != "" {
		fsys = os.DirFS(*in)
	}
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return errors.New("no dashboards found")
	}
	var source *source
	if *url != "" {
		source = newSource(*url, *span, *scrape)
	}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		page, err := preview(ctx, text, source, values)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		path := filepath.Join(*out, name[:len(name)-len(".json")]+".html")
		if err := os.WriteFile(path, page, 0o644); err != nil {
			return err
		}
		fmt.Fprintln(stdout, path)
	}
	return nil
}
