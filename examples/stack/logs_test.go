//go:build loki

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// Loki takes so long to build that these tests are run by make test-logs only.

const lokiFile = "deploy/loki/loki.yaml"

// startLoki starts Loki with the configuration of its container, but for the
// directory and the ports, and returns its URL.
func startLoki(t *testing.T) string {
	t.Helper()
	f, err := newFiles(t.TempDir(), 0)
	require.NoError(t, err)
	config := readFile(t, lokiFile)
	require.Contains(t, config, ": /loki\n")
	require.NoError(t, f.write(lokiFile, strings.ReplaceAll(config, ": /loki", ": "+f.path("data"))))
	ports, err := tool.FreePorts(2)
	require.NoError(t, err)
	address := "http://127.0.0.1:" + ports[0]
	process, err := tool.Start(t.Context(), tool.Command{
		Name: "loki",
		Args: []string{
			"-config.file=" + f.path(lokiFile),
			"-server.http-listen-address=127.0.0.1", "-server.http-listen-port=" + ports[0],
			"-server.grpc-listen-address=127.0.0.1", "-server.grpc-listen-port=" + ports[1],
		},
		Ready: address + "/ready",
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, process.Stop()) })
	return address
}

// record is a log record as Loki returns it.
type record struct {
	labels map[string]string // structured metadata, and what the query parses, among them
	line   string
}

