// Alerts is a webhook that prints what Alertmanager sends to it:
//
//	go run ./examples/alerts
//
// In a container, alerts -healthcheck asks the one that runs there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/afterglow-go/afterglow/examples/internal/alerts"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		stop()
		fmt.Fprintln(os.Stderr, "alerts:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("alerts", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:9095", "`host:port` to listen on")
	check := flags.Bool("healthcheck", false, "ask the one that listens on -addr whether it is well, and exit, 0 if so")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *check {
		return ask(ctx, *addr)
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	var mu sync.Mutex // one alert's lines stay together
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	var news alerts.News
	mux.Handle("/", alerts.Handler(func(a alerts.Alert) {
		if !news.Is(a) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(out, time.Now().Format(time.TimeOnly), a)
	}))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // nothing is under way that matters
	fmt.Fprintf(out, "waiting for alerts on http://%s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func ask(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", req.URL, resp.Status)
	}
	return nil
}
