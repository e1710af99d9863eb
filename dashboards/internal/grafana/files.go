package grafana

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// Options are what a user may choose about the dashboards.
type Options struct {
	Datasource string // name of the Prometheus data source to start with
	Folder     string // that the provisioning file loads them into

	// What keeps the traces, Jaeger, Tempo or None, and the logs, Loki, VictoriaLogs or
	// None. Panels and links ask it in its own syntax; without one, they are left out.
	Traces, Logs string

	// LogSelector says which records are the service's, in the language of what keeps the
	// logs; it may have the dashboards' variables, such as $job and $namespace. "": those
	// whose service_name, or service.name, is the job.
	LogSelector string

	// Of the alerts' panels: the page that the runbook is read on, and the alerts
	// that may fire, each of which has an entry there.
	RunbookURL string
	Alerts     []string
}

// DefaultOptions are those that the committed files are generated with.
func DefaultOptions() Options {
	return Options{
		Datasource: "default", Folder: "Afterglow", Traces: Jaeger, Logs: Loki,
		RunbookURL: "https://github.com/afterglow-go/afterglow/blob/main/dashboards/RUNBOOK.md",
	}
}

// Files returns the dashboards and the file that provisions them, by path.
func Files(q query.Config, o Options) (map[string][]byte, error) {
	if strings.TrimSpace(o.Datasource) == "" {
		return nil, errors.New(`the data source is empty: use its name in Grafana, or "default"`)
	}
	if _, err := newStores(o); err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for name, build := range map[string]func(query.Config, Options) (dashboard.Dashboard, error){
		"overview": overview,
		"callback": callback,
		"slo":      slo,
		"runtime":  runtime,
		"durable":  durable,
	} {
		d, err := build(q, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		text, err := json.MarshalIndent(d, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files["grafana/"+name+".json"] = append(text, '\n')
	}
	text, err := provider(o.Folder)
	if err != nil {
		return nil, err
	}
	files["grafana/provider.yml"] = text
	return files, nil
}

const providerHead = `# Loads the dashboards into Grafana: put this file into provisioning/dashboards,
# and the dashboards where its path says.
`

// provider is a file of Grafana's provisioning.
func provider(folder string) ([]byte, error) {
	type entry struct {
		Name    string            `yaml:"name"`
		Folder  string            `yaml:"folder"`
		Type    string            `yaml:"type"`
		Options map[string]string `yaml:"options"`
	}
	file := struct {
		Version   int     `yaml:"apiVersion"`
		Providers []entry `yaml:"providers"`
	}{1, []entry{{"afterglow", folder, "file", map[string]string{"path": "/var/lib/grafana/dashboards/afterglow"}}}}
	b := bytes.NewBufferString(providerHead)
	enc := yaml.NewEncoder(b)
	enc.SetIndent(2)
	if err := enc.Encode(file); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
