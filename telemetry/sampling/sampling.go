// Package sampling has a sampler for traces that are connected by links, such
// as those of callbacks: it samples both ends of a link, or none.
//
// A callback's process span is the root of a trace of its own, linked to the
// request's span. A sampler that decides by the trace's id decides anew for
// that trace. At a ratio of one half, every second link then leads to a span
// that was never recorded, or from one.
//
// This package is apart from telemetry because it needs the interface of the
// OpenTelemetry SDK; who does not import it does not link the SDK.
package sampling

import (
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Linked returns a sampler that lets a span's links decide, and asks root about
// a span without links:
//
//   - A link that is sampled: the span is recorded and sampled.
//   - Links, and none of them is sampled: the span is dropped.
//   - No link: root decides. Links without a valid span context are none.
//
// Put it inside of ParentBased:
//
//	sdktrace.ParentBased(sampling.Linked(sdktrace.TraceIDRatioBased(0.01)))
//
// Then a span that has a parent follows its parent, so that no trace has holes,
// and only roots follow their links. Around ParentBased it does the same for
// the spans of package telemetry, but it lets a child that is linked to other
// traces go another way than its parent. The links that count are those given
// when the span starts; one that is added later comes too late for any sampler.
//
// The result's trace state is the parent's, as with the SDK's own samplers.
//
// nil root: sdktrace.ParentBased(sdktrace.AlwaysSample()), which is what the
// SDK uses by default.
func Linked(root sdktrace.Sampler) sdktrace.Sampler {
	if root == nil {
		root = sdktrace.ParentBased(sdktrace.AlwaysSample())
	}
	return linked{root}
}

type linked struct{ root sdktrace.Sampler }

// ShouldSample implements [sdktrace.Sampler].
func (l linked) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	decision, decided := sdktrace.Drop, false
	for _, link := range p.Links {
		if link.SpanContext.IsValid() {
			decided = true
			if link.SpanContext.IsSampled() {
				decision = sdktrace.RecordAndSample
				break
			}
		}
	}
	if !decided {
		return l.root.ShouldSample(p)
	}
	return sdktrace.SamplingResult{
		Decision:   decision,
		Tracestate: trace.SpanContextFromContext(p.ParentContext).TraceState(),
	}
}

// Description implements [sdktrace.Sampler].
func (l linked) Description() string { return fmt.Sprintf("Linked{%s}", l.root.Description()) }
