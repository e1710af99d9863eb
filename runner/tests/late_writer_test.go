package tests

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// A goroutine that has outlived its handler writes while its own client does not read.
// net/http has given the buffer of that response to the next one, which is another
// client's. The test would be weaker with sync.Pool of the race detector, so it looks at
// the error of the write as well.
func TestALateWriterReachesNoOtherClient(t *testing.T) {
	eachBubble(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{})
		writeNow, written := make(chan struct{}), make(chan error, 1)
		entered, leave := make(chan struct{}), make(chan struct{})
		srv := &http.Server{Handler: r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Trailer", "X-Sum") // the response has chunks
			if req.URL.Path == "/other" {
				close(entered)
				<-leave
				_, _ = io.WriteString(w, "answer to the other")
				return
			}
			if err := runner.After(req.Context(), "it", nothing); err != nil {
				t.Error(err)
			}
			go func() {
				<-writeNow
				_, err := w.Write([]byte("secret"))
				written <- err
			}()
			_, _ = io.WriteString(w, "hello")
		}))}
		if bind {
			runner.Bind(srv)
		}
		ln := newPipeListener()
		serveOn(t, srv, ln)

		deaf, _ := ln.dial()
		defer deaf.Close()
		_, err := io.WriteString(deaf, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
		require.NoError(t, err)
		synctest.Wait() // the server's handler has returned, and the client does not read
		conn, br := ln.dial()
		defer conn.Close()
		_, err = io.WriteString(conn, "GET /other HTTP/1.1\r\nHost: shop\r\n\r\n")
		require.NoError(t, err)
		<-entered
		close(writeNow)
		require.ErrorIs(t, <-written, runner.ErrResponseDone)
		close(leave)
		res, err := http.ReadResponse(br, nil)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, "answer to the other", string(body))
	})
}
