package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// evidence is what came out of some scenarios.
type evidence struct {
	text, open strings.Builder
	families   map[string][]*dto.MetricFamily // by name; one of each scrape
	spans      tracetest.SpanStubs
	records    []map[string]any
	goroutines bytes.Buffer // profiles of goroutines, as text
	executions bytes.Buffer // execution traces
}

func newEvidence() *evidence { return &evidence{families: make(map[string][]*dto.MetricFamily)} }

// scrape asks a server for the metrics of g in three formats.
func (e *evidence) scrape(t *testing.T, g *rig) {
	server := httptest.NewServer(promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError,
	}))
	defer server.Close()
	get := func(accept string) (expfmt.Format, []byte) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Accept", accept)
		response, err := server.Client().Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, response.StatusCode, string(body))
		return expfmt.ResponseFormat(response.Header), body
	}
	_, text := get(textFormat)
	e.text.Write(text)
	_, open := get(openMetrics)
	e.open.Write(open)
	format, protobuf := get(string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	for decoder := expfmt.NewDecoder(bytes.NewReader(protobuf), format); ; {
		f := new(dto.MetricFamily)
		err := decoder.Decode(f)
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		e.families[f.GetName()] = append(e.families[f.GetName()], f)
	}
}

// take scrapes g for the last time and takes its spans and records.
func (e *evidence) take(t *testing.T, g *rig) {
	e.scrape(t, g)
	e.spans = append(e.spans, g.exporter.GetSpans()...)
	for line := range strings.Lines(g.logs.buf.String()) {
		var r map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &r))
		e.records = append(e.records, r)
	}
}

// withLabel returns the series that have this label, and this value of it
// unless that is empty.
func (e *evidence) withLabel(name, value string) (found []*dto.Metric) {
	for _, all := range e.families {
		for _, f := range all {
			for _, m := range f.GetMetric() {
				if v := valueOf(m, name); v != "" && (v == value || value == "") {
					found = append(found, m)
				}
			}
		}
	}
	return found
}

// exemplars returns their keys.
func (e *evidence) exemplars() []string {
	keys := make(map[string]bool)
	for _, all := range e.families {
		for _, f := range all {
			for _, m := range f.GetMetric() {
				for _, b := range m.GetHistogram().GetBucket() {
					for _, l := range b.GetExemplar().GetLabel() {
						keys[l.GetName()] = true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// own returns the spans that are telemetry's own.
func (e *evidence) own() (own tracetest.SpanStubs) {
	for _, s := range e.spans {
		if s.InstrumentationScope.Name == names.ScopeName {
			own = append(own, s)
		}
	}
	return own
}

// attributes returns the keys on its spans, its keys on others, and those on all
// events.
func (e *evidence) attributes() []string {
	keys := make(map[string]bool)
	for _, s := range e.spans {
		for _, kv := range s.Attributes {
			if s.InstrumentationScope.Name == names.ScopeName || strings.HasPrefix(string(kv.Key), "afterglow.") {
				keys[string(kv.Key)] = true
			}
		}
		for _, event := range s.Events {
			for _, kv := range event.Attributes {
				keys[string(kv.Key)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

func (e *evidence) events() []string {
	found := make(map[string]bool)
	for _, s := range e.spans {
		for _, event := range s.Events {
			found[event.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// keys returns those of the records' attributes.
func (e *evidence) keys() []string {
	keys := make(map[string]bool)
	for _, r := range e.records {
		for key := range r {
			if key != "time" && key != "level" && key != "msg" {
				keys[key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// profiled returns the labels of goroutines that ran callbacks, and the
// category of what was logged in execution traces.
func (e *evidence) profiled() (found []string) {
	for line := range strings.Lines(e.goroutines.String()) {
		labels, ok := strings.CutPrefix(line, "# labels: ")
		if !ok {
			continue
		}
		all := make(map[string]string)
		if json.Unmarshal([]byte(labels), &all) == nil {
			found = append(found, slices.Collect(maps.Keys(all))...)
		}
	}
	// A string in a trace comes after its length.
	const category = "afterglow"
	if bytes.Contains(e.executions.Bytes(), []byte(string(rune(len(category)))+category)) {
		found = append(found, category)
	}
	return found
}
