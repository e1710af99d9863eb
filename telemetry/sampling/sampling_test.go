package sampling_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/telemetry/sampling"
)

// spanContext is a valid one with that trace id.
func spanContext(id byte, sampled bool) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{id}, SpanID: trace.SpanID{id},
	}).WithTraceFlags(trace.TraceFlags(0).WithSampled(sampled))
}

func links(contexts ...trace.SpanContext) []trace.Link {
	var all []trace.Link
	for _, sc := range contexts {
		all = append(all, trace.Link{SpanContext: sc})
	}
	return all
}

func TestLinksDecideAndWithoutThemTheRootDoes(t *testing.T) {
	sampled, unsampled := spanContext(1, true), spanContext(2, false)
	invalid := trace.SpanContext{}.WithTraceFlags(trace.FlagsSampled)
	for _, c := range []struct {
		name  string
		links []trace.Link
		want  map[string]sdktrace.SamplingDecision // by the root's description
	}{
		{"no link", nil, map[string]sdktrace.SamplingDecision{"AlwaysOnSampler": sdktrace.RecordAndSample, "AlwaysOffSampler": sdktrace.Drop}},
		{"an invalid link", links(invalid), map[string]sdktrace.SamplingDecision{"AlwaysOnSampler": sdktrace.RecordAndSample, "AlwaysOffSampler": sdktrace.Drop}},
		{"a sampled link", links(sampled), map[string]sdktrace.SamplingDecision{"AlwaysOnSampler": sdktrace.RecordAndSample, "AlwaysOffSampler": sdktrace.RecordAndSample}},
		{"a link that is not sampled", links(unsampled), map[string]sdktrace.SamplingDecision{"AlwaysOnSampler": sdktrace.Drop, "AlwaysOffSampler": sdktrace.Drop}},
		{"both, in either order", links(unsampled, invalid, sampled, unsampled), map[string]sdktrace.SamplingDecision{"AlwaysOnSampler": sdktrace.RecordAndSample, "AlwaysOffSampler": sdktrace.RecordAndSample}},
	} {
		for _, root := range []sdktrace.Sampler{sdktrace.AlwaysSample(), sdktrace.NeverSample()} {
			t.Run(c.name+" "+root.Description(), func(t *testing.T) {
				got := sampling.Linked(root).ShouldSample(sdktrace.SamplingParameters{ParentContext: t.Context(), Links: c.links})
				require.Equal(t, c.want[root.Description()], got.Decision)
			})
		}
	}
}

func TestTheTraceStateIsTheParents(t *testing.T) {
	state, err := trace.ParseTraceState("vendor=1")
	require.NoError(t, err)
	parent := trace.ContextWithRemoteSpanContext(t.Context(), spanContext(1, true).WithTraceState(state))
	for _, l := range [][]trace.Link{nil, links(spanContext(2, true)), links(spanContext(2, false))} {
		got := sampling.Linked(sdktrace.AlwaysSample()).ShouldSample(sdktrace.SamplingParameters{ParentContext: parent, Links: l})
		require.Equal(t, state, got.Tracestate)
	}
}

func TestANilRootIsTheDefaultOfTheSDK(t *testing.T) {
	s := sampling.Linked(nil)
	require.Equal(t, fmt.Sprintf("Linked{%s}", sdktrace.ParentBased(sdktrace.AlwaysSample()).Description()), s.Description())
	decide := func(ctx context.Context) sdktrace.SamplingDecision {
		return s.ShouldSample(sdktrace.SamplingParameters{ParentContext: ctx}).Decision
	}
	require.Equal(t, sdktrace.RecordAndSample, decide(t.Context()))
	require.Equal(t, sdktrace.Drop, decide(trace.ContextWithSpanContext(t.Context(), spanContext(1, false))))
}

// This is why it belongs inside.
func TestInsideOfParentBasedAChildFollowsItsParentAndAroundItItsLinks(t *testing.T) {
	child := sdktrace.SamplingParameters{
		ParentContext: trace.ContextWithSpanContext(t.Context(), spanContext(1, true)),
		Links:         links(spanContext(2, false)),
	}
	root := sdktrace.AlwaysSample()
	require.Equal(t, sdktrace.RecordAndSample, sdktrace.ParentBased(sampling.Linked(root)).ShouldSample(child).Decision)
	require.Equal(t, sdktrace.Drop, sampling.Linked(sdktrace.ParentBased(root)).ShouldSample(child).Decision)
}
