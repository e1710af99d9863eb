package main

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// measured times the requests that next serves, under the name that OpenTelemetry's
// semantic conventions have for it. A dashboard compares the number of requests with
// that of their callbacks. measured leaves the ResponseWriter as it is: a wrapper would
// need all optional methods of the server's.
func (s *shop) measured(next http.Handler) http.Handler {
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "http_server_request_duration_seconds",
		Help:    "Duration of HTTP server requests.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10},
	})
	s.registry.MustRegister(duration)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func(began time.Time) { duration.Observe(time.Since(began).Seconds()) }(time.Now())
		next.ServeHTTP(w, r)
	})
}
