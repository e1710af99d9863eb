package telemetry_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func TestAnIdleNamesDurationsAreWrittenAsTheyWereAndABusyOnesAnew(t *testing.T) {
	registry := prometheus.NewRegistry()
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.Registerer = prometheus.WrapRegistererWith(prometheus.Labels{"zone": "b", "area": "a"}, registry)
	})
	r := g.runner(runner.Config{Name: "shop"})
	handler := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError})
	durations := func() (lines []string) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		require.Equal(t, http.StatusOK, w.Code, w.Body.String())
		for line := range strings.Lines(w.Body.String()) {
			if strings.HasPrefix(line, telemetry.MetricCallbackDuration+"_") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return lines
	}
	for n := 1; n <= 3; n++ {
		ctx, release := r.Scope(t.Context())
		require.NoError(t, r.After(ctx, "busy", succeed))
		if n == 1 {
			require.NoError(t, r.After(ctx, "idle", succeed))
		}
		release()
		require.NoError(t, runner.Wait(ctx))
		first := durations()
		require.Equal(t, first, durations(), "nothing has happened between two scrapes")
		require.Contains(t, first, fmt.Sprintf(`afterglow_callback_duration_seconds_count{area="a",callback="busy",result="success",runner="shop",zone="b"} %d`, n))
		require.Contains(t, first, `afterglow_callback_duration_seconds_count{area="a",callback="idle",result="success",runner="shop",zone="b"} 1`)
	}
	g.shutdown(r)
}
