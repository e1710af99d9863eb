package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// newRegistry has the metrics of the process; the runner's join them.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		// How long goroutines wait for a processor is on a dashboard, and Go's
		// collector leaves it out unless it is asked.
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// consolePath is where the live page of the runner is.
const consolePath = "/debug/afterglow/"

// opsHandler serves those who run the shop.
func (s *shop) opsHandler() http.Handler {
	mux := http.NewServeMux()
	scrape := promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, // exemplars show in no other format
		Registry:          s.registry,
		ErrorLog:          s.errorLog,
	})
	mux.Handle("GET /metrics", s.telemetry.WatchScrapes(scrape)) // until the last one, after the drain
	mux.HandleFunc("GET /traces", s.getTraces)
	mux.Handle("GET /static/", staticFiles()) // of the page of traces
	mux.Handle("GET /faults", s.faults)
	mux.Handle("PUT /faults", s.faults)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.getReady)
	mux.Handle(consolePath, s.console)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Afterglow shop: ops</title><link rel="stylesheet" href="/static/shop.css"><main><div class="inbox"><h1>Ops</h1><ol class="card">`)
		for _, path := range []string{
			consolePath, "/metrics", "/traces", "/traces?limit=10", "/traces?name=process+" + nameWebhook,
			"/faults", "/healthz", "/readyz", "/debug/pprof/",
		} {
			fmt.Fprintf(w, `<li><a href="%s">%s</a>`, path, path)
		}
	})
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

// getReady answers 503 as soon as the shop stops taking requests.
func (s *shop) getReady(w http.ResponseWriter, r *http.Request) {
	if !s.runner.Ready() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if err := s.store.read.PingContext(ctx); err != nil {
		http.Error(w, "database: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// askReady asks a shop that runs on this machine whether it is ready, and
// returns why it is not.
func askReady(ctx context.Context, ops string) error {
	host, port, err := net.SplitHostPort(ops)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", req.URL, resp.Status)
	}
	return nil
}
