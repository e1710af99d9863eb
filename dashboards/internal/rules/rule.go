package rules

import (
	"bytes"
	"fmt"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// Group is a group of rules, which Prometheus evaluates in their order.
type Group struct {
	Name  string `yaml:"name" json:"name"`
	Rules []Rule `yaml:"rules" json:"rules"`
}

// Rule is a recording rule or an alert, as in a rule file.
type Rule struct {
	Record        string            `yaml:"record,omitempty" json:"record,omitempty"`
	Alert         string            `yaml:"alert,omitempty" json:"alert,omitempty"`
	Expr          string            `yaml:"expr" json:"expr"`
	For           model.Duration    `yaml:"for,omitempty" json:"for,omitempty"`
	KeepFiringFor model.Duration    `yaml:"keep_firing_for,omitempty" json:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:"labels,omitempty" json:"labels,omitempty"`
	Annotations   map[string]string `yaml:"annotations,omitempty" json:"annotations,omitempty"`
}

// Name is what the rule records or alerts of.
func (r Rule) Name() string { return r.Record + r.Alert }

// tidy brings the expressions into PromQL's own format.
func tidy(groups []Group) ([]Group, error) {
	p := parser.NewParser(parser.Options{})
	for _, g := range groups {
		for i := range g.Rules {
			r := &g.Rules[i]
			expr, err := p.ParseExpr(r.Expr)
			if err != nil {
				return nil, fmt.Errorf("%s: %w in\n%s", r.Name(), err, r.Expr)
			}
			r.Expr = parser.Prettify(expr)
		}
	}
	return groups, nil
}

// Files returns the rule files and Alertmanager's configuration, by path.
func Files(q query.Config, o Options) (map[string][]byte, error) {
	recording, err := Recording(q, o)
	if err != nil {
		return nil, err
	}
	alerts, err := Alerts(q, o)
	if err != nil {
		return nil, err
	}
	alertmanager, err := NewAlertmanager(q, o)
	if err != nil {
		return nil, err
	}
	part, err := NewPart(q, o)
	if err != nil {
		return nil, err
	}
	type groups struct {
		Groups []Group `yaml:"groups"`
	}
	files := make(map[string][]byte)
	for path, content := range map[string]any{
		"prometheus/recording.rules.yml": groups{recording},
		"prometheus/alerts.rules.yml":    groups{alerts},
		"alertmanager/alertmanager.yml":  alertmanager,
		"alertmanager/part.yml":          part,
	} {
		b := bytes.NewBufferString(heads[path])
		if o.Compress != 1 {
			fmt.Fprintf(b, "# For demonstrations and tests: time is %v times as fast.\n", o.Compress)
		}
		enc := yaml.NewEncoder(b)
		enc.SetIndent(2)
		if err := enc.Encode(content); err != nil {
			return nil, err
		}
		files[path] = b.Bytes()
	}
	return files, nil
}

// heads are the comments that the files begin with.
var heads = map[string]string{
	"prometheus/recording.rules.yml": `# Written by cmd/generate: change that, or its flags. What alerts and dashboards
# share is recorded here; the alerts of alerts.rules.yml need it.
`,
	"prometheus/alerts.rules.yml": `# Written by cmd/generate: change that, or its flags. RUNBOOK.md has an entry
# for each alert. They read series that recording.rules.yml records.
`,
	"alertmanager/alertmanager.yml": `# Written by cmd/generate: change that, or its flags. Each url_file holds the
# address that one receiver's notifications are posted to.
`,
	"alertmanager/part.yml": `# Written by cmd/generate: change that, or its flags. It is no whole configuration:
# put the route first among the routes of yours, and the lists at the end of yours.
# The flag -merge does that.
`,
}
