// The way writes which functions one callback goes through, from After in a handler
// to the scrape that counts it. Build it with -cover.
package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/coverage"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func main() {
	registry := prometheus.NewPedanticRegistry()
	tel, err := telemetry.New(telemetry.Config{Registerer: registry})
	check(err)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	check(err)
	done := make(chan struct{})
	server := httptest.NewUnstartedServer(r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		check(coverage.ClearCounters())
		check(runner.After(req.Context(), "order.email", func(context.Context) error { close(done); return nil }))
	})))
	runner.Bind(server.Config)
	server.Start()
	resp, err := http.Get(server.URL)
	check(err)
	check(resp.Body.Close())
	<-done
	for r.Stats().Outcomes.Total() == 0 {
		runtime.Gosched()
	}
	if os.Args[1] == "scrape" {
		_, err = registry.Gather()
		check(err)
	}
	check(coverage.WriteMetaDir(os.Getenv("GOCOVERDIR")))
	check(coverage.WriteCountersDir(os.Getenv("GOCOVERDIR")))
	os.Exit(0) // which writes no counters of its own
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
