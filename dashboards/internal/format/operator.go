package format

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// operator are the objects of Prometheus' operator.
func (c Content) operator(o Options) (map[string][]byte, error) {
	type groups struct {
		Groups []rules.Group `yaml:"groups"`
	}
	config, err := c.alertmanagerConfig()
	if err != nil {
		return nil, err
	}
	objects := map[string]object{
		"recording-rules":    {APIVersion: monitoring + "v1", Kind: "PrometheusRule", Metadata: o.metadata("afterglow-recording"), Spec: groups{c.recording}},
		"alerts":             {APIVersion: monitoring + "v1", Kind: "PrometheusRule", Metadata: o.metadata("afterglow-alerts"), Spec: groups{c.alerts}},
		"alertmanagerconfig": {APIVersion: monitoring + "v1alpha1", Kind: "AlertmanagerConfig", Metadata: o.metadata("afterglow"), Spec: config},
	}
	switch o.Monitor {
	case MonitorPods:
		objects["podmonitor"] = object{APIVersion: monitoring + "v1", Kind: "PodMonitor", Metadata: o.metadata("afterglow"), Spec: o.monitor()}
	case MonitorServices:
		objects["servicemonitor"] = object{APIVersion: monitoring + "v1", Kind: "ServiceMonitor", Metadata: o.metadata("afterglow"), Spec: o.monitor()}
	}
	files := make(map[string][]byte)
	for name, content := range objects {
		if files["kubernetes/"+name+".yaml"], err = manifest(content); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// monitor is the spec of a PodMonitor or of a ServiceMonitor: what is scraped. The operator
// adds the labels namespace and pod.
type monitor struct {
	JobLabel  string                       `yaml:"jobLabel"`
	Within    *namespaces                  `yaml:"namespaceSelector,omitempty"`
	Selector  map[string]map[string]string `yaml:"selector"`
	Pods      []endpoint                   `yaml:"podMetricsEndpoints,omitempty"`
	Services  []endpoint                   `yaml:"endpoints,omitempty"`
	Native    bool                         `yaml:"scrapeNativeHistograms"`
	Classic   bool                         `yaml:"scrapeClassicHistograms"` // quantiles are of classic buckets
	Protocols []string                     `yaml:"scrapeProtocols"`
}

type namespaces struct {
	Any   bool     `yaml:"any,omitempty"`
	Names []string `yaml:"matchNames,omitempty,flow"`
}

type endpoint struct {
	Port        string    `yaml:"port"`
	Path        string    `yaml:"path"`
	Interval    string    `yaml:"interval"`
	Timeout     string    `yaml:"scrapeTimeout"`
	Relabelings []relabel `yaml:"relabelings,omitempty"`
}

type relabel struct {
	TargetLabel string `yaml:"targetLabel"`
	Replacement string `yaml:"replacement"`
}

// A process that ends waits for the last scrape for as long as it was told, the example
// shop for 20 s. The operator's own interval of 30 s would be too long.
const (
	scrapeInterval = "15s"
	scrapeTimeout  = "10s"
)

func (o Options) monitor() monitor {
	e := endpoint{Port: o.Port, Path: "/metrics", Interval: scrapeInterval, Timeout: scrapeTimeout}
	if o.Cluster != "" {
		e.Relabelings = []relabel{{"cluster", o.Cluster}}
	}
	m := monitor{
		JobLabel: nameLabel, Selector: map[string]map[string]string{"matchLabels": o.Selector}, Native: true, Classic: true,
		// Only the first has native histograms. Of the texts, only OpenMetrics has exemplars.
		Protocols: []string{"PrometheusProto", "OpenMetricsText1.0.0", "PrometheusText0.0.4"},
	}
	switch {
	case slices.Equal(o.Namespaces, []string{"*"}):
		m.Within = &namespaces{Any: true}
	case len(o.Namespaces) > 0:
		m.Within = &namespaces{Names: o.Namespaces}
	}
	if o.Monitor == MonitorServices {
		m.Services = []endpoint{e}
	} else {
		m.Pods = []endpoint{e}
	}
	return m
}

// What an AlertmanagerConfig consists of, as far as it is used here.
type (
	alertmanagerConfig struct {
		Route     configRoute      `yaml:"route"`
		Inhibit   []configInhibit  `yaml:"inhibitRules"`
		Receivers []configReceiver `yaml:"receivers"`
	}
	configRoute struct {
		Receiver       string          `yaml:"receiver"`
		Matchers       []matcher       `yaml:"matchers,omitempty"`
		GroupBy        []string        `yaml:"groupBy,omitempty,flow"`
		GroupWait      *model.Duration `yaml:"groupWait,omitempty"`
		GroupInterval  *model.Duration `yaml:"groupInterval,omitempty"`
		RepeatInterval *model.Duration `yaml:"repeatInterval,omitempty"`
		Routes         []configRoute   `yaml:"routes,omitempty"`
	}
	configInhibit struct {
		Source []matcher `yaml:"sourceMatch"`
		Target []matcher `yaml:"targetMatch"`
		Equal  []string  `yaml:"equal,flow"`
	}
	matcher struct {
		Name  string    `yaml:"name"`
		Type  matchType `yaml:"matchType"`
		Value string    `yaml:"value"`
	}
	configReceiver struct {
		Name     string          `yaml:"name"`
		Webhooks []configWebhook `yaml:"webhookConfigs"`
	}
	configWebhook struct {
		Secret       secretKey `yaml:"urlSecret"`
		SendResolved bool      `yaml:"sendResolved"`
	}
	secretKey struct {
		Name string `yaml:"name"`
		Key  string `yaml:"key"`
	}
)

// matchType is how a matcher compares. It is written in quotes: to YAML 1.1, a bare = is no text.
type matchType string

// MarshalYAML implements [yaml.Marshaler].
func (m matchType) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: string(m)}, nil
}

