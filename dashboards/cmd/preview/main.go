// Preview draws the dashboards as web pages, about as Grafana lays them out,
// for a look without a Grafana:
//
//	go run ./cmd/preview -out /some/directory
//	go run ./cmd/preview -out /some/directory -prometheus http://localhost:9090 -range 30m \
//		-jaeger http://localhost:16686 -log shop.log
//
// The first shows each panel with its queries, the second with what Prometheus
// and Jaeger answer, and with the records of a log that slog's JSON handler has
// written. Without Jaeger or a log, the panels that ask for these show their
// query only. Colors, mappings, thresholds, columns and what there is to see
// without a value are Grafana's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
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
	f.SetOutput(io.Discard) // a mistake is told once, and not above a page of flags
	in := f.String("in", "", "read the dashboards' JSON files in this `directory`; empty: those that are built in")
	out := f.String("out", ".", "write the pages into this `directory`")
	base := f.String("prometheus", "", "ask Prometheus at this `URL`")
	jaeger := f.String("jaeger", "", "ask Jaeger at this `URL`")
	log := f.String("log", "", "read log records from this `file` of JSON lines")
	span := f.Duration("range", 3*time.Hour, "show this much `time`, up to now")
	scrape := f.Duration("scrape", 15*time.Second, "Prometheus scrapes this often")
	values := make(variables)
	f.Var(values, "var", "`name=value` of a variable; others have what Grafana would choose")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(stderr)
		f.Usage()
		return err
	case err != nil:
		return fmt.Errorf("%w (-h lists the flags)", err)
	case f.NArg() > 0:
		return fmt.Errorf("unexpected argument %q (-h lists the flags)", f.Arg(0))
	case *span <= 0 || *scrape <= 0:
		return errors.New("-range and -scrape: use a duration above 0, such as 1h or 15s")
	}
	for name, at := range map[string]string{"-prometheus": *base, "-jaeger": *jaeger} {
		if u, err := url.Parse(at); at != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			return fmt.Errorf("%s %q: write all of it, as in http://localhost:9090", name, at)
		}
	}
	if *base == "" && *jaeger+*log != "" {
		return errors.New("-jaeger and -log: use them with -prometheus")
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
		return fmt.Errorf("-in %s: no dashboards (*.json) are there; without -in, those that are built in are drawn", *in)
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	var source *source
	if *base != "" {
		source = newSource(*base, *span, *scrape)
		source.jaeger = strings.TrimRight(*jaeger, "/")
		if *log != "" {
			if source.records, err = readLog(*log); err != nil {
				return err
			}
			source.records = append(source.records, record{}) // it has been read, and may be empty
		}
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
