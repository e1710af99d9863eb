package format

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// Content is what there is to write.
type Content struct {
	dashboards        map[string][]byte // by name, such as overview
	recording, alerts []rules.Group
	part, own         rules.Alertmanager // for an Alertmanager that is there already; own has all receivers
	files             map[string][]byte  // the format files, by path
}

// New makes the content.
func New(q query.Config, g grafana.Options, r rules.Options) (c Content, err error) {
	if c.files, err = grafana.Files(q, g); err != nil {
		return c, err
	}
	c.dashboards = make(map[string][]byte)
	for name, text := range c.files {
		if board, ok := strings.CutSuffix(path.Base(name), ".json"); ok {
			c.dashboards[board] = text
		}
	}
	if c.recording, err = rules.Recording(q, r); err != nil {
		return c, err
	}
	if c.alerts, err = rules.Alerts(q, r); err != nil {
		return c, err
	}
	if c.part, err = rules.NewPart(q, r); err != nil {
		return c, err
	}
	more, err := rules.Files(q, r)
	if err != nil {
		return c, err
	}
	maps.Copy(c.files, more)
	r.Receivers = nil
	c.own, err = rules.NewPart(q, r)
	return c, err
}

// boards are the names of the dashboards, in order.
func (c Content) boards() []string { return slices.Sorted(maps.Keys(c.dashboards)) }

// The formats.
const (
	Files          = "files"
	PrometheusRule = "prometheusrule"
	ConfigMap      = "configmap"
	Mixin          = "mixin"
)

// Names are those of the formats.
func Names() []string { return []string{Files, PrometheusRule, ConfigMap, Mixin} }

// Write returns the files of a format, by path.
func (c Content) Write(format string, o Options) (map[string][]byte, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	switch format {
	case Files:
		return maps.Clone(c.files), nil
	case PrometheusRule:
		return c.operator(o)
	case ConfigMap:
		return c.configMaps(o)
	case Mixin:
		return c.mixin()
	}
	return nil, fmt.Errorf("format %q: use %s", format, strings.Join(Names(), ", "))
}
