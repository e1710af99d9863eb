package fiberafter_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/timeout"
	"github.com/stretchr/testify/require"

	fiberafter "github.com/afterglow-go/afterglow/integrations/fiber"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

const (
	clients  = 16
	requests = 800
)

func TestACallbackReadsTheRequestThatItRunsAfter(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	app := fiber.New()
	app.Use(fiberafter.New(after))
	app.Post("/orders/:id", func(c fiber.Ctx) error {
		seen(t, c, got)
		return c.Status(http.StatusCreated).SendString("placed")
	})
	s := start(t, app)
	status, _, err := s.order(t.Context(), "/orders/7?gift=1", "X-Id", "7")
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, status)
	req := adaptertest.Receive(t, got)
	require.Equal(t, "/orders/:id", req.Pattern)
	require.Equal(t, http.MethodPost, req.Method)
	require.Equal(t, "/orders/7", req.URL.Path)
	require.Equal(t, "gift=1", req.URL.RawQuery)
	require.Equal(t, "7", req.Header.Get("X-Id"))
	require.Equal(t, http.StatusCreated, req.Status)
	require.EqualValues(t, len("placed"), req.Bytes)
}

// Fiber's ErrorHandler answers when the middleware has returned. Middleware asks, too.
func TestTheStatusIsThatOfTheErrorHandler(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	app := fiber.New()
	app.Use(fiberafter.New(after), func(c fiber.Ctx) error {
		seen(t, c, got)
		return c.Next()
	}, recover.New())
	app.Post("/teapot", func(fiber.Ctx) error { return fiber.NewError(http.StatusTeapot, "no") })
	app.Post("/error", func(fiber.Ctx) error { return errors.New("no") })
	app.Post("/panic", func(fiber.Ctx) error { panic("broken") })
	s := start(t, app)
	for path, want := range map[string]int{"/teapot": 418, "/error": 500, "/panic": 500, "/nowhere": 404} {
		status, _, err := s.order(t.Context(), path)
		require.NoError(t, err)
		require.Equal(t, want, status)
		req := adaptertest.Receive(t, got)
		require.Equal(t, want, req.Status, path)
		require.False(t, req.Succeeded())
		if path == "/nowhere" {
			require.Empty(t, req.Pattern)
		} else {
			require.Equal(t, path, req.Pattern)
		}
	}
}

