package rules

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Options are what a user may choose about the rules. The zero value is not
// usable: see [DefaultOptions].
type Options struct {
	// RunbookURL is where RUNBOOK.md can be read; alerts add their anchor.
	RunbookURL string

	// DashboardURL is Grafana's address, without a path to a dashboard.
	DashboardURL string

	// WebhookDir is a directory of the machine that Alertmanager runs on. Its
	// files page.url, ticket.url and deadman.url hold the addresses that
	// notifications go to, one each: they are secrets, so the configuration
	// only names the files.
	WebhookDir string

	// Receivers are receivers of an Alertmanager that is there already, by the name that
	// they have here: page, ticket or deadman. The part for its configuration uses them, and
	// has receivers of its own for the others.
	Receivers map[string]string

	// MayBeSilent is a regular expression of the whole names of callbacks that
	// AfterglowCallbackSilent leaves out, such as `report\..*|cleanup`: work
	// that comes and goes otherwise than every day alike. "": none.
	MayBeSilent string

	// MayBeAbsent is a regular expression of the whole names of jobs that
	// AfterglowJobAbsent and AfterglowScrapeLost leave out, such as
	// `report|batch-.*`: those that run by night, or that are scaled to zero.
	// Every other job that was seen within the day must run. "": all must.
	MayBeAbsent string

	// Dashboards are those that alerts link to. If they have no logs or no traces, an
	// alert leads to another panel instead.
	Dashboards grafana.Options

	// Compress is how many times faster than real time the rules judge: 300
	// makes an hour of them 12 seconds. It is for demonstrations and tests, in
	// which nobody waits for an hour, and useless for anything else: windows so
	// short see noise. Prometheus must then scrape and evaluate every second.
	// 1: real time.
	Compress float64
}

// DefaultOptions are those that the committed files are generated with.
func DefaultOptions() Options {
	return Options{
		RunbookURL:   "https://github.com/afterglow-go/afterglow/blob/main/dashboards/RUNBOOK.md",
		DashboardURL: "http://localhost:3000",
		WebhookDir:   "/etc/alertmanager/webhooks",
		Dashboards:   grafana.DefaultOptions(),
		Compress:     1,
	}
}

func (o Options) validate() error {
	if !(o.Compress >= 1) || math.IsInf(o.Compress, 1) {
		return fmt.Errorf("compress %v: use 1 for real time, or a larger number", o.Compress)
	}
	if _, err := labels.NewMatcher(labels.MatchNotRegexp, names.LabelCallback, o.MayBeSilent); err != nil {
		return fmt.Errorf("callbacks that may be silent: use a regular expression of their names: %w", err)
	}
	if _, err := labels.NewMatcher(labels.MatchNotRegexp, model.JobLabel, o.MayBeAbsent); err != nil {
		return fmt.Errorf("jobs that may be absent: use a regular expression of their names: %w", err)
	}
	for name, value := range o.Receivers {
		if name != page && name != ticket && name != deadman || strings.TrimSpace(value) == "" {
			return fmt.Errorf("receiver %s=%s: name yours for %s, %s or %s, as in %[3]s=pagerduty", name, value, page, ticket, deadman)
		}
	}
	for name, value := range map[string]string{"runbook URL": o.RunbookURL, "dashboard URL": o.DashboardURL, "webhook directory": o.WebhookDir} {
		if strings.TrimSpace(value) == "" {
			return fmt.Errorf("the %s is empty", name)
		}
	}
	for name, value := range map[string]string{"runbook URL": o.RunbookURL, "dashboard URL": o.DashboardURL} {
		u, err := url.Parse(value)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("the %s %q cannot be followed: write all of it, https:// or http:// first", name, value)
		}
		if u.Fragment != "" || u.RawQuery != "" && value == o.DashboardURL {
			return fmt.Errorf("the %s %q leads too far: leave the part after ? or # out, alerts add their own", name, value)
		}
	}
	return nil
}

// The least that compressing leaves: of a window five samples, if there is one
// a second, and of a notification's interval a second.
const (
	leastWindow   = 5 * time.Second
	leastInterval = time.Second
)

// mostHistory is the most that compressing leaves of what Prometheus must have
// seen before an alert may judge: nobody who watches a demonstration waits for a day.
const mostHistory = 10 * time.Second

// writer writes rules with the same options.
type writer struct {
	q      query.Config
	o      Options
	boards boards // that links lead to; only [Alerts] reads them
}

func newWriter(q query.Config, o Options) (writer, error) {
	for name, slo := range map[string]float64{"slo": q.SLO(), "latency slo": q.LatencySLO()} {
		if fastest := 1 / (1 - slo); fastest <= fastBurn {
			return writer{}, fmt.Errorf("%s %v: its budget cannot burn %v times as fast as it may, even if nothing went well: use more than %.3f",
				name, slo, fastBurn, 1-1/fastBurn)
		}
	}
	if err := o.validate(); err != nil {
		return writer{}, err
	}
	return writer{q: q, o: o}, nil
}

// compress is d in the time of the rules, but at least least.
func (w writer) compress(d, least time.Duration) time.Duration {
	if w.o.Compress == 1 {
		return d
	}
	return max(time.Duration(float64(d)/w.o.Compress).Round(time.Millisecond), least)
}

// window is a range of samples, as PromQL.
func (w writer) window(d string) string {
	return model.Duration(w.compress(duration(d), leastWindow)).String()
}

// seconds is an age or a length of time that an expression compares with.
func (w writer) seconds(d string) string {
	return fmt.Sprint(w.compress(duration(d), leastWindow).Seconds())
}

// step is the time between two evaluations of a subquery.
func (w writer) step(d string) string {
	return model.Duration(w.compress(duration(d), leastInterval)).String()
}

// stepSeconds is the same, as a number.
func (w writer) stepSeconds(d string) string {
	return fmt.Sprint(w.compress(duration(d), leastInterval).Seconds())
}

// history is how long ago Prometheus must have seen something, as PromQL.
func (w writer) history(d string) string {
	ago := w.compress(duration(d), leastWindow)
	if w.o.Compress != 1 {
		ago = min(ago, mostHistory)
	}
	return model.Duration(ago).String()
}

// hold is how long something must last, or goes on after its end.
func (w writer) hold(d string) model.Duration { return model.Duration(w.compress(duration(d), 0)) }

// interval is one of a notification.
func (w writer) interval(d string) model.Duration {
	if d == "0s" {
		return 0
	}
	return model.Duration(w.compress(duration(d), leastInterval))
}

// duration is d, which this package has written.
func duration(d string) time.Duration {
	v, err := model.ParseDuration(d)
	if err != nil {
		panic(err)
	}
	return time.Duration(v)
}
