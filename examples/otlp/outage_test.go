package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	outageOrders  = 500
	outageClients = 16
)

// backends are collectors in different states, as endpoints.
func backends(t *testing.T) map[string]string {
	t.Helper()
	serve := func(status int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, refusing.Close())
	hanging, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, nobody answers
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, hanging.Close()) })
	return map[string]string{
		"healthy":     serve(http.StatusOK),
		"refuses":     "http://" + refusing.Addr().String(),
		"hangs":       "http://" + hanging.Addr().String(),
		"answers 503": serve(http.StatusServiceUnavailable),
	}
}

// placeAll places the orders, each client one after the other, and returns how
// long the responses took, sorted.
func placeAll(t *testing.T, p *program) []time.Duration {
	t.Helper()
	ids := make(chan int)
	var mu sync.Mutex
	var took []time.Duration
	var wrong []string
	var clients sync.WaitGroup
	for range outageClients {
		clients.Go(func() {
			for id := range ids {
				began := time.Now()
				status, body, err := p.order(strconv.Itoa(id))
				d := time.Since(began)
				mu.Lock()
				took = append(took, d)
				if err != nil || status != http.StatusOK || body != fmt.Sprintf("order %d placed\n", id) {
					wrong = append(wrong, fmt.Sprintf("%d: %d %q %v", id, status, body, err))
				}
				mu.Unlock()
			}
		})
	}
	for id := range outageOrders {
		ids <- id
	}
	close(ids)
	clients.Wait()
	require.Empty(t, wrong)
	require.Len(t, took, outageOrders)
	slices.Sort(took)
	return took
}

var (
	drained   = regexp.MustCompile(`"msg":"drain finished".*`)
	mailSent  = regexp.MustCompile(`"msg":"mail sent".*"id":"(\d+)"`)
	notExport = regexp.MustCompile(`"msg":"telemetry could not be exported","signal":"(\w+)"`)
)

func TestATelemetryBackendInTroubleChangesNothingForResponsesAndCallbacks(t *testing.T) {
	// All is exported all the time, so that in this short test as much goes
	// wrong as else in an hour.
	for name, value := range map[string]string{
		"OTEL_METRIC_EXPORT_INTERVAL": "100",
		"OTEL_BSP_SCHEDULE_DELAY":     "20", "OTEL_BSP_MAX_QUEUE_SIZE": "128", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
		"OTEL_BLRP_SCHEDULE_DELAY": "20", "OTEL_BLRP_MAX_QUEUE_SIZE": "128", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "64",
	} {
		t.Setenv(name, value)
	}
	endpoints := backends(t)
	median := make(map[string]time.Duration)
	for _, name := range []string{"healthy", "refuses", "hangs", "answers 503", "healthy"} { // twice, as the first run warms up
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoints[name])
		for _, variable := range []string{"OTEL_METRIC_EXPORT_TIMEOUT", "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BLRP_EXPORT_TIMEOUT"} {
			if name == "healthy" {
				t.Setenv(variable, "10000") // milliseconds; the machine may be busy
			} else {
				t.Setenv(variable, "100") // given up soon
			}
		}
		p := start(t)
		took := placeAll(t, p)
		began := time.Now()
		err := p.stop()
		ended := time.Since(began)
		log := p.stderr.String()

		// Every callback has run, once, and was counted.
		ran := make(map[string]int)
		for _, m := range mailSent.FindAllStringSubmatch(log, -1) {
			ran[m[1]]++
		}
		require.Len(t, ran, outageOrders)
		for id, times := range ran {
			require.Equal(t, 1, times, id)
		}
		require.Contains(t, p.stdout.String(), fmt.Sprintf("callbacks asked for: %[1]d, done: %[1]d\n", outageOrders))
		require.Contains(t, drained.FindString(log), `"lost":0`, log)
		require.Less(t, ended, 10*time.Second, "three signals of two seconds at most, and the drain")

		// What went wrong is told, and not often.
		told := make(map[string]int)
		for _, m := range notExport.FindAllStringSubmatch(log, -1) {
			told[m[1]]++
		}
		if name == "healthy" {
			require.NoError(t, err)
			require.Empty(t, told, regexp.MustCompile(`.*could not be exported.*`).FindAllString(log, -1))
		} else {
			require.ErrorContains(t, err, "metrics: ")
			for _, signal := range []string{"traces", "metrics", "logs"} {
				require.Positive(t, told[signal], signal)
				require.LessOrEqual(t, told[signal], 1+int(ended/(10*time.Second))+1, signal)
			}
		}
		median[name] = took[len(took)/2]
		t.Logf("%-12s response p50 %-10v p99 %-10v shut down in %v, records about exports %v",
			name, took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond), ended.Round(time.Millisecond), told)
	}
	var ratios strings.Builder
	for _, name := range []string{"refuses", "hangs", "answers 503"} {
		ratio := float64(median[name]) / float64(median["healthy"])
		fmt.Fprintf(&ratios, "  %s %.2f", name, ratio)
		// A response that waited for an export would take a hundred times as long.
		require.Less(t, median[name], 5*median["healthy"]+50*time.Millisecond, name)
	}
	t.Logf("median response as a ratio of the healthy run:%s", &ratios)
}
