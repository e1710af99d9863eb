package main

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// outside is a server of somebody else that keeps what is posted to it.
type outside struct {
	*httptest.Server
	mu     sync.Mutex
	posted map[string][]string // guarded by mu: bodies by path
}

func startOutside(t *testing.T, status int) *outside {
	o := &outside{posted: make(map[string][]string)}
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		o.mu.Lock()
		o.posted[r.URL.Path] = append(o.posted[r.URL.Path], string(body))
		o.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(o.Close)
	return o
}

func (o *outside) bodies(path string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.posted[path]...)
}

func TestMailsAndWebhooksGoToTheServersOfTheFlags(t *testing.T) {
	post := startShop(t, "-smtp-delay", "0s") // its SMTP server stands for a real one
	smtp := regexp.MustCompile(`SMTP +([0-9.:]+),`).FindStringSubmatch(post.stdout.String())
	require.Len(t, smtp, 2)
	hook := startOutside(t, http.StatusAccepted)
	s := startShop(t, "-smtp", smtp[1], "-webhook", hook.URL+"/orders")
	got := s.order()
	for _, st := range s.complete(got.ID).After {
		require.Equal(t, "success", st.Outcome, "%s: %s", st.Name, st.Error)
	}
	require.Contains(t, post.get(post.url+"/inbox?to=ada@example.org").body, got.ID)
	require.Contains(t, s.get(s.url+"/inbox").body, smtp[1], "the inbox says where the mails are")
	require.Len(t, hook.bodies("/orders"), 1)
	require.Equal(t, got.ID, decode[notice](t, hook.bodies("/orders")[0]).Order)
}

func TestServersInTroubleFailTheCallbackAndSayWhy(t *testing.T) {
	hook := startOutside(t, http.StatusBadGateway)
	s := startShop(t, "-smtp", "127.0.0.1:1", "-webhook", hook.URL)
	errors := make(map[string]string)
	for _, st := range s.complete(s.order().ID).After {
		errors[st.Name] = st.Error
	}
	require.Contains(t, errors["order.email.customer"], "connection refused")
	require.Contains(t, errors["order.webhook"], "502 Bad Gateway")
	require.Empty(t, errors["activity.log"], "one that fails hurts no other")
}

func TestSpansAreExportedAndFlushedAtTheEnd(t *testing.T) {
	collector := startOutside(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	s := startShop(t, "-smtp-delay", "0s")
	require.Contains(t, s.stdout.String(), "exported to "+collector.URL)
	s.complete(s.order().ID)
	require.NoError(t, s.stop())
	// They are sent every five seconds, so at the end these were still held.
	spans := strings.Join(collector.bodies("/v1/traces"), "")
	sent := make(map[string]bool) // a failure shall not print the protobuf
	for _, name := range callbackNames[:6] {
		sent[name] = strings.Contains(spans, "process "+name)
	}
	require.NotContains(t, slices.Collect(maps.Values(sent)), false, "%v", sent)
}

// Many a place for traces takes nothing else, and says so at each export.
func TestRecordsAreExportedOnlyIfTheEnvironmentSpeaksOfThem(t *testing.T) {
	for _, logs := range []bool{false, true} {
		collector := startOutside(t, http.StatusOK)
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
		if logs {
			t.Setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", collector.URL+"/otlp/v1/logs")
		}
		s := startShop(t, "-smtp-delay", "0s", "-faults", "order.analytics=error:1")
		s.complete(s.order().ID)
		require.NoError(t, s.stop())
		records := strings.Join(collector.bodies("/otlp/v1/logs"), "")
		for text, want := range map[string]bool{
			"order placed": logs, "callback done": logs, "callback failed": logs,
			"callback finished": false, // not printed either
		} {
			require.Equal(t, want, strings.Contains(records, text), "%s, with an endpoint %t", text, logs)
		}
		require.Empty(t, collector.bodies("/v1/logs"))
	}
}

func TestSpansThatAreLostAtTheEndAreTold(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", startOutside(t, http.StatusBadRequest).URL)
	s := startShop(t, "-smtp-delay", "0s")
	s.complete(s.order().ID)
	require.NoError(t, s.stop(), "no work is lost")
	require.Contains(t, s.stderr.String(), `"msg":"spans may be lost"`)
}

func TestACollectorInTroubleIsSeenInTheMetricsAndHurtsNoOrder(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", startOutside(t, http.StatusBadRequest).URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10") // milliseconds
	s := startShop(t, "-smtp-delay", "0s")
	for range 3 {
		for _, st := range s.complete(s.order().ID).After {
			require.Equal(t, "success", st.Outcome, "%s: %s", st.Name, st.Error)
		}
	}
	require.Eventually(t, func() bool { return s.metrics().sum("otel_export_failures_total", "signal", "traces") > 1 },
		patience, 20*time.Millisecond)
	require.Equal(t, 1, strings.Count(s.stderr.String(), "telemetry could not be exported"), "the log is spared")
	require.NotEmpty(t, s.spans("").Spans, "and they are kept here as well")
}
