package pool

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// Name is the callback's, and in the instrumentation by hand the task's.
const Name = "order.email"

// Observed is a runner with as much telemetry as is measured.
type Observed struct {
	*runner.Runner
	tracing *tracing
	metrics *prometheus.Registry
}

// NewObserved adds the observer of that telemetry to cfg.
func NewObserved(cfg runner.Config, t Telemetry) Observed {
	return observe(cfg, newTracing(t), t != TelemetryOff)
}

// observe discards the log: no contestant is measured with a log.
func observe(cfg runner.Config, t *tracing, on bool) Observed {
	o := Observed{tracing: t, metrics: prometheus.NewRegistry()}
	var err error
	if on {
		tel, err := telemetry.New(telemetry.Config{
			TracerProvider: t.provider,
			Registerer:     o.metrics,
			Logger:         slog.New(slog.DiscardHandler),
		})
		must(err)
		cfg.Observers = append(cfg.Observers, tel.Observer())
	}
	o.Runner, err = runner.New(cfg)
	must(err)
	return o
}

// Request is the context of a request, and a function that ends it.
func (o Observed) Request() (context.Context, func()) { return o.tracing.request() }

// Snapshot copies the books by name, and reports whether this runner has them.
func (o Observed) Snapshot() bool {
	o.Runner.Snapshot()
	return true
}

// Scrape is what a scrape of the metrics costs the process, without the network.
func (o Observed) Scrape() {
	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics", nil)
	promhttp.HandlerFor(o.metrics, promhttp.HandlerOpts{}).ServeHTTP(unread{io.Discard, http.Header{}}, request)
}

// unread is a response that keeps nothing but its header.
type unread struct {
	io.Writer
	header http.Header
}

func (u unread) Header() http.Header { return u.header }
func (unread) WriteHeader(int)       {}

// Close drains the runner and flushes its spans.
func (o Observed) Close() {
	_, err := o.Shutdown(context.Background())
	must(err)
	o.tracing.close()
}

// blocking is the runner's configuration as a pool. It blocks for as long as a
// task may take: a producer that was refused would count as lost work.
func blocking(s Size) runner.Config {
	return runner.Config{Workers: s.Workers, Queue: s.Queue, Timeout: Timeout, Overflow: runner.Block(Timeout)}
}

// direct asks with Go: its callbacks are due at once.
type direct struct{ Observed }

func newDirect(t Telemetry) func(Size) Pool {
	return func(s Size) Pool { return direct{NewObserved(blocking(s), t)} }
}

func (p direct) Prepare(task func()) Submit {
	run := func(context.Context) error { task(); return nil }
	return func(ctx context.Context) { must(p.Go(ctx, Name, run)) }
}

// scoped asks with After: its callbacks are due when their scope is released.
type scoped struct{ Observed }

func newScoped(t Telemetry) func(Size) Pool {
	return func(s Size) Pool { return scoped{NewObserved(blocking(s), t)} }
}

func (p scoped) Prepare(task func()) Submit {
	run := func(context.Context) error { task(); return nil }
	return func(ctx context.Context) { must(runner.After(ctx, Name, run)) }
}

func (p scoped) Open(ctx context.Context) (context.Context, func()) {
	ctx, release := p.Scope(ctx)
	return ctx, func() { release(nil) }
}

// WithNames is a runner with full metrics of so many names, after ten callbacks
// of each, of different lengths, of which one has failed.
func WithNames(n int) Observed {
	o := NewObserved(blocking(Size{Workers: 64, Queue: 1024}), NoopTracer)
	failed := errors.New("failed")
	var ended sync.WaitGroup
	for name := range n {
		for i := range 10 {
			ended.Add(1)
			must(o.Go(context.Background(), "callback.number"+strconv.Itoa(name), func(context.Context) error {
				defer ended.Done()
				time.Sleep(50 * time.Microsecond << i)
				if i == 0 {
					return failed
				}
				return nil
			}))
		}
	}
	ended.Wait()
	return o
}

// PartLine is the difference between a callback of a runner that finds the line
// that asked, and one of a runner that does not.
const PartLine = "the line that asked"

// askedBy asks for callbacks ten calls down the stack, with Do, as handing them
// to a worker would blur the difference.
func askedBy(line bool) func() (func(), func()) {
	return func() (func(), func()) {
		r := NewObserved(runner.Config{Observers: []runner.Observer{{WantsCaller: func(context.Context) bool { return line }}}}, TelemetryOff)
		ctx, callback := context.Background(), func(context.Context) error { return nil }
		return func() {
			deep(10, func() { must(r.Do(ctx, Name, callback)) })
		}, r.Close
	}
}
