package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Config says what a [Console] shows. The zero value is ready for use: runners join by
// [Console.Observer].
type Config struct {
	// Title names the program on every page.
	// Empty: the name of its main module.
	Title string

	// Runners are shown too, without what only an observer sees: failures, rejections,
	// recent runs and the reports of drains. A runner that has Observer need not be here.
	Runners []*runner.Runner

	// Durable are queues that outlive the process.
	Durable []Durable

	// TraceURL leads to a trace: {trace} in it stands for the trace's id. It may be
	// relative to the console's own address, as in "../../traces?trace={trace}".
	// Empty: traces are shown by their ids.
	TraceURL string

	// RunbookURL is where the runbook of the alerts can be read; verdicts add the anchor
	// of their alert.
	// Empty: verdicts name the alert, without a link.
	RunbookURL string

	// SLO is the share of callbacks that must not end badly. It is what the alerts were
	// generated with.
	// 0: 0.999.
	SLO float64

	// Actions lets those who can open the pages change something: they can have dead
	// letters run again. Put your own authentication before the handler.
	// false: the server refuses every action.
	Actions bool

	// OnAction is called after each action: write your audit record there. ctx is that
	// of the request, so it has what your authentication has put there.
	// nil: the action is logged with slog.Default at level info.
	OnAction func(ctx context.Context, a Action)

	// FlightRecorder adds a recording of the last seconds to the bundle. A
	// *trace.FlightRecorder is one, and so is telemetry's.
	// nil: the bundle has none.
	FlightRecorder io.WriterTo

	// MaxViewers is how many pages may be updated live at once. Beyond that, a page
	// shows what it had when it was opened, and tries again.
	// 0: 256.
	MaxViewers int
}

// Action is something that was done by a page.
type Action struct {
	At         time.Time
	Name       string // "retry"
	Queue      string // Durable.Name
	Group      string // of dead letters; empty: it was one task
	Task       string // its id; empty: it was a group
	Changed    int    // tasks
	More       bool   // there are more of the group
	Err        error  // nil: it was done
	RemoteAddr string // of the request
}

const (
	defaultSLO     = 0.999
	defaultViewers = 256
	tracePlace     = "{trace}"
)

// validate reports every field that cannot be used, joined.
func (c Config) validate() error {
	var errs []error
	for i, r := range c.Runners {
		if r == nil {
			errs = append(errs, fmt.Errorf("console: Config.Runners[%d] is nil: leave it out, or make it with runner.New", i))
		}
	}
	seen := make(map[string]bool)
	for i, d := range c.Durable {
		if d.Name == "" || seen[d.Name] {
			errs = append(errs, fmt.Errorf("console: Config.Durable[%d].Name is %q: give each a name of its own", i, d.Name))
		}
		seen[d.Name] = true
		if d.Queues == nil {
			errs = append(errs, fmt.Errorf("console: Config.Durable[%d].Queues is nil: without it there is nothing to show", i))
		}
	}
	if c.TraceURL != "" && !strings.Contains(c.TraceURL, tracePlace) {
		errs = append(errs, fmt.Errorf("console: Config.TraceURL %q has no %s: put it where the trace's id belongs", c.TraceURL, tracePlace))
	}
	for _, f := range []struct{ name, value string }{{"TraceURL", strings.ReplaceAll(c.TraceURL, tracePlace, "0")}, {"RunbookURL", c.RunbookURL}} {
		if u, err := url.Parse(f.value); err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
			errs = append(errs, fmt.Errorf("console: Config.%s %q cannot be followed: use an http or https address, or a relative one", f.name, f.value))
		}
	}
	if c.SLO != 0 && !(c.SLO > 0 && c.SLO < 1) {
		errs = append(errs, fmt.Errorf("console: Config.SLO is %v: use 0 for the default, or a share between 0 and 1", c.SLO))
	}
	if c.MaxViewers < 0 {
		errs = append(errs, fmt.Errorf("console: Config.MaxViewers is %d: use 0 for the default, or a positive number", c.MaxViewers))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	if c.Title == "" {
		c.Title = programName()
	}
	c.Title = clean(c.Title, maxName)
	if c.SLO == 0 {
		c.SLO = defaultSLO
	}
	if c.MaxViewers == 0 {
		c.MaxViewers = defaultViewers
	}
	return c
}
