package rules

import (
	"path"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// Alertmanager is Alertmanager's configuration, as far as it is used here: all of it, or
// a part for a configuration that is there already.
type Alertmanager struct {
	Route     Route      `yaml:"route"`
	Inhibit   []Inhibit  `yaml:"inhibit_rules"`
	Receivers []Receiver `yaml:"receivers"`
}

// Route is a route, with those below it.
type Route struct {
	Matchers       []string        `yaml:"matchers,omitempty"`
	Receiver       string          `yaml:"receiver"`
	GroupBy        []string        `yaml:"group_by,omitempty,flow"`
	GroupWait      *model.Duration `yaml:"group_wait,omitempty"`
	GroupInterval  *model.Duration `yaml:"group_interval,omitempty"`
	RepeatInterval *model.Duration `yaml:"repeat_interval,omitempty"`
	Routes         []Route         `yaml:"routes,omitempty"`
}

// Inhibit is which alerts hold back which others.
type Inhibit struct {
	Source []string `yaml:"source_matchers"`
	Target []string `yaml:"target_matchers"`
	Equal  []string `yaml:"equal,omitempty,flow"`
}

// Receiver is who is told.
type Receiver struct {
	Name     string    `yaml:"name"`
	Webhooks []Webhook `yaml:"webhook_configs"`
}

// Webhook is an address that notifications are posted to. A file has it, as it is a secret.
type Webhook struct {
	URLFile      string `yaml:"url_file"`
	SendResolved bool   `yaml:"send_resolved"`
}

// The receivers.
const (
	page    = "page"    // wakes somebody
	ticket  = "ticket"  // for working hours
	deadman = "deadman" // raises the alarm when it hears nothing
)

// Ours matches the alerts of this package, and no others.
const Ours = `alertname=~"Afterglow.+"`

// NewAlertmanager returns a whole configuration.
func NewAlertmanager(q query.Config, o Options) (Alertmanager, error) {
	w, err := newWriter(q, o)
	if err != nil {
		return Alertmanager{}, err
	}
	return Alertmanager{Route: w.routes(), Inhibit: w.inhibitions(), Receivers: w.receivers()}, nil
}

// NewPart returns what is to be added to a configuration: a route that takes only [Ours],
// rules that hold back only ours, and the receivers that are not there yet.
func NewPart(q query.Config, o Options) (Alertmanager, error) {
	whole, err := NewAlertmanager(q, o)
	if err != nil {
		return Alertmanager{}, err
	}
	named := make(map[string]string)
	part := Alertmanager{Inhibit: whole.Inhibit}
	for _, r := range whole.Receivers {
		if theirs, ok := o.Receivers[r.Name]; ok {
			named[r.Name] = theirs
			continue
		}
		named[r.Name] = OwnReceiver + r.Name
		r.Name = named[r.Name]
		part.Receivers = append(part.Receivers, r)
	}
	part.Route = whole.Route.renamed(named)
	part.Route.Matchers = []string{Ours}
	return part, nil
}

// OwnReceiver begins the names of receivers in another configuration, which may have
// a page and a ticket of its own.
const OwnReceiver = "afterglow-"

// renamed is the route with other receivers.
func (r Route) renamed(receivers map[string]string) Route {
	r.Receiver = receivers[r.Receiver]
	below := make([]Route, len(r.Routes))
	for i, sub := range r.Routes {
		below[i] = sub.renamed(receivers)
	}
	if len(below) == 0 {
		below = nil
	}
	r.Routes = below
	return r
}

func (w writer) routes() Route {
	timed := func(r Route, wait, interval, repeat string) Route {
		d := []model.Duration{w.interval(wait), w.interval(interval), w.interval(repeat)}
		r.GroupWait, r.GroupInterval, r.RepeatInterval = &d[0], &d[1], &d[2]
		return r
	}
	// Callbacks and instances of one runner come in one notification.
	root := Route{Receiver: ticket, GroupBy: append([]string{"alertname"}, w.labels("runner")...)}
	root.Routes = []Route{
		// The switch expects to hear every minute: an interval that is just
		// below that of the group is over whenever the group's is.
		timed(Route{Matchers: []string{`alertname="AfterglowWatchdog"`}, Receiver: deadman}, "0s", "1m", "50s"),
		timed(Route{Matchers: []string{`severity="critical"`}, Receiver: page}, "10s", "1m", "1h"),
		timed(Route{Matchers: []string{`severity="warning"`}, Receiver: ticket}, "1m", "5m", "1d"),
	}
	return timed(root, "1m", "5m", "1d")
}

// inhibitions hold back alerts that follow from another one that fires.
func (w writer) inhibitions() []Inhibit {
	const (
		ours = Ours
		// No other alert makes these doubtful: the switch always fires, and what a
		// process lost as it ended stays lost.
		always = "AfterglowWatchdog|AfterglowShutdownLostWork"
	)
	return []Inhibit{
		{ // Without metrics, no other alert can be trusted.
			Source: []string{`alertname="AfterglowTelemetryAbsent"`},
			Target: []string{ours, `alertname!~"AfterglowTelemetryAbsent|` + always + `"`},
			Equal:  append([]string{query.LabelCluster}, w.q.EqualLabels()...), // all that absent() can know
		},
		{ // The same of one job.
			Source: []string{`alertname="AfterglowJobAbsent"`},
			Target: []string{ours, `alertname!~"AfterglowTelemetryAbsent|AfterglowJobAbsent|` + always + `"`},
			Equal:  w.labels(),
		},
		{ // The same of one instance; alerts on all instances of a runner still have the
			// others. A ticket holds back no page: the instance may be up now and then.
			Source: []string{`alertname="AfterglowScrapeLost"`},
			Target: []string{ours, `alertname!~"AfterglowScrapeLost|` + always + `"`, `severity="warning"`, `instance!=""`},
			Equal:  w.labels("instance"),
		},
		{ // A queue that stands still is old, fills up, and has busy workers. Its
			// engineer sees the other warnings of the instance on the dashboards.
			Source: []string{`alertname="AfterglowQueueStuck"`},
			Target: []string{ours, `alertname!~"` + always + `"`, `severity="warning"`},
			Equal:  w.labels("instance", "runner"),
		},
		{ // What is held for so long that its places are full is old.
			Source: []string{`alertname="AfterglowHeldFull"`},
			Target: []string{`alertname="AfterglowOldestTooOld"`},
			Equal:  w.labels("instance", "runner"),
		},
		{ // What nobody works is old.
			Source: []string{`alertname="AfterglowDurableNoWorker"`},
			Target: []string{`alertname="AfterglowDurableOldestTooOld"`},
			Equal:  w.labels("runner", "queue"),
		},
		{ // One call for one outage.
			Source: []string{`alertname="AfterglowErrorBudgetBurnFast"`},
			Target: []string{`alertname="AfterglowErrorBudgetBurn"`},
			Equal:  w.labels("runner"),
		},
		{ // The engineer who works on a runner's budget sees its warnings on the
			// dashboards. A callback that is silent or never succeeds may be another
			// one than the callback that spends the budget, and folded names are
			// another trouble: those are told. So are dead letters, each of which waits
			// for somebody, and what else befalls durable tasks.
			Source: []string{`alertname=~"AfterglowErrorBudgetBurn(Fast)?"`},
			Target: []string{ours, `alertname!~"` + always + `|AfterglowCallbackSilent|AfterglowCallbackFailing|AfterglowNamesFolded|AfterglowDurable.+"`, `severity="warning"`},
			Equal:  w.labels("runner"),
		},
	}
}

func (w writer) receivers() []Receiver {
	to := func(name string, sendResolved bool) Receiver {
		return Receiver{name, []Webhook{{URLFile: path.Join(w.o.WebhookDir, name+".url"), SendResolved: sendResolved}}}
	}
	return []Receiver{to(page, true), to(ticket, true), to(deadman, false)}
}

// labels are those that tell the same thing apart, wherever alerts come from.
func (w writer) labels(names ...string) []string { return strings.Split(w.q.Labels(names...), ", ") }