// records asks Loki what Grafana's data source would for a panel, over the time
// since the stack was started.
func (ts *testStack) records(loki, expr string) (found []record) {
	ts.t.Helper()
	at := func(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
	values := url.Values{
		"query": {expr}, "start": {at(ts.began)}, "end": {at(time.Now())},
		"limit": {"100"}, "direction": {"backward"}, "step": {"1s"},
	}
	var body struct {
		Data struct {
			Result []struct {
				Stream map[string]string
				Values [][2]string
			}
		}
	}
	ts.get(loki+"/loki/api/v1/query_range?"+values.Encode(), &body)
	for _, stream := range body.Data.Result {
		for _, v := range stream.Values {
			found = append(found, record{stream.Stream, v[1]})
		}
	}
	return found
}

// provisioned is what Grafana's data sources say of logs, after it has put the
// environment's variables in: there are none.
func provisioned(t *testing.T) (labels map[string]*regexp.Regexp, traceToLogs string) {
	t.Helper()
	var sources struct {
		Datasources []struct {
			Type     string
			JSONData struct {
				DerivedFields []struct {
					Name         string
					MatcherRegex string `yaml:"matcherRegex"`
					URL          string
				} `yaml:"derivedFields"`
				TracesToLogs struct{ Query string } `yaml:"tracesToLogsV2"`
			} `yaml:"jsonData"`
		}
	}
	text := strings.ReplaceAll(readFile(t, "deploy/grafana/provisioning/datasources/datasources.yml"), "$$", "$")
	require.NoError(t, yaml.Unmarshal([]byte(text), &sources))
	labels = make(map[string]*regexp.Regexp)
	for _, s := range sources.Datasources {
		if s.Type == "jaeger" {
			traceToLogs = s.JSONData.TracesToLogs.Query
		}
		for _, field := range s.JSONData.DerivedFields {
			require.Equal(t, "${__value.raw}", field.URL)
			labels[field.Name] = regexp.MustCompile(field.MatcherRegex)
		}
	}
	return labels, traceToLogs
}

func TestLogsOfFailuresAreFoundInLokiAndLeadToTheirTraces(t *testing.T) {
	loki := startLoki(t)
	// As docker-compose.yml has the shop send its records.
	const variable = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"
	t.Setenv(variable, strings.Replace(*loadCompose(t).Services["shop"].Environment[variable], "http://loki:3100", loki, 1))
	t.Setenv("OTEL_BLRP_SCHEDULE_DELAY", "200")
	t.Cleanup(http.DefaultClient.CloseIdleConnections) // by which Jaeger is asked
	ts := startStack(t, func(*options) {}, "-load", "5", "-smtp-delay", "5ms",
		"-faults", "order.webhook=panic:0.3,order.webhook=error:0.3,order.email.admin=error:0.5")
	expr := targetOf(t, "afterglow-callback", "Its failures' logs", "order.webhook").Expr

	lines := func(found []record) map[string]int {
		count := make(map[string]int)
		for _, r := range found {
			count[r.line]++
		}
		return count
	}
	var found []record
	ts.eventually(func() bool {
		found = ts.records(loki, expr)
		count := lines(found)
		return count["callback panicked"] > 0 && count["callback failed"] > 0
	}, "Loki has the failures' records")
	for _, r := range found {
		require.Equal(t, "order.webhook", r.labels["callback"])
		require.Equal(t, "afterglow-shop", r.labels["service_name"])
		require.NotContains(t, r.labels, "__error__")
	}
	require.Len(t, lines(found), 2, "%v", lines(found))
	ts.eventually(func() bool {
		return len(ts.records(loki, `{service_name="afterglow-shop"} | callback="order.email.admin"`)) > 0
	}, "others fail, too")

	t.Run("a record leads to its trace and to that of its request", func(t *testing.T) {
		links, _ := provisioned(t)
		require.Len(t, links, 2)
		server := &jaeger.Server{Query: ts.jaegerURL}
		for name, operation := range map[string]string{"Trace": "process order.webhook", "Request": "POST /api/orders"} {
			var ids []string
			for label, value := range found[len(found)-1].labels {
				if links[name].MatchString(label) {
					ids = append(ids, value)
				}
			}
			require.Len(t, ids, 1, "%s: one label of %v", name, found[len(found)-1].labels)
			ts.eventually(func() bool {
				trace, err := server.Trace(t.Context(), ids[0])
				for _, span := range trace.Spans {
					if span.OperationName == operation {
						return err == nil
					}
				}
				return false
			}, "Jaeger has the span %q in the trace %s", operation, ids[0])
		}
	})

	t.Run("a trace leads to its records", func(t *testing.T) {
		_, query := provisioned(t)
		r := found[len(found)-1]
		for _, label := range []string{"trace_id", "request_trace_id"} {
			back := ts.records(loki, strings.ReplaceAll(query, "${__trace.traceId}", r.labels[label]))
			require.NotEmpty(t, back, label)
			for _, b := range back {
				require.Contains(t, []string{b.labels["trace_id"], b.labels["request_trace_id"]}, r.labels[label])
			}
		}
		require.Empty(t, ts.records(loki, strings.ReplaceAll(query, "${__trace.traceId}", strings.Repeat("0", 32))))
	})

	// Many a place has an agent that sends what a program prints.
	t.Run("the panel finds JSON lines, too", func(t *testing.T) {
		const service = "afterglow-lines"
		var values [][2]string
		for line := range strings.Lines(ts.first.process.Output()) {
			if line = strings.TrimSpace(line); json.Valid([]byte(line)) {
				values = append(values, [2]string{strconv.FormatInt(time.Now().UnixNano(), 10), line})
			}
		}
		require.NotEmpty(t, values, "the shop prints JSON")
		body, err := json.Marshal(map[string]any{"streams": []map[string]any{
			{"stream": map[string]string{"service_name": service}, "values": values},
		}})
		require.NoError(t, err)
		resp, err := ts.client.Post(loki+"/loki/api/v1/push", "application/json", strings.NewReader(string(body)))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNoContent, resp.StatusCode)

		var lines []record
		ts.eventually(func() bool {
			lines = ts.records(loki, strings.ReplaceAll(expr, "afterglow-shop", service))
			return len(lines) > 0
		}, "Loki has the lines")
		for _, r := range lines {
			require.Equal(t, "order.webhook", r.labels["callback"])
			require.Regexp(t, `^[0-9a-f]{32}$`, r.labels["trace_id"])
			require.Regexp(t, `^[0-9a-f]{32}$`, r.labels["request_trace_id"])
		}
	})
}
