package otelsetup

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/afterglow-go/afterglow/telemetry/sampling"
)

// newSampler is the one that OTEL_TRACES_SAMPLER names, all traces by default.
// The SDK reads the variable, too, but then a callback's trace would be sampled
// without regard to its request's.
func newSampler() (sdktrace.Sampler, error) {
	name := strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER")))
	root, ok := strings.CutPrefix(name, "parentbased_")
	var sampler sdktrace.Sampler
	switch root {
	case "":
		sampler, ok = sdktrace.AlwaysSample(), true
	case "always_on":
		sampler = sdktrace.AlwaysSample()
	case "always_off":
		sampler = sdktrace.NeverSample()
	case "traceidratio":
		ratio, err := ratio()
		if err != nil {
			return nil, err
		}
		sampler = sdktrace.TraceIDRatioBased(ratio)
	default:
		return nil, fmt.Errorf("OTEL_TRACES_SAMPLER is %q: use always_on, always_off or traceidratio, with or without parentbased_", name)
	}
	sampler = sampling.Linked(sampler)
	if ok {
		sampler = sdktrace.ParentBased(sampler)
	}
	return sampler, nil
}

// ratio is the share of traces that traceidratio samples.
func ratio() (float64, error) {
	arg := strings.TrimSpace(os.Getenv("OTEL_TRACES_SAMPLER_ARG"))
	if arg == "" {
		return 1, nil
	}
	ratio, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		return 0, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG is %q: use a number from 0 to 1", arg)
	}
	return ratio, nil
}
