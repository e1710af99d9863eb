package tests

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// hostileErr is a context whose Err panics once it is armed.
type hostileErr struct {
	context.Context
	armed *bool
}

func (c hostileErr) Err() error {
	if *c.armed {
		panic("a recycled context")
	}
	return c.Context.Err()
}

func TestCallbacksRunAlthoughTheRequestsContextPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		armed := false
		h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			if err := runner.After(req.Context(), "it", nothing); err != nil {
				t.Error(err)
			}
			armed = true
		}))
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		require.PanicsWithValue(t, "a recycled context", func() {
			h.ServeHTTP(httptest.NewRecorder(), req.WithContext(hostileErr{req.Context(), &armed}))
		})
		synctest.Wait()
		require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rec.Outcomes("it"))
	})
}

// closedWriter is a ResponseWriter that panics when nothing is written to it.
type closedWriter struct{ http.ResponseWriter }

func (w closedWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		panic("the writer is closed")
	}
	return w.ResponseWriter.Write(p)
}

// When the deadline has passed, the runner writes nothing, to learn whether
// http.TimeoutHandler has answered.
func TestCallbacksRunAlthoughTheWriterPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{})
		h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if err := runner.After(req.Context(), "it", nothing); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, "hello")
			<-req.Context().Done()
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.PanicsWithValue(t, "the writer is closed", func() {
			h.ServeHTTP(closedWriter{httptest.NewRecorder()}, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		})
		synctest.Wait()
		require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rec.Outcomes("it"))
	})
}

// A middleware outside uses its context again when its handler has returned. A panic would
// end the process, because it is on a goroutine of the runner's own.
func TestTheRequestsContextIsAskedForNoValueAfterItsHandler(t *testing.T) {
	eachPromise(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{})
		ran := make(chan struct{})
		inner := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if err := runner.After(req.Context(), "it", func(context.Context) error { close(ran); return nil }); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, "hello")
		}))
		h := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			armed := new(bool)
			ctx := hostileContext{Context: req.Context(), armed: armed, value: func() { panic("a recycled context") }}
			inner.ServeHTTP(w, req.WithContext(ctx))
			*armed = true
		})
		srv := startServer(t, h)
		if bind {
			srv = startServer(t, h, runner.Bind)
		}
		_, body := get(t, srv.URL)
		require.Equal(t, "hello", body)
		<-ran
	})
}
