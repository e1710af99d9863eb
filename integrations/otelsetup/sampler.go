package otelsetup

import (
	"os"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/afterglow-go/afterglow/telemetry/sampling"
)

// sampler is the one that OTEL_TRACES_SAMPLER names, all traces by default. The
// SDK reads the variable, too, but then a callback's trace would be sampled
// without regard to its request's. Only always_on and always_off are what they
// say: the latter samples not even what others have sampled the request of.
func (e *environment) sampler() sdktrace.Sampler {
	const name = "OTEL_TRACES_SAMPLER"
	value, ratio := os.Getenv(name), e.ratio()
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "parentbased_always_on":
		return sdktrace.ParentBased(sampling.Linked(sdktrace.AlwaysSample()))
	case "always_on":
		return sdktrace.AlwaysSample()
	case "parentbased_always_off":
		return sdktrace.ParentBased(sampling.Linked(sdktrace.NeverSample()))
	case "always_off":
		return sdktrace.NeverSample()
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sampling.Linked(sdktrace.TraceIDRatioBased(ratio)))
	case "traceidratio":
		return sampling.Linked(sdktrace.TraceIDRatioBased(ratio))
	}
	e.refuse(name, value, "always_on, always_off or traceidratio, with or without parentbased_ before it")
	return nil
}

// ratio is the share of traces that traceidratio samples. It is checked whatever the
// sampler.
func (e *environment) ratio() float64 {
	const name = "OTEL_TRACES_SAMPLER_ARG"
	value := strings.TrimSpace(os.Getenv(name))
	if value == "" {
		return 1
	}
	ratio, err := strconv.ParseFloat(value, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		e.refuse(name, value, "a number from 0 to 1")
	}
	return ratio
}
