package grafana

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// What keeps traces, and what keeps logs.
const (
	Jaeger       = "jaeger"
	Tempo        = "tempo"
	Loki         = "loki"
	VictoriaLogs = "victorialogs"
	None         = "none" // the dashboards leave out what they would ask it for
)

// source is a kind of data source, as the variable shows it that chooses one.
type source struct{ kind, label, description string }

// ref is a data source of the kind that a variable chooses.
func (s source) ref(variable string) common.DataSourceRef { return ref(s.kind, variable) }

// stores are what keeps traces and logs; nil if there is none.
type stores struct {
	traces traceStore
	logs   logStore
}

func newStores(o Options) (s stores, err error) {
	switch o.Traces {
	case Jaeger:
		s.traces = jaegerStore{}
	case Tempo:
		s.traces = tempoStore{}
	case None:
	default:
		return s, fmt.Errorf("traces %q: use %s, %s or %s", o.Traces, Jaeger, Tempo, None)
	}
	selector := strings.TrimSpace(o.LogSelector)
	switch o.Logs {
	case Loki:
		if selector == "" {
			selector = lokiSelector
		}
		if !strings.HasPrefix(selector, "{") || !strings.HasSuffix(selector, "}") {
			return s, fmt.Errorf(`log selector %s: write a stream selector of Loki, such as {namespace=~"$namespace", app="$job"}`, selector)
		}
		s.logs = lokiStore{selector, inLink(selector)}
	case VictoriaLogs:
		if selector == "" {
			selector = victoriaSelector
		}
		if strings.Contains(selector, "|") {
			return s, fmt.Errorf(`log selector %s: write a filter of LogsQL without pipes, such as {app="$job"} or kubernetes.container_name:="$job"`, selector)
		}
		s.logs = victoriaStore{selector, inLink(selector)}
	case None:
		if selector != "" {
			return s, fmt.Errorf("log selector %s: there are no logs to select from", selector)
		}
	default:
		return s, fmt.Errorf("logs %q: use %s, %s or %s", o.Logs, Loki, VictoriaLogs, None)
	}
	return s, nil
}

var variable = regexp.MustCompile(`\$\{?([A-Za-z_]\w*)(:\w+)?\}?`)

// inLink is a selector for a link. A data source writes several values as a regular
// expression by itself, but Grafana writes links.
func inLink(selector string) string {
	return variable.ReplaceAllStringFunc(selector, func(match string) string {
		if name := variable.FindStringSubmatch(match)[1]; name != varJob { // one at a time
			return "${" + name + ":pipe}"
		}
		return "${" + varJob + "}"
	})
}

// has reports whether there is something to fill a variable of the dashboards with.
func (s stores) has(variable string) bool {
	switch variable {
	case varTraces, varSlow:
		return s.traces != nil
	case varLogs:
		return s.logs != nil
	}
	return true
}
