// Generate writes the dashboards, the rules and the Alertmanager's
// configuration. The committed ones are written with the defaults:
//
//	go generate ./...
//
// For others, such as a fleet with its own Grafana, runbook, data source,
// cluster label and objective:
//
//	go run github.com/afterglow-go/afterglow/dashboards/cmd/generate -out monitoring \
//		-dashboard-url https://grafana.example.com -runbook-url https://wiki.example.com/afterglow/runbook \
//		-datasource my-prometheus -matcher 'cluster="eu"' -slo 0.995
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// settings are what the flags set.
type settings struct {
	out     string
	query   query.Options
	grafana grafana.Options
	rules   rules.Options
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{query: query.DefaultOptions(), grafana: grafana.DefaultOptions(), rules: rules.DefaultOptions()}
	f := flag.NewFlagSet("generate", flag.ContinueOnError)
	f.SetOutput(io.Discard) // a mistake is told once, and not above a page of flags
	f.StringVar(&s.out, "out", ".", "write below this `directory`")
	f.StringVar(&s.grafana.Datasource, "datasource", s.grafana.Datasource, "`name` of the Prometheus data source that the dashboards start with")
	f.StringVar(&s.grafana.Folder, "folder", s.grafana.Folder, "Grafana `folder` that the provisioning file loads the dashboards into")
	f.StringVar(&s.query.Matcher, "matcher", s.query.Matcher, "label `matchers` for every selector, such as cluster=\"eu\",env=~\"prod.*\"")
	f.StringVar(&s.query.MetricPrefix, "metric-prefix", s.query.MetricPrefix, "what the metrics' `names` start with")
	f.Float64Var(&s.query.SLO, "slo", s.query.SLO, "`share` of the callbacks that must not end badly")
	f.Float64Var(&s.query.LatencySLO, "latency-slo", s.query.LatencySLO, "`share` of the callbacks that must start within a second")
	f.StringVar(&s.rules.RunbookURL, "runbook-url", s.rules.RunbookURL, "`URL` of RUNBOOK.md, for the alerts' links")
	f.StringVar(&s.rules.DashboardURL, "dashboard-url", s.rules.DashboardURL, "`URL` of Grafana, for the alerts' links")
	f.StringVar(&s.rules.WebhookDir, "webhook-dir", s.rules.WebhookDir, "`directory`, where Alertmanager runs, of page.url, ticket.url and deadman.url: who is told")
	f.StringVar(&s.rules.MayBeSilent, "may-be-silent", s.rules.MayBeSilent, "`regexp` of the callbacks that AfterglowCallbackSilent leaves out, such as report\\..*|cleanup")
	f.StringVar(&s.rules.MayBeAbsent, "may-be-absent", s.rules.MayBeAbsent, "`regexp` of the jobs that AfterglowJobAbsent and AfterglowScrapeLost leave out, such as report|batch-.*")
	f.Float64Var(&s.rules.Compress, "compress", s.rules.Compress, "`times` as fast as real time do the rules judge; for demonstrations and tests, such as 300")
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(stderr)
		f.Usage()
		return s, err
	case err != nil:
		return s, fmt.Errorf("%w (-h lists the flags)", err)
	case f.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q (-h lists the flags)", f.Arg(0))
	}
	return s, nil
}

func run(args []string, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	q, err := query.New(s.query)
	if err != nil {
		return err
	}
	s.grafana.RunbookURL = s.rules.RunbookURL
	if s.grafana.Alerts, err = rules.Notifying(q, s.rules); err != nil {
		return err
	}
	files, err := grafana.Files(q, s.grafana)
	if err != nil {
		return err
	}
	more, err := rules.Files(q, s.rules)
	if err != nil {
		return err
	}
	maps.Copy(files, more)
	return write(s.out, files)
}

// write writes files, whose names are relative and slash-separated.
func write(dir string, files map[string][]byte) error {
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
