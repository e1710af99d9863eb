package telemetry

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
)

// Config says where telemetry goes. The zero value uses what the process has
// set globally. New copies it; changing it afterwards has no effect.
type Config struct {
	// TracerProvider makes the spans. Where there shall be none, that of package
	// noop costs less than the global one without an SDK: a callback that succeeds
	// then calls nothing of a Telemetry, unless it is recorded. But nothing is kept
	// when a callback is accepted, so its records have the ids that the context of its asker
	// has when they are written.
	// nil: otel.GetTracerProvider(), which may be set after New.
	TracerProvider trace.TracerProvider

	// Registerer gets the metrics. A registerer takes them once: runners share
	// one Telemetry.
	// nil: prometheus.DefaultRegisterer.
	Registerer prometheus.Registerer

	// Logger writes the records.
	// nil: slog.Default(), as it is when New is called.
	Logger *slog.Logger

	// Relation is how the span of a callback refers to the span that was
	// current where it was asked for.
	// Zero value: [Link].
	Relation Relation

	// RelationFor chooses the relation by the names of the runner and the
	// callback. It is asked when the first callback of a name starts on a runner,
	// and by others that start before it has answered; then the first answer
	// holds. For names beyond runner.Config.MaxNames it is asked at each start. With a
	// TracerProvider of package noop it is not asked. It must be safe for concurrent
	// use, and may ask for callbacks itself. If it panics, or returns what is no
	// Relation, that is counted as an error of the signal traces, and
	// Config.Relation holds.
	// nil: Config.Relation for all.
	RelationFor func(runnerName, callback string) Relation

	// AskSpans makes a span of the asking itself: "ask {name}", of kind
	// producer, a child of the asker's span, with an error if the callback was
	// rejected. The process span then refers to it, and not to the asker's.
	//
	// It costs a second span for each callback, and one for each that is rejected,
	// in the time of the call that asks: where spans are sampled, about half as
	// much again as a callback's telemetry costs without, and one more span to
	// export (COST.md).
	AskSpans bool

	// LogRate is how many records of failures may be written at once, and in
	// each second from then on, of each message for each runner and callback
	// name: twice as many in the first second. The next one that is written says
	// how many were left out; what no later one says, the end of the drain does.
	// Folded names share one limit. Counters and spans leave nothing out.
	// 0: 10; negative: no limit.
	LogRate int

	// OmitTraceIDs leaves trace_id and span_id out of the records, for a Logger
	// whose handler takes them from the context, such as the otelslog bridge or
	// a [TraceHandler]. request.trace_id stays.
	OmitTraceIDs bool

	// FlightRecorder keeps what led to a stuck callback, a timeout or a panic. The
	// record and the span of that callback say in which file.
	// One that is stopped already is an error of New.
	// nil: nothing is kept.
	FlightRecorder *FlightRecorder
}

const defaultLogRate = 10

// validate reports every field that cannot be used, joined.
func (c Config) validate() error {
	var errs []error
	if c.Relation >= numRelations {
		errs = append(errs, fmt.Errorf("telemetry: Config.Relation is %v: use Link, Child or ChildAndLink", c.Relation))
	}
	if c.FlightRecorder != nil {
		errs = append(errs, c.FlightRecorder.validate())
	}
	return errors.Join(errs...)
}

// withDefaults replaces each zero field by what it stands for. The result shares
// nothing with c that its owner may change.
func (c Config) withDefaults() Config {
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	if c.Registerer == nil {
		c.Registerer = prometheus.DefaultRegisterer
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.LogRate == 0 {
		c.LogRate = defaultLogRate
	}
	return c
}
