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
//
// For Kubernetes, with Prometheus' operator and Grafana's sidecar:
//
//	go run github.com/afterglow-go/afterglow/dashboards/cmd/generate -out monitoring \
//		-format prometheusrule,configmap -kube-namespace monitoring -kube-labels release=kube-prometheus-stack
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/afterglow-go/afterglow/dashboards/internal/format"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	content, err := s.content()
	if err != nil {
		return err
	}
	files := make(map[string][]byte)
	for _, name := range strings.Split(s.formats, ",") {
		more, err := content.Write(strings.TrimSpace(name), s.format)
		if err != nil {
			return err
		}
		maps.Copy(files, more)
	}
	if s.merge != "" {
		config, err := os.ReadFile(s.merge)
		if err != nil {
			return err
		}
		if files[merged], err = content.Merge(config, s.rules.Receivers); err != nil {
			return fmt.Errorf("%s: %w", s.merge, err)
		}
	}
	return write(s.out, files)
}

// merged is the file of an Alertmanager's configuration with ours in it.
const merged = "alertmanager/merged.yml"

// content makes what the flags ask for.
func (s settings) content() (c format.Content, err error) {
	q, err := query.New(s.query)
	if err != nil {
		return c, err
	}
	s.grafana.RunbookURL = s.rules.RunbookURL
	if s.grafana.Alerts, err = rules.Notifying(q, s.rules); err != nil {
		return c, err
	}
	s.rules.Dashboards = s.grafana
	return format.New(q, s.grafana, s.rules)
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
