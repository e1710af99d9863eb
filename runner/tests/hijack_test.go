package tests

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// A connection that carries a WebSocket is open for hours.
func TestCallbacksOfAHijackedConnectionRunWhileItIsOpen(t *testing.T) {
	eachPromise(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{Workers: 1})
		ran := make(chan string, 2)
		seen := make(chan runner.Request, 2)
		leave := make(chan struct{})
		srv := serve(t, r, bind, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ask := func(name string) {
				err := runner.After(req.Context(), name, func(ctx context.Context) error {
					got, _ := runner.RequestFrom(ctx)
					seen <- got
					ran <- name
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			ask("before")
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			ask("since")
			<-leave
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
		}))
		body := make(chan string, 1)
		go func() {
			res, err := http.Get(srv.URL + "/socket")
			if err != nil {
				t.Error(err)
				body <- ""
				return
			}
			defer res.Body.Close()
			all, _ := io.ReadAll(res.Body)
			body <- string(all)
		}()
		var all []string
		for range 2 {
			select {
			case name := <-ran:
				all = append(all, name)
				got := <-seen
				require.Equal(t, "/socket", got.URL.Path)
				require.Zero(t, got.Status, "there will be no response")
				require.False(t, got.Aborted)
			case <-time.After(10 * time.Second):
				close(leave)
				require.FailNow(t, "the callback waits for the end of the connection")
			}
		}
		require.Equal(t, "before since", strings.Join(all, " "))
		close(leave)
		require.Equal(t, "hi", <-body)
		require.Equal(t, uint64(2), r.Stats().Outcomes[runner.OutcomeSuccess])
	})
}

func TestAFailedHijackReleasesNothing(t *testing.T) {
	r := newRunner(t, runner.Config{})
	reserved := -1
	w := struct {
		*serverWriter
		hijacks
	}{serverWriter: &serverWriter{header: make(http.Header)}}
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := runner.After(req.Context(), "it", nothing); err != nil {
			t.Error(err)
		}
		_, _, err := w.(http.Hijacker).Hijack()
		require.ErrorIs(t, err, errBroken)
		reserved = r.Stats().Reserved
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	require.NoError(t, err)
	h.ServeHTTP(w, req)
	require.Equal(t, 1, reserved)
}
