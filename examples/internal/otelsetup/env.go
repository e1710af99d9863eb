package otelsetup

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// environment reads OpenTelemetry's variables and keeps what is wrong with
// them. The SDK by itself would go on with something else, export to nowhere, or
// panic.
type environment struct{ mistakes []error }

// err is all mistakes, joined.
func (e *environment) err() error { return errors.Join(e.mistakes...) }

// refuse notes a mistake. A variable of all signals is read for each of them,
// and refused once.
func (e *environment) refuse(name, value, use string) {
	err := fmt.Errorf("%s is %q: use %s", name, value, use)
	if !slices.ContainsFunc(e.mistakes, func(known error) bool { return known.Error() == err.Error() }) {
		e.mistakes = append(e.mistakes, err)
	}
}

// oneOf checks a name.
func (e *environment) oneOf(name string, values ...string) {
	if value := os.Getenv(name); value != "" && !slices.Contains(values, value) {
		last := len(values) - 1
		e.refuse(name, value, strings.Join(values[:last], ", ")+" or "+values[last])
	}
}

// number checks a whole number, and returns it.
func (e *environment) number(name string, least, fallback int) int {
	value := strings.TrimSpace(os.Getenv(name))
	if value == "" {
		return fallback
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < least {
		e.refuse(name, value, fmt.Sprintf("a whole number, %d or more", least))
		return fallback
	}
	return n
}

// endpoint checks where to export to.
func (e *environment) endpoint(name string) {
	value := os.Getenv(name)
	if value == "" {
		return
	}
	u, err := url.Parse(strings.TrimSpace(value))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		e.refuse(name, value, "a URL with its scheme, as in http://localhost:4318")
	}
}

// exporter checks what says how a signal is exported, if it is by OTLP.
func (e *environment) exporter(signal string) {
	upper := strings.ToUpper(signal)
	names := []string{"otlp", "console", "none"}
	if signal == Metrics {
		names = []string{"otlp", "prometheus", "console", "none"}
	}
	name := "OTEL_" + upper + "_EXPORTER"
	e.oneOf(name, names...)
	if by := os.Getenv(name); by != "" && by != "otlp" {
		return
	}
	for _, prefix := range []string{"OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_" + upper + "_"} {
		e.oneOf(prefix+"PROTOCOL", "grpc", "http/protobuf")
		e.endpoint(prefix + "ENDPOINT")
		e.number(prefix+"TIMEOUT", 0, 0)
	}
}

// Defaults of the SDK's batch processors, as the specification has them.
const defaultQueue = 2048

// queue checks the settings of a batch processor and returns how many may wait
// in it.
func (e *environment) queue(prefix string) int {
	e.number(prefix+"MAX_EXPORT_BATCH_SIZE", 1, 0)
	e.number(prefix+"SCHEDULE_DELAY", 1, 0)
	e.number(prefix+"EXPORT_TIMEOUT", 0, 0)
	return e.number(prefix+"MAX_QUEUE_SIZE", 1, defaultQueue)
}
