package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/examples/internal/jaeger/jaegertest"
	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// output is a buffer that may be written and read at once.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// program is main's run, on a free port.
type program struct {
	url            string
	stdout, stderr output
	client         *http.Client
	cancel         context.CancelFunc
	ended          chan struct{}
	err            error // written before ended is closed
}

var listening = regexp.MustCompile(`listening on (http://\S+)\n`)

func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: patience}, ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	p.cancel = cancel
	go func() {
		defer close(p.ended)
		p.err = run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), &p.stdout, &p.stderr)
	}()
	t.Cleanup(func() { _ = p.stop() })
	require.Eventually(t, func() bool { return listening.MatchString(p.stdout.String()) }, patience, 5*time.Millisecond)
	p.url = listening.FindStringSubmatch(p.stdout.String())[1]
	return p
}

// stop is Ctrl-C; it returns what run returned.
func (p *program) stop() error {
	p.cancel()
	p.client.CloseIdleConnections()
	<-p.ended
	return p.err
}

// order places an order and returns what is answered.
func (p *program) order(id string) (status int, body string, err error) {
	resp, err := p.client.Post(p.url+"/orders/"+id, "", http.NoBody)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// The server waits for the body before it answers, until its time is over.
func TestARequestThatStaysOpenTakesNoTimeFromItsCallbacks(t *testing.T) {
	t.Setenv("OTEL_SDK_DISABLED", "true")
	p := start(t, "-budget", "2s")
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /orders/7 HTTP/1.1\r\nHost: shop\r\nContent-Length: 1\r\n\r\n")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), "order placed") }, patience, 5*time.Millisecond)
	require.ErrorIs(t, p.stop(), runner.ErrRequestsCutOff)
	require.Contains(t, p.stdout.String(), "callbacks asked for: 1, done: 1")
}

// get returns what an address answers, in the format that has exemplars if it
// has that.
func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(b)
}

var (
	// As Jaeger's debug exporter prints a record.
	mailRecord = regexp.MustCompile(`(?s)Body: Str\(mail sent\)\nAttributes:\n +-> id: Str\(7\)\nTrace ID: (\w+)\nSpan ID: (\w+)\n`)
	// As its Prometheus exporter shows a counter. The job is the service.
	emailsDone = `(?m)^afterglow_callbacks_total\{callback="order\.email",job="by %s",outcome="success",runner="otlp"\} 1(\.0)?\b`
)

func TestMetricsLogsAndTracesOfACallbackAllArriveAtOneCollector(t *testing.T) {
	var printed output
	collector := jaegertest.Start(t, collectorConfig, &printed)
	for protocol, endpoint := range map[string]string{"http/protobuf": collector.OTLP, "grpc": collector.OTLPGRPC} {
		t.Run(protocol, func(t *testing.T) {
			before := len(printed.String())
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_SERVICE_NAME", "by "+protocol)
			p := start(t)
			status, body, err := p.order("7")
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, "order 7 placed\n", body)
			require.NoError(t, p.stop(), "which exports it all")

			var record []string
			require.Eventually(t, func() bool {
				record = mailRecord.FindStringSubmatch(printed.String()[before:])
				return record != nil
			}, patience, 20*time.Millisecond, "the record")
			trace, err := collector.Trace(t.Context(), record[1])
			require.NoError(t, err)
			process, ok := trace.Span(record[2])
			require.True(t, ok, "the record leads to its callback's span")
			require.Equal(t, "process order.email", process.OperationName)
			require.Len(t, process.References, 1)
			require.Equal(t, "FOLLOWS_FROM", process.References[0].RefType)
			request, err := collector.Trace(t.Context(), process.References[0].TraceID)
			require.NoError(t, err)
			server, ok := request.Span(process.References[0].SpanID)
			require.True(t, ok)
			require.Equal(t, "server", server.Tag("span.kind"))

			shown := get(t, collector.Metrics)
			require.Regexp(t, fmt.Sprintf(emailsDone, protocol), shown)
			require.Regexp(t, `(?m)^afterglow_callback_duration_seconds_bucket.*trace_id="`+record[1]+`"`, shown, "an exemplar")
			local := p.stderr.String()
			require.Equal(t, 1, strings.Count(local, `"trace_id":"`+record[1]+`"`), "and it is printed: %s", local)
		})
	}
}
