package telemetry_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/schema"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// TestSchema drives runners until all has happened that telemetry has a name
// for, and looks for each row of the committed SCHEMA.md in what came out.
// What came out and has no row is a failure as well.
func TestSchema(t *testing.T) {
	b, err := os.ReadFile("SCHEMA.md")
	require.NoError(t, err)
	seen := newEvidence()
	t.Run("scenarios", func(t *testing.T) {
		t.Run("a shop", func(t *testing.T) { shopScenario(t, seen) })
		t.Run("overload", func(t *testing.T) { overloadScenario(t, seen) })
		t.Run("failures of its own", func(t *testing.T) { brokenScenario(t, seen) })
		t.Run("flight recorder", func(t *testing.T) { flightScenario(t, seen) })
		t.Run("durable tasks", func(t *testing.T) { durableScenario(t, seen) })
	})
	rows := make(map[string][]string) // the names in each section
	var all, missing []string
	for _, section := range schema.Parse(string(b)) {
		look, ok := seen.looks()[section.Title]
		require.True(t, ok, "how is %s tested?", section.Title)
		for _, row := range section.Rows {
			name := section.Title + "/" + row[0]
			if section.Title == schema.LabelValues {
				name = section.Title + "/" + row[1] + "=" + row[0]
			}
			all = append(all, name)
			rows[section.Title] = append(rows[section.Title], strings.TrimPrefix(name, section.Title+"/"))
			if !t.Run(name, func(t *testing.T) { look(t, row) }) {
				missing = append(missing, name)
			}
		}
	}
	for section, found := range seen.names() {
		t.Run("nothing else/"+section, func(t *testing.T) {
			for _, name := range found {
				require.Contains(t, rows[section], name, "it has been seen and has no row")
			}
		})
	}
	t.Logf("rows %d, covered %d, not covered %d %v", len(all), len(all)-len(missing), len(missing), missing)
}

// looks says for each section how its rows are looked for.
func (e *evidence) looks() map[string]func(*testing.T, []string) {
	return map[string]func(*testing.T, []string){
		schema.Metrics: e.metric,
		schema.Queries: func(t *testing.T, row []string) { require.NotEmpty(t, e.families[row[0]]) },
		schema.Labels: func(t *testing.T, row []string) {
			require.NotEmpty(t, e.withLabel(row[0], ""))
		},
		schema.LabelValues: func(t *testing.T, row []string) {
			found := e.withLabel(row[1], row[0])
			require.NotEmpty(t, found)
			require.True(t, slices.ContainsFunc(found, hasValue), "it was never counted")
		},
		schema.Exemplars: func(t *testing.T, row []string) {
			require.Contains(t, e.exemplars(), row[0])
			require.Regexp(t, `(?m)^afterglow_callback_duration_seconds_bucket\{.*\} \S+ # \{.*`+row[0]+`="[0-9a-f]{16,32}"`, e.open.String())
		},
		schema.Spans: func(t *testing.T, row []string) {
			for _, s := range e.spans {
				if strings.HasPrefix(s.Name, row[0]+" ") {
					require.Equal(t, row[1], strings.ToUpper(s.SpanKind.String()))
					require.Equal(t, names.ScopeName, s.InstrumentationScope.Name)
					return
				}
			}
			require.Fail(t, "no such span")
		},
		schema.Attributes: func(t *testing.T, row []string) { require.Contains(t, e.attributes(), row[0]) },
		schema.Events:     func(t *testing.T, row []string) { require.Contains(t, e.events(), row[0]) },
		schema.Messages: func(t *testing.T, row []string) {
			levels := make(map[any]bool)
			for _, r := range e.records {
				if r["msg"] == row[0] {
					levels[r["level"]] = true
				}
			}
			require.Contains(t, levels, any(row[1]))
		},
		schema.Keys:     func(t *testing.T, row []string) { require.Contains(t, e.keys(), row[0]) },
		schema.Profiles: func(t *testing.T, row []string) { require.Contains(t, e.profiled(), row[0]) },
	}
}

// names is what has been seen, by section.
func (e *evidence) names() map[string][]string {
	found := map[string][]string{
		schema.Exemplars: e.exemplars(), schema.Attributes: e.attributes(), schema.Events: e.events(), schema.Keys: e.keys(),
	}
	for name, all := range e.families {
		found[schema.Metrics] = append(found[schema.Metrics], name)
		for _, f := range all {
			for _, l := range f.GetMetric()[0].GetLabel() {
				found[schema.Labels] = append(found[schema.Labels], l.GetName())
			}
		}
	}
	for _, label := range []string{names.LabelOutcome, names.LabelReason, names.LabelResult, names.LabelSignal} {
		for _, m := range e.withLabel(label, "") {
			found[schema.LabelValues] = append(found[schema.LabelValues], label+"="+valueOf(m, label))
		}
	}
	for _, s := range e.own() {
		kind, _, _ := strings.Cut(s.Name, " ")
		found[schema.Spans] = append(found[schema.Spans], kind)
	}
	for _, r := range e.records {
		found[schema.Messages] = append(found[schema.Messages], fmt.Sprint(r["msg"]))
	}
	return found
}

// metric looks for a metric in all three formats.
func (e *evidence) metric(t *testing.T, row []string) {
	name, kind, labels, unit, help := row[0], row[1], row[2], row[3], row[5]
	for _, line := range []string{"# HELP " + name + " " + help, "# TYPE " + name + " " + kind} {
		require.Contains(t, e.text.String(), line+"\n")
	}
	require.Regexp(t, `(?m)^`+name+`(_count)?\{.*\} \S+$`, e.text.String())

	family := strings.TrimSuffix(name, "_total") // as OpenMetrics calls it
	require.Contains(t, e.open.String(), "# TYPE "+family+" "+kind+"\n")
	require.Regexp(t, `(?m)^`+name+`(_count)?\{.*\} \S+`, e.open.String())

	require.NotEmpty(t, e.families[name])
	values := 0
	for _, f := range e.families[name] {
		require.Equal(t, kind, strings.ToLower(f.GetType().String()))
		require.Equal(t, unit, f.GetUnit())
		require.Equal(t, help, f.GetHelp())
		for _, m := range f.GetMetric() {
			var got []string
			for _, l := range m.GetLabel() {
				if l.GetName() != names.LabelMode { // on what is of durable tasks
					got = append(got, l.GetName())
				}
			}
			require.Equal(t, labels, strings.Join(got, ", "))
			if hasValue(m) {
				values++
			}
			if h := m.GetHistogram(); h.GetSampleCount() > 0 {
				require.NotEmpty(t, h.GetBucket(), "classic")
				require.NotNil(t, h.Schema, "native")
				require.Positive(t, len(h.GetPositiveDelta())+int(h.GetZeroCount()), "native")
			}
		}
	}
	require.Positive(t, values, "it was never anything but 0")
}

// hasValue reports whether anything has been counted, set or observed.
func hasValue(m *dto.Metric) bool {
	return m.GetCounter().GetValue() > 0 || m.GetGauge().GetValue() > 0 || m.GetHistogram().GetSampleCount() > 0 || m.GetSummary().GetSampleCount() > 0
}

func valueOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
