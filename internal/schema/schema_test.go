package schema_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/schema"
)

const telemetry = "../../telemetry"

func committed(t *testing.T) []schema.Section {
	b, err := os.ReadFile(filepath.Join(telemetry, "SCHEMA.md"))
	require.NoError(t, err)
	return schema.Parse(string(b))
}

func TestTheCommittedSchemaIsTheOneOfTheCode(t *testing.T) {
	want, err := schema.Markdown(telemetry)
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(telemetry, "SCHEMA.md"))
	require.NoError(t, err)
	require.Equal(t, want, string(got), "run go generate in telemetry")
}

// What makes the rows is not asked here: a name must be there under whatever
// rule, and nothing else.
func TestEveryConstantHasOneRowAndEveryRowAConstantOrAConvention(t *testing.T) {
	kinds := map[string]string{
		"Metric": schema.Metrics, "Label": schema.Labels, "Other": schema.LabelValues, "Result": schema.LabelValues,
		"Signal": schema.LabelValues, "Mode": schema.LabelValues, "State": schema.LabelValues, "Exemplar": schema.Exemplars, "Span": schema.Spans, "Attr": schema.Attributes,
		"Event": schema.Events, "Log": schema.Messages, "Key": schema.Keys,
	}
	rows := make(map[string]map[string]int)
	for _, s := range committed(t) {
		rows[s.Title] = make(map[string]int)
		for _, row := range s.Rows {
			name := row[0]
			if s.Title == schema.LabelValues {
				name = row[1] + "=" + name
			}
			rows[s.Title][name]++
			require.Equal(t, 1, rows[s.Title][name], "%s: %s", s.Title, name)
			require.NotEmpty(t, row[len(row)-1]+row[1], "%s: %s has no meaning", s.Title, name)
		}
	}
	groups, err := schema.Names(telemetry)
	require.NoError(t, err)
	labels := map[string]string{"Other": "callback=", "Result": "result=", "Signal": "signal=", "Mode": "mode=", "State": "state="}
	seen := 0
	for _, g := range groups {
		for _, n := range g.Names {
			if n.Const == "ScopeName" {
				continue
			}
			kind := regexp.MustCompile(`^[A-Z][a-z]*`).FindString(n.Const)
			require.Contains(t, kinds, kind, "%s: of what kind is it?", n.Const)
			require.Equal(t, 1, rows[kinds[kind]][labels[kind]+n.Value], "%s has no row", n.Const)
			delete(rows[kinds[kind]], labels[kind]+n.Value)
			seen++
		}
	}
	require.Greater(t, seen, 100)
	for _, title := range []string{schema.Metrics, schema.Labels, schema.Exemplars, schema.Spans, schema.Messages, schema.Keys} {
		require.Empty(t, rows[title], title)
	}
	for name := range rows[schema.Attributes] {
		require.False(t, strings.HasPrefix(name, "afterglow."), "%s is no constant", name)
	}
	for name := range rows[schema.LabelValues] {
		require.Regexp(t, `^(outcome|reason|state)=`, name)
	}
	require.Equal(t, map[string]int{"exception": 1}, rows[schema.Events])
}

var (
	queried  = regexp.MustCompile(`afterglow_[a-z_]+`)
	selected = regexp.MustCompile(`(?:by|on) \(([a-z, ]+)\)`)
	overTime = regexp.MustCompile(`(?:rate|increase)\((\w+)`)
)

func TestAQueryUsesMetricsAndLabelsThatExistAsTheirTypeAllows(t *testing.T) {
	metrics := make(map[string][]string)
	var queries [][]string
	for _, s := range committed(t) {
		for _, row := range s.Rows {
			switch s.Title {
			case schema.Metrics:
				metrics[row[0]] = row
			case schema.Queries:
				queries = append(queries, row)
			}
		}
	}
	require.Len(t, queries, len(metrics))
	of := func(series string) []string {
		if m, ok := metrics[series]; ok {
			return m
		}
		for suffix, kinds := range map[string][]string{"_bucket": {"histogram"}, "_sum": {"histogram", "summary"}, "_count": {"histogram", "summary"}} {
			if name, cut := strings.CutSuffix(series, suffix); cut && metrics[name] != nil {
				require.Contains(t, kinds, metrics[name][1], series)
				return metrics[name]
			}
		}
		require.Fail(t, "no metric is called "+series)
		return nil
	}
	for _, q := range queries {
		require.Contains(t, q[2], q[0])
		labels := "le"
		for _, series := range queried.FindAllString(q[2], -1) {
			labels += ", " + of(series)[2]
		}
		for _, m := range selected.FindAllStringSubmatch(q[2], -1) {
			require.Subset(t, strings.Split(labels, ", "), strings.Split(m[1], ", "), q[2])
		}
		for _, m := range overTime.FindAllStringSubmatch(q[2], -1) {
			require.NotEqual(t, "gauge", of(m[1])[1], q[2])
		}
		require.Equal(t, strings.Count(q[2], "("), strings.Count(q[2], ")"), q[2])
	}
}
