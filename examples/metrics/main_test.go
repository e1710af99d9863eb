package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

var lost = regexp.MustCompile(`(?m)^afterglow_shutdown_lost_total\{runner="default"\} (\S+)$`)

// What a drain loses is counted when it ends. A /metrics that ends with the server, or
// a process that ends with the drain, shows it to nobody.
func TestPrometheusSeesWhatTheShutdownHasLost(t *testing.T) {
	http.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		err := runner.After(r.Context(), "order.email", func(ctx context.Context) error {
			<-ctx.Done() // the mail server hangs
			return context.Cause(ctx)
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	web, ops := listen(t), listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, web, ops, runner.Budgets{Callbacks: 100 * time.Millisecond}) }()
	response, err := client.Post("http://"+web.Addr().String()+"/orders", "", nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)

	scrape := func() string {
		response, err := client.Get("http://" + ops.Addr().String() + "/metrics")
		require.NoError(t, err, "it has ended without having been asked")
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return lost.FindStringSubmatch(string(body))[1]
	}
	require.Equal(t, "0", scrape())
	cancel()
	for scrape() == "0" {
		require.NoError(t, t.Context().Err())
	}
	// That was the last look, so it ends at once.
	require.ErrorContains(t, <-ended, "1 lost")
}
