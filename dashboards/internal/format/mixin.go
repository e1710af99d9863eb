package format

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// mixin is a monitoring mixin of jsonnet. The files beside it are JSON, which jsonnet imports.
func (c Content) mixin() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for name, groups := range map[string][]rules.Group{"rules": c.recording, "alerts": c.alerts} {
		text, err := json.MarshalIndent(map[string]any{"groups": groups}, "", "  ")
		if err != nil {
			return nil, err
		}
		files["mixin/"+name+".json"] = append(text, '\n')
	}
	var boards strings.Builder
	for _, name := range c.boards() {
		files["mixin/dashboards/"+name+".json"] = c.dashboards[name]
		fmt.Fprintf(&boards, "    'afterglow-%s.json': import 'dashboards/%[1]s.json',\n", name)
	}
	files["mixin/mixin.libsonnet"] = []byte(strings.Replace(libsonnet, "BOARDS", boards.String(), 1))
	return files, nil
}

const libsonnet = `// Written by cmd/generate: change that, or its flags.
{
  grafanaDashboards+:: {
BOARDS  },

  // What alerts and dashboards share.
  prometheusRules+:: {
    groups+: (import 'rules.json').groups,
  },

  prometheusAlerts+:: {
    groups+: (import 'alerts.json').groups,
  },
}
`
