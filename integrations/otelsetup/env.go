package otelsetup

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/contrib/propagators/autoprop"
)

// environment reads OpenTelemetry's variables and keeps what is wrong with
// them. The SDK by itself would go on with something else, export to nowhere, or
// panic. Spaces around a value are wrong too: some parts of the SDK take them for
// a part of it.
type environment struct{ mistakes []error }

// err is all mistakes, joined.
func (e *environment) err() error { return errors.Join(e.mistakes...) }

// refuse notes a mistake.
func (e *environment) refuse(name, value, use string) {
	e.mistake(fmt.Errorf("%s is %q: use %s", name, value, use))
}

// mistake notes one. A variable of all signals is read for each of them, and
// refused once.
func (e *environment) mistake(err error) {
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

// only checks a name of which one value is true.
func (e *environment) only(name, only, why string) {
	if value := os.Getenv(name); value != "" && !strings.EqualFold(value, only) {
		e.refuse(name, value, only+": "+why)
	}
}

// truth checks a truth value.
func (e *environment) truth(name string) {
	if value := os.Getenv(name); value != "" && !strings.EqualFold(value, "true") && !strings.EqualFold(value, "false") {
		e.refuse(name, value, "true or false")
	}
}

// number checks a whole number, and returns it.
func (e *environment) number(name string, least, fallback int) int {
	value := os.Getenv(name)
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

// pairs checks a list of keys and values. describe says what is wrong with one of
// them, the first being number 1.
func (e *environment) pairs(name string, isKey func(string) bool, describe func(number int, what string)) {
	list := os.Getenv(name)
	if list == "" {
		return
	}
	for i, pair := range strings.Split(list, ",") {
		key, value, found := strings.Cut(pair, "=")
		_, err := url.PathUnescape(value)
		switch {
		case !found:
			describe(i+1, "has no =")
		case !isKey(strings.TrimSpace(key)):
			describe(i+1, "has no key that can be used")
		case err != nil:
			describe(i+1, "has a % without two digits after it")
		}
	}
}

// resource checks what the environment says of the service.
func (e *environment) resource() {
	const name = "OTEL_RESOURCE_ATTRIBUTES"
	e.pairs(name, func(key string) bool { return key != "" }, func(number int, what string) {
		e.refuse(name, os.Getenv(name), fmt.Sprintf("key=value pairs, separated by commas, %%25 for %%: pair %d %s", number, what))
	})
}

// propagators checks how traces are passed on.
func (e *environment) propagators() {
	const name = "OTEL_PROPAGATORS"
	if value := os.Getenv(name); value != "" {
		if _, err := autoprop.TextMapPropagator(strings.Split(value, ",")...); err != nil {
			e.refuse(name, value, "tracecontext, baggage, b3, b3multi, jaeger, xray, ottrace or none, or several of them, separated by commas")
		}
	}
}

// limits checks how much of a span or a log record is kept. What is below 0 is no
// limit.
func (e *environment) limits(names ...string) {
	for _, name := range names {
		e.number("OTEL_"+name+"_LIMIT", -1, 0)
	}
}

// Defaults of the SDK's batch processors, as the specification has them.
const defaultQueue = 2048

// queue checks the settings of a batch processor and returns how many may wait
// in it. leastTimeout is that of an export: the one of log records takes 0 for its
// default.
func (e *environment) queue(prefix string, leastTimeout int) int {
	e.number(prefix+"SCHEDULE_DELAY", 1, 0)
	e.number(prefix+"EXPORT_TIMEOUT", leastTimeout, 0)
	size := e.number(prefix+"MAX_QUEUE_SIZE", 1, defaultQueue)
	if batch := e.number(prefix+"MAX_EXPORT_BATCH_SIZE", 1, 0); batch > size {
		e.refuse(prefix+"MAX_EXPORT_BATCH_SIZE", strconv.Itoa(batch), fmt.Sprintf("no more than %sMAX_QUEUE_SIZE, which is %d", prefix, size))
	}
	return size
}