// webhooks is the Secret that has the receivers' addresses.
const webhooks = "afterglow-webhooks"

// alertmanagerConfig is the part for an Alertmanager that the operator runs. It has all receivers:
// an AlertmanagerConfig knows none of another one.
func (c Content) alertmanagerConfig() (config alertmanagerConfig, err error) {
	if config.Route, err = routeOf(c.own.Route); err != nil {
		return config, err
	}
	for _, i := range c.own.Inhibit {
		source, err := matchersOf(i.Source)
		if err != nil {
			return config, err
		}
		target, err := matchersOf(i.Target)
		if err != nil {
			return config, err
		}
		config.Inhibit = append(config.Inhibit, configInhibit{source, target, i.Equal})
	}
	for _, r := range c.own.Receivers {
		own := configReceiver{Name: r.Name}
		for _, w := range r.Webhooks {
			key := strings.TrimPrefix(r.Name, rules.OwnReceiver)
			own.Webhooks = append(own.Webhooks, configWebhook{secretKey{webhooks, key}, w.SendResolved})
		}
		config.Receivers = append(config.Receivers, own)
	}
	return config, nil
}

func routeOf(r rules.Route) (to configRoute, err error) {
	to = configRoute{
		Receiver: r.Receiver, GroupBy: r.GroupBy,
		GroupWait: r.GroupWait, GroupInterval: r.GroupInterval, RepeatInterval: r.RepeatInterval,
	}
	if to.Matchers, err = matchersOf(r.Matchers); err != nil {
		return to, err
	}
	for _, below := range r.Routes {
		sub, err := routeOf(below)
		if err != nil {
			return to, err
		}
		to.Routes = append(to.Routes, sub)
	}
	return to, nil
}

// matchersOf takes matchers of Alertmanager apart.
func matchersOf(texts []string) (all []matcher, err error) {
	for _, text := range texts {
		i := strings.IndexAny(text, "=!")
		if i < 0 {
			return nil, fmt.Errorf("%s is no matcher", text)
		}
		name, rest := text[:i], text[i:]
		kind := rest[:strings.Index(rest, `"`)]
		value, err := strconv.Unquote(rest[len(kind):])
		if err != nil {
			return nil, fmt.Errorf("%s is no matcher: %w", text, err)
		}
		all = append(all, matcher{name, matchType(kind), value})
	}
	return all, nil
}
