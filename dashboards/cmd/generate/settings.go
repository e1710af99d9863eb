package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/afterglow-go/afterglow/dashboards/internal/format"
	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// settings are what the flags set.
type settings struct {
	out     string
	formats string // with commas between them
	merge   string // the file of an Alertmanager's configuration; "": none
	query   query.Options
	grafana grafana.Options
	rules   rules.Options
	format  format.Options
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{query: query.DefaultOptions(), grafana: grafana.DefaultOptions(), rules: rules.DefaultOptions(), format: format.DefaultOptions()}
	f := flag.NewFlagSet("generate", flag.ContinueOnError)
	f.SetOutput(io.Discard) // a mistake is told once, and not above a page of flags
	f.StringVar(&s.out, "out", ".", "write below this `directory`")
	f.StringVar(&s.formats, "format", format.Files, "`formats` to write, with commas between them: "+strings.Join(format.Names(), ", "))
	s.selects(f)
	s.links(f)
	s.judges(f)
	s.kubernetes(f)
	f.Usage = func() {
		fmt.Fprint(f.Output(), usage)
		f.PrintDefaults()
	}
	switch err := f.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		f.SetOutput(stderr)
		f.Usage()
		return s, err
	case err != nil && strings.HasSuffix(err.Error(), "not defined: -namespace"):
		return s, errors.New(`-namespace is called -metric-prefix now: it is what the metrics' names start with; ` +
			`for a namespace of Kubernetes use -matcher 'namespace="shop"', or -kube-namespace to write objects into it`)
	case err != nil:
		return s, fmt.Errorf("%w (-h lists the flags)", err)
	case f.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q (-h lists the flags)", f.Arg(0))
	}
	s.format.Folder = s.grafana.Folder
	return s, nil
}

// usage is the head of the help.
const usage = `Usage: generate [flags]

Writes what shows and watches the metrics of Afterglow, below -out:

  files           grafana/*.json and provider.yml      for Grafana's provisioning
                  prometheus/*.rules.yml               for rule_files of Prometheus: load both
                  alertmanager/alertmanager.yml        for an Alertmanager of its own
                  alertmanager/part.yml                for one that you have: see -merge
  prometheusrule  kubernetes/recording-rules.yaml, alerts.yaml, alertmanagerconfig.yaml,
                  podmonitor.yaml or servicemonitor.yaml   for Prometheus' operator
  configmap       kubernetes/dashboard-*.yaml          for the sidecar of Grafana
  mixin           mixin/mixin.libsonnet                for jsonnet

Load objects of Kubernetes with: kubectl apply --server-side -f kubernetes

The flags:
`

// selects are the flags of what is asked, and whom.
func (s *settings) selects(f *flag.FlagSet) {
	f.StringVar(&s.grafana.Datasource, "datasource", s.grafana.Datasource, "`name` of the Prometheus data source that the dashboards start with")
	f.StringVar(&s.query.Matcher, "matcher", s.query.Matcher, "label `matchers` for every selector, such as namespace=\"shop\",cluster=~\"eu-.*\"")
	f.StringVar(&s.query.MetricPrefix, "metric-prefix", s.query.MetricPrefix, "what the metrics' `names` start with")
	f.StringVar(&s.grafana.Traces, "traces", s.grafana.Traces, "what keeps the traces: `jaeger, tempo or none`")
	f.StringVar(&s.grafana.Logs, "logs", s.grafana.Logs, "what keeps the logs: `loki, victorialogs or none`")
	f.StringVar(&s.grafana.LogSelector, "log-selector", s.grafana.LogSelector, "`selector` of the service's records in the language of -logs, "+
		"such as {app=\"$job\",namespace=~\"$namespace\"}; empty: those whose service_name (Loki) or service.name (VictoriaLogs) is the job")
}

// links are the flags of where things are.
func (s *settings) links(f *flag.FlagSet) {
	f.StringVar(&s.grafana.Folder, "folder", s.grafana.Folder, "Grafana `folder` that the dashboards go into")
	f.StringVar(&s.rules.RunbookURL, "runbook-url", s.rules.RunbookURL, "`URL` of RUNBOOK.md, for the alerts' links")
	f.StringVar(&s.rules.DashboardURL, "dashboard-url", s.rules.DashboardURL, "`URL` of Grafana, for the alerts' links")
	f.StringVar(&s.rules.WebhookDir, "webhook-dir", s.rules.WebhookDir, "`directory`, where Alertmanager runs, of page.url, ticket.url and deadman.url: who is told")
	f.Func("receivers", "`receivers` of your Alertmanager to use in alertmanager/part.yml, such as page=pagerduty,ticket=slack; the others are its own", func(text string) (err error) {
		s.rules.Receivers, err = pairs(text)
		return err
	})
	f.StringVar(&s.merge, "merge", "", "`file` of your Alertmanager's configuration; alertmanager/merged.yml is that with ours in it")
}

// judges are the flags of what is promised, and when it is broken.
func (s *settings) judges(f *flag.FlagSet) {
	f.Float64Var(&s.query.SLO, "slo", s.query.SLO, "`share` of the callbacks that must not end badly")
	f.Float64Var(&s.query.LatencySLO, "latency-slo", s.query.LatencySLO, "`share` of the callbacks that must start within a second")
	f.StringVar(&s.rules.MayBeSilent, "may-be-silent", s.rules.MayBeSilent, "`regexp` of the callbacks that AfterglowCallbackSilent leaves out, such as report\\..*|cleanup")
	f.StringVar(&s.rules.MayBeAbsent, "may-be-absent", s.rules.MayBeAbsent, "`regexp` of the jobs that AfterglowJobAbsent and AfterglowScrapeLost leave out, such as report|batch-.*")
	f.Float64Var(&s.rules.Compress, "compress", s.rules.Compress, "`times` as fast as real time do the rules judge; for demonstrations and tests, such as 300")
}

// kubernetes are the flags of its objects.
func (s *settings) kubernetes(f *flag.FlagSet) {
	f.StringVar(&s.format.Namespace, "kube-namespace", s.format.Namespace, "`namespace` of the objects; empty: none is written, and kubectl's counts")
	f.Func("kube-labels", "`labels` of the objects, such as release=kube-prometheus-stack", func(text string) (err error) {
		s.format.Labels, err = pairs(text)
		return err
	})
	f.StringVar(&s.format.Monitor, "monitor", s.format.Monitor, "what Prometheus scrapes: `pod, service or none`; writes a PodMonitor or a ServiceMonitor")
	f.Func("monitor-selector", "`labels` of the pods or services that are scraped (default app.kubernetes.io/name=afterglow-shop)", func(text string) (err error) {
		s.format.Selector, err = pairs(text)
		return err
	})
	f.Func("monitor-namespaces", "`namespaces` of these pods or services, with commas between them, or * for all (default: that of the monitor)", func(text string) error {
		s.format.Namespaces = strings.Split(text, ",")
		return nil
	})
	f.StringVar(&s.format.Port, "monitor-port", s.format.Port, "`name` of the port that is scraped")
	f.StringVar(&s.format.Cluster, "cluster", s.format.Cluster, "`value` of the label cluster that the monitor gives every series; empty: it gives none")
}

// pairs reads name=value, with commas between them.
func pairs(text string) (map[string]string, error) {
	found := make(map[string]string)
	for _, pair := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			return nil, fmt.Errorf("write name=value, with commas between several, not %q", text)
		}
		found[name] = value
	}
	return found, nil
}