func TestAPanicThatIsRecoveredOutsideIsSeen(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	app := fiber.New()
	app.Use(recover.New(), fiberafter.New(after))
	app.Post("/", func(c fiber.Ctx) error {
		seen(t, c, got)
		panic("broken")
	})
	status, _, err := start(t, app).order(t.Context(), "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, status)
	require.True(t, adaptertest.Receive(t, got).Panicked)
}

type valueKey struct{}

// Fiber and fasthttp use the memory of a request again for the next one. The callback looks when they have.
func TestWhatACallbackReadsIsACopy(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	next, got := make(chan struct{}), make(chan string, 1)
	app := fiber.New()
	app.Use(fiberafter.New(after))
	app.Post("/:kind/:id", func(c fiber.Ctx) error {
		if c.Params("id") != "first" {
			return nil
		}
		c.Locals("id", c.Params("id")) // a part of the request's memory
		c.SetContext(context.WithValue(c.Context(), valueKey{}, "mine"))
		return fiberafter.After(c, "order.email", func(ctx context.Context) error {
			<-next
			req, _ := runner.RequestFrom(ctx)
			id, _ := ctx.Value("id").(string)
			got <- strings.Join([]string{req.Method, req.URL.Path, req.Pattern, req.Host, req.Header.Get("X-Id"), id, fmt.Sprint(ctx.Value(valueKey{}))}, " ")
			return nil
		})
	})
	s := start(t, app)
	_, _, err := s.order(t.Context(), "/orders/first", "X-Id", "first")
	require.NoError(t, err)
	for range 10 { // the same connection
		_, _, err := s.order(t.Context(), "/wrong!/wrong", "X-Id", "wrong")
		require.NoError(t, err)
	}
	close(next)
	require.Equal(t, "POST /orders/first /:kind/:id "+s.addr+" first first mine", adaptertest.Receive(t, got))
}

// A fiber.Ctx is no context to ask with: the callback would read what Fiber writes.
func TestAfterOfTheRunnerRefusesAFiberCtx(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	answers := make(chan error, 3)
	nothing := func(context.Context) error { return nil }
	app := fiber.New()
	app.Post("/outside", func(c fiber.Ctx) error { answers <- fiberafter.After(c, "order.email", nothing); return nil })
	app.Use(fiberafter.New(after))
	app.Post("/", func(c fiber.Ctx) error {
		answers <- runner.After(c, "order.email", nothing)
		answers <- runner.After(c.Context(), "order.email", nothing)
		return nil
	})
	s := start(t, app)
	for _, path := range []string{"/outside", "/"} {
		_, _, err := s.order(t.Context(), path)
		require.NoError(t, err)
	}
	require.ErrorIs(t, adaptertest.Receive(t, answers), runner.ErrNoScope)
	require.ErrorIs(t, adaptertest.Receive(t, answers), runner.ErrNoScope)
	require.NoError(t, adaptertest.Receive(t, answers))
}

func TestATimeoutIsSeen(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	app := fiber.New()
	app.Use(fiberafter.New(after))
	app.Post("/", timeout.New(func(c fiber.Ctx) error {
		seen(t, c, got)
		<-c.Context().Done()
		return c.Context().Err()
	}, timeout.Config{Timeout: 20 * time.Millisecond}))
	status, _, err := start(t, app).order(t.Context(), "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestTimeout, status)
	require.False(t, adaptertest.Receive(t, got).Succeeded())
}

// The handler that middleware timeout leaves behind moves the fiber.Ctx on. The race detector sees it
// if New reads the route then.
func TestAnAbandonedHandlerMayGoOn(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got, routed := make(chan runner.Request, 1), make(chan struct{})
	app := fiber.New()
	app.Use(fiberafter.New(after), func(c fiber.Ctx) error {
		seen(t, c, got)
		return c.Next()
	}, timeout.New(func(c fiber.Ctx) error {
		<-c.Context().Done()
		for !c.IsAbandoned() {
			runtime.Gosched()
		}
		return c.Next()
	}, timeout.Config{Timeout: 20 * time.Millisecond}))
	app.Post("/orders/:id", func(fiber.Ctx) error { close(routed); return nil })
	status, _, err := start(t, app).order(t.Context(), "/orders/7")
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestTimeout, status)
	adaptertest.Receive(t, routed)
	req := adaptertest.Receive(t, got)
	require.True(t, req.TimedOut)
	require.Empty(t, req.Pattern)
}

// Under load each callback sees its own request, whatever Fiber uses again. Half of the callbacks run when all
// requests have been answered.
func TestUnderLoadEachCallbackSeesItsOwnRequest(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{Workers: 8, Queue: 4 * requests, Limits: map[string]int{"order.webhook": 4}})
	answered := make(chan struct{})
	var mu sync.Mutex
	var wrong []string
	contexts := make(map[fiber.Ctx]bool)
	app := fiber.New()
	app.Use(fiberafter.New(after))
	app.Post("/orders/:id", func(c fiber.Ctx) error {
		id := strings.Clone(c.Params("id"))
		c.Locals("id", c.Params("id"))
		mu.Lock()
		contexts[c] = true
		mu.Unlock()
		check := func(ctx context.Context) error {
			req, ok := runner.RequestFrom(ctx)
			value, _ := ctx.Value("id").(string)
			if !ok || req.Header.Get("X-Id") != id || req.URL.Path != "/orders/"+id || value != id || req.Pattern != "/orders/:id" || !req.Succeeded() {
				mu.Lock()
				wrong = append(wrong, fmt.Sprintf("a callback of %s sees %v of %q, value %q", id, req.URL, req.Header.Get("X-Id"), value))
				mu.Unlock()
			}
			return nil
		}
		err := fiberafter.After(c, "order.email", func(ctx context.Context) error {
			return errors.Join(check(ctx), runner.After(ctx, "order.receipt", check))
		})
		if err != nil {
			return err
		}
		err = fiberafter.After(c, "order.webhook", func(ctx context.Context) error {
			<-answered
			return check(ctx)
		})
		if err != nil {
			return err
		}
		return c.SendString(id)
	})
	s := start(t, app)
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := client; i < requests; i += clients {
				id := fmt.Sprint("order-", i)
				if _, got, err := s.order(t.Context(), "/orders/"+id, "X-Id", id); err != nil || got != id {
					t.Errorf("%s: got %q, %v", id, got, err)
				}
			}
		})
	}
	wg.Wait()
	close(answered)
	adaptertest.Drain(t, after)
	require.Less(t, len(contexts), requests, "no fiber.Ctx was used again: there was nothing to test")
	require.Empty(t, wrong[:min(len(wrong), 10)], "%d in all", len(wrong))
	require.Equal(t, fmt.Sprintf("%d success", 3*requests), after.Stats().Outcomes.String())
}
