package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/afterglow-go/afterglow/runner"
)

//go:embed static templates
var assets embed.FS

// handler is the shop over HTTP. runner.Serve puts the runner's middleware around
// it. otelhttp makes the span that callbacks link to, so it is outside everything
// that may ask for after-work.
func (s *shop) handler() http.Handler {
	// Browsers of other sites may not order in a visitor's name.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &inputError{http.StatusForbidden, "this came from another site"})
	}))
	h := withRoute(guard.Handler(withSession(s.routes())))
	return otelhttp.NewHandler(h, "shop",
		otelhttp.WithTracerProvider(s.otel.Tracers),
		otelhttp.WithPropagators(s.otel.Propagator),
		otelhttp.WithFilter(func(r *http.Request) bool { return !strings.HasPrefix(r.URL.Path, "/static/") }))
}

// withRoute tells the request's span and its callbacks which route matched. otelhttp
// looks when the span starts, which is before any mux has. The runner looks at its own
// copy of the request, and the mux has set the pattern of the one that otelhttp made.
func withRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			runner.SetPattern(r.Context(), r.Pattern)
			if i := strings.IndexByte(r.Pattern, '/'); i >= 0 { // after the method, if the pattern has one
				trace.SpanFromContext(r.Context()).SetAttributes(semconv.HTTPRoute(r.Pattern[i:]))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *shop) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.getIndex)
	mux.HandleFunc("POST /orders", s.postOrderForm)
	mux.HandleFunc("GET /orders/{id}", s.getOrderPage)
	mux.HandleFunc("POST /signup", s.postSignupForm)
	mux.HandleFunc("GET /inbox", s.getInbox)
	mux.HandleFunc("GET /bestsellers", s.getBestSellers)

	mux.HandleFunc("POST /api/orders", s.postOrder)
	mux.HandleFunc("GET /api/orders/{id}", s.getOrder)
	mux.HandleFunc("GET /api/orders/{id}/events", s.getOrderEvents)
	mux.HandleFunc("POST /api/signup", s.postSignup)
	// Without these the mux answers in plain text.
	mux.HandleFunc("/api/orders", s.methodNotAllowed("POST"))
	mux.HandleFunc("/api/orders/{id}", s.methodNotAllowed("GET, HEAD"))
	mux.HandleFunc("/api/orders/{id}/events", s.methodNotAllowed("GET, HEAD"))
	mux.HandleFunc("/api/signup", s.methodNotAllowed("POST"))
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &inputError{http.StatusNotFound, "no such address"})
	})

	mux.Handle("GET /static/", staticFiles())
	return mux
}

func staticFiles() http.Handler {
	static, err := fs.Sub(assets, "static")
	if err != nil {
		panic(err) // the path is a constant
	}
	files := http.StripPrefix("/static/", http.FileServerFS(static))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=300")
		files.ServeHTTP(w, r)
	})
}

// newServer returns a server for h with the limits every server should have.
func (s *shop) newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, maxBody),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          s.errorLog,
	}
}

// requestRead lifts the server's ReadTimeout once the request has been read:
// left in place, it would cancel the context of a handler that takes longer.
func requestRead(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // at worst the timeout stays
}

func (s *shop) methodNotAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		s.fail(w, r, &inputError{http.StatusMethodNotAllowed, "use " + allow})
	}
}

// fail answers with the error as JSON.
func (s *shop) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, message := s.explain(w, r, err)
	writeJSON(w, status, map[string]string{"error": message})
}

// explain maps an error to a status and what the client may read, and sets the
// header that belongs to it.
func (s *shop) explain(w http.ResponseWriter, r *http.Request, err error) (status int, message string) {
	status, message = statusOf(err)
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusRequestEntityTooLarge:
		// The rest of the body is not read. http.MaxBytesReader closes the connection
		// only if nothing wraps the server's ResponseWriter, as the runner does.
		w.Header().Set("Connection", "close")
	case http.StatusInternalServerError:
		s.log.ErrorContext(r.Context(), "request failed", "route", r.Pattern, "error", err)
	}
	return status, message
}

func statusOf(err error) (status int, message string) {
	var in *inputError
	switch {
	case errors.As(err, &in):
		return in.status, in.message
	case errors.Is(err, sql.ErrNoRows):
		return http.StatusNotFound, "no such order"
	case errors.Is(err, runner.ErrQueueFull), errors.Is(err, runner.ErrStuck), errors.Is(err, runner.ErrClosed), isBusy(err):
		return http.StatusServiceUnavailable, "the shop is too busy just now: nothing was done, please try again in a moment"
	}
	return http.StatusInternalServerError, "something went wrong in the shop: nothing was done"
}

// isBusy reports whether the database was locked by others for all of busy_timeout, the
// request's turn to write did not come within writeTimeout, or the request was canceled
// meanwhile: it can be tried again.
func isBusy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// writeJSON encodes before it writes, so that the response has a length.
func writeJSON(w http.ResponseWriter, status int, v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // a client that left needs no answer
}

const sessionCookie = "shop_session"

// withSession gives each visitor a session on the first page or order.
func withSession(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie(sessionCookie); err != nil && (r.URL.Path == "/" || r.Method == http.MethodPost) {
			http.SetCookie(w, &http.Cookie{
				Name: sessionCookie, Value: rand.Text(), Path: "/", MaxAge: 86400,
				HttpOnly: true, SameSite: http.SameSiteLaxMode,
			})
		}
		next.ServeHTTP(w, r)
	})
}
