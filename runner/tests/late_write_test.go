package tests

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// keptWriter is where a handler leaves its ResponseWriter and its error, as handlers of
// echo do: what is around it writes the error response when the handler has returned.
type keptWriter struct {
	http.ResponseWriter
	err error
}

type keptKey struct{}

// answersLate is a middleware that writes the errors of handlers, to the writer that
// they had.
func answersLate(next http.Handler, write func(w http.ResponseWriter, err error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		kept := &keptWriter{ResponseWriter: w}
		next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), keptKey{}, kept)))
		if kept.err != nil {
			write(kept.ResponseWriter, kept.err)
		}
	})
}

// failsLate is a handler that asks for a callback, and leaves an error to answersLate.
func failsLate(t *testing.T, seen chan<- runner.Request) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		see := func(ctx context.Context) error {
			got, _ := runner.RequestFrom(ctx)
			seen <- got
			return nil
		}
		if err := runner.After(req.Context(), "it", see); err != nil {
			t.Error(err)
		}
		if err := runner.After(req.Context(), "mail", nothing, runner.When(runner.Request.Succeeded)); err != nil {
			t.Error(err)
		}
		kept := req.Context().Value(keptKey{}).(*keptWriter)
		kept.ResponseWriter, kept.err = w, errBroken
	})
}

var lateWrites = map[string]func(w http.ResponseWriter, err error){
	"http.Error": func(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusTeapot) },
	"WriteString": func(w http.ResponseWriter, err error) {
		w.Header().Set("X-Late", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, err.Error()+"\n")
	},
	"flushed": func(w http.ResponseWriter, err error) {
		w.WriteHeader(http.StatusTeapot)
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write([]byte(err.Error() + "\n"))
	},
}

func TestAnErrorThatMiddlewareOutsideWritesReachesTheClientAndTheCallbacks(t *testing.T) {
	for name, write := range lateWrites {
		t.Run(name, func(t *testing.T) {
			eachPromise(t, func(t *testing.T, bind bool) {
				r, rec := recorded(t, runner.Config{})
				seen := make(chan runner.Request, 1)
				h := answersLate(r.Middleware(failsLate(t, seen)), write)
				srv := startServer(t, h)
				if bind {
					srv = startServer(t, h, runner.Bind)
				}
				res, body := get(t, srv.URL)
				require.Equal(t, http.StatusTeapot, res.StatusCode)
				require.Equal(t, "broken\n", body)
				got := <-seen
				require.Equal(t, http.StatusTeapot, got.Status)
				require.Equal(t, int64(len(body)), got.Bytes)
				srv.Close()
				drain(t, r)
				require.Equal(t, []runner.Outcome{runner.OutcomeSkipped}, rec.Outcomes("mail"))
			})
		})
	}
}

// A test of a handler has no server, so nothing says when the middleware outside has
// returned: the callbacks begin before it writes. runnertest.Serve says so.
func TestAnErrorThatMiddlewareOutsideWritesReachesARecorder(t *testing.T) {
	for name, write := range lateWrites {
		t.Run(name, func(t *testing.T) {
			r, rec := recorded(t, runner.Config{})
			seen := make(chan runner.Request, 1)
			w := httptest.NewRecorder()
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			answersLate(r.Middleware(failsLate(t, seen)), write).ServeHTTP(w, req)
			require.Equal(t, http.StatusTeapot, w.Code)
			require.Equal(t, "broken\n", w.Body.String())
			require.Equal(t, http.StatusOK, (<-seen).Status)
			drain(t, r)
			require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rec.Outcomes("mail"))
		})
	}
}

func TestTheResponseWriterIsDeadInACallbackAfterLateErrors(t *testing.T) {
	eachPromise(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{})
		errs := make(chan error, 1)
		h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			kept := req.Context().Value(keptKey{}).(*keptWriter)
			kept.ResponseWriter, kept.err = w, errBroken
			err := runner.After(req.Context(), "it", func(context.Context) error {
				_, err := w.Write([]byte("late"))
				w.WriteHeader(http.StatusTeapot)
				errs <- err
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}))
		outside := answersLate(h, func(w http.ResponseWriter, _ error) { _, _ = io.WriteString(w, "in time") })
		srv := startServer(t, outside)
		if bind {
			srv = startServer(t, outside, runner.Bind)
		}
		res, body := get(t, srv.URL)
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Equal(t, "in time", body)
		require.ErrorIs(t, <-errs, runner.ErrResponseDone)
	})
}
