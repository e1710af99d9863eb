package web_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

func TestEveryVariantAnswersTheSame(t *testing.T) {
	for _, v := range web.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			s, err := web.Serve(v, 0)
			require.NoError(t, err)
			resp, err := http.Post("http://"+s.Addr+web.Path, "", nil)
			require.NoError(t, err)
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode)
			require.JSONEq(t, `{"status":"Order placed successfully"}`, string(body))
			require.NoError(t, s.Close())
		})
	}
}

func TestTheLoadSeesWhatTheServerServes(t *testing.T) {
	variant := web.Variants()[0]
	require.Equal(t, web.Plain, variant.Name)
	s, err := web.Serve(variant, time.Millisecond)
	require.NoError(t, err)
	seen, err := web.Load{Addr: s.Addr, Connections: 4, Warm: 10 * time.Millisecond, For: 100 * time.Millisecond, Mallocs: true}.Run()
	require.NoError(t, err)
	require.Positive(t, seen.Requests)
	require.InDelta(t, float64(seen.Requests), seen.PerSecond*seen.For.Seconds(), 0.01)
	require.LessOrEqual(t, seen.P50, seen.P99)
	require.Positive(t, seen.Allocs)
	require.NoError(t, s.Close())
}

func TestTheLoadFailsWhenTheServerRefuses(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	_, err := web.Load{Addr: s.Listener.Addr().String(), Connections: 1, For: time.Second}.Run()
	require.ErrorContains(t, err, "404")
}

func TestTheLoadFailsWithoutAServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	_, err = web.Load{Addr: addr, Connections: 2, For: time.Second}.Run()
	require.Error(t, err)
}

func TestTheLoadGoesOnUntilSomethingIsAnswered(t *testing.T) {
	s, err := web.Serve(web.Variants()[0], 0)
	require.NoError(t, err)
	l := web.Load{Addr: s.Addr, Connections: 1, For: time.Nanosecond} // in which nobody sends a request
	seen, err := l.Run()
	require.NoError(t, err)
	require.Greater(t, seen.For, l.For)
	require.Positive(t, seen.Requests)

	l.For = 0
	_, err = l.Run()
	require.ErrorContains(t, err, "no request was answered in time")
	require.NoError(t, s.Close())
}

func TestTheLoadReadsChunks(t *testing.T) {
	var requests atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		for range 3 {
			io.WriteString(w, "a chunk of the body\n") //nolint:errcheck // the load fails without it
			w.(http.Flusher).Flush()
		}
	}))
	defer s.Close()
	seen, err := web.Load{Addr: s.Listener.Addr().String(), Connections: 1, For: 20 * time.Millisecond}.Run()
	require.NoError(t, err)
	require.Positive(t, seen.Requests)
	require.GreaterOrEqual(t, int(requests.Load()), seen.Requests)
}
