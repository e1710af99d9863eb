package rules

import (
	"path"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// What Alertmanager's configuration consists of, as far as it is used here.
type (
	alertmanager struct {
		Route     route      `yaml:"route"`
		Inhibit   []inhibit  `yaml:"inhibit_rules"`
		Receivers []receiver `yaml:"receivers"`
	}
	route struct {
		Matchers       []string        `yaml:"matchers,omitempty"`
		Receiver       string          `yaml:"receiver"`
		GroupBy        []string        `yaml:"group_by,omitempty,flow"`
		GroupWait      *model.Duration `yaml:"group_wait,omitempty"`
		GroupInterval  *model.Duration `yaml:"group_interval,omitempty"`
		RepeatInterval *model.Duration `yaml:"repeat_interval,omitempty"`
		Routes         []route         `yaml:"routes,omitempty"`
	}
	inhibit struct {
		Source []string `yaml:"source_matchers"`
		Target []string `yaml:"target_matchers"`
		Equal  []string `yaml:"equal,omitempty,flow"`
	}
	receiver struct {
		Name     string    `yaml:"name"`
		Webhooks []webhook `yaml:"webhook_configs"`
	}
	webhook struct {
		URLFile      string `yaml:"url_file"`
		SendResolved bool   `yaml:"send_resolved"`
	}
)

// The receivers.
const (
	page    = "page"    // wakes somebody
	ticket  = "ticket"  // for working hours
	deadman = "deadman" // raises the alarm when it hears nothing
)

func newAlertmanager(q query.Config, o Options) (alertmanager, error) {
	w, err := newWriter(q, o)
	if err != nil {
		return alertmanager{}, err
	}
	return alertmanager{Route: w.routes(), Inhibit: w.inhibitions(), Receivers: w.receivers()}, nil
}

func (w writer) routes() route {
	timed := func(r route, wait, interval, repeat string) route {
		d := []model.Duration{w.interval(wait), w.interval(interval), w.interval(repeat)}
		r.GroupWait, r.GroupInterval, r.RepeatInterval = &d[0], &d[1], &d[2]
		return r
	}
	// Callbacks and instances of one runner come in one notification.
	root := route{Receiver: ticket, GroupBy: append([]string{"alertname"}, w.labels("runner")...)}
	root.Routes = []route{
		// The switch expects to hear every minute: an interval that is just
		// below that of the group is over whenever the group's is.
		timed(route{Matchers: []string{`alertname="AfterglowWatchdog"`}, Receiver: deadman}, "0s", "1m", "50s"),
		timed(route{Matchers: []string{`severity="critical"`}, Receiver: page}, "10s", "1m", "1h"),
		timed(route{Matchers: []string{`severity="warning"`}, Receiver: ticket}, "1m", "5m", "1d"),
	}
	return timed(root, "1m", "5m", "1d")
}

// inhibitions hold back alerts that follow from another one that fires.
func (w writer) inhibitions() []inhibit {
	const (
		ours = `alertname=~"Afterglow.+"`
		// No other alert makes these doubtful: the switch always fires, and what a
		// process lost as it ended stays lost.
		always = "AfterglowWatchdog|AfterglowShutdownLostWork"
	)
	return []inhibit{
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

func (w writer) receivers() []receiver {
	to := func(name string, sendResolved bool) receiver {
		return receiver{name, []webhook{{URLFile: path.Join(w.o.WebhookDir, name+".url"), SendResolved: sendResolved}}}
	}
	return []receiver{to(page, true), to(ticket, true), to(deadman, false)}
}

// labels are those that tell the same thing apart, wherever alerts come from.
func (w writer) labels(names ...string) []string { return strings.Split(w.q.Labels(names...), ", ") }
