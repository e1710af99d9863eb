package tests

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// Writers of every combination of capabilities: w has what its name says.
type (
	plainWriter struct{ http.ResponseWriter }
	flushes     struct{}
	hijacks     struct{}
	readsFrom   struct{}
	pushes      struct{}
)

func (flushes) Flush()                                       {}
func (hijacks) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errBroken }
func (readsFrom) ReadFrom(src io.Reader) (int64, error)      { return io.Copy(io.Discard, src) }
func (pushes) Push(target string, _ *http.PushOptions) error { return errors.New(target) }

func TestTheWrapperCanWhatTheServersWriterCan(t *testing.T) {
	p := plainWriter{}
	writers := []http.ResponseWriter{
		p,
		struct {
			plainWriter
			flushes
		}{},
		struct {
			plainWriter
			hijacks
		}{},
		struct {
			plainWriter
			flushes
			hijacks
		}{},
		struct {
			plainWriter
			readsFrom
		}{},
		struct {
			plainWriter
			flushes
			readsFrom
		}{},
		struct {
			plainWriter
			hijacks
			readsFrom
		}{},
		struct {
			plainWriter
			flushes
			hijacks
			readsFrom
		}{},
		struct {
			plainWriter
			pushes
		}{},
		struct {
			plainWriter
			flushes
			pushes
		}{},
		struct {
			plainWriter
			hijacks
			pushes
		}{},
		struct {
			plainWriter
			flushes
			hijacks
			pushes
		}{},
		struct {
			plainWriter
			readsFrom
			pushes
		}{},
		struct {
			plainWriter
			flushes
			readsFrom
			pushes
		}{},
		struct {
			plainWriter
			hijacks
			readsFrom
			pushes
		}{},
		struct {
			plainWriter
			flushes
			hijacks
			readsFrom
			pushes
		}{},
	}
	r := newRunner(t, runner.Config{})
	for i, inner := range writers {
		r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			flusher, flush := w.(http.Flusher)
			hijacker, hijack := w.(http.Hijacker)
			readerFrom, readFrom := w.(io.ReaderFrom)
			pusher, push := w.(http.Pusher)
			require.Equal(t, [4]bool{i&1 > 0, i&2 > 0, i&4 > 0, i&8 > 0}, [4]bool{flush, hijack, readFrom, push}, "writer %d", i)
			within := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
			require.Equal(t, inner, within.(interface{ Unwrap() http.ResponseWriter }).Unwrap(), "for http.ResponseController")
			if flush {
				flusher.Flush()
			}
			if hijack {
				_, _, err := hijacker.Hijack()
				require.ErrorIs(t, err, errBroken)
			}
			if readFrom {
				n, err := readerFrom.ReadFrom(strings.NewReader("12345"))
				require.NoError(t, err)
				require.Equal(t, int64(5), n)
			}
			if push {
				require.EqualError(t, pusher.Push("/style.css", nil), "/style.css")
			}
		})).ServeHTTP(inner, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	}
}

func TestTheWrapperTellsOfClosingAsTheServersWriterDoes(t *testing.T) {
	r := newRunner(t, runner.Config{})
	for _, http2 := range []bool{false, true} {
		var bare, wrapped bool
		look := func(found *bool) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, *found = w.(http.CloseNotifier) //nolint:staticcheck // handlers still ask for it
				if *found {
					_ = w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // as above
				}
			})
		}
		for _, h := range []http.Handler{look(&bare), r.Middleware(look(&wrapped))} {
			srv := httptest.NewUnstartedServer(h)
			srv.EnableHTTP2 = http2
			srv.StartTLS()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
			require.NoError(t, err)
			res, err := srv.Client().Do(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			srv.Close()
		}
		require.True(t, bare)
		require.True(t, wrapped)
	}
}
