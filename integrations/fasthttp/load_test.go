package fasthttpafter_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	fasthttpafter "github.com/afterglow-go/afterglow/integrations/fasthttp"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

const (
	clients  = 16
	requests = 800
)

// b2s is how fasthttp and its routers make strings.
func b2s(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func callerOf(info runner.AcceptedInfo) string {
	at, _ := runtime.CallersFrames([]uintptr{info.Caller + 1}).Next()
	return at.File
}

// Under load each callback sees its own request, whatever fasthttp uses again. Half of the callbacks run
// when all requests have been answered.
func TestUnderLoadEachCallbackSeesItsOwnRequest(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{Workers: 8, Queue: 4 * requests, Limits: map[string]int{"order.webhook": 4}})
	answered := make(chan struct{})
	var mu sync.Mutex
	var wrong []string
	contexts := make(map[*fasthttp.RequestCtx]bool)
	s := start(t, after, func(c *fasthttp.RequestCtx) {
		id := string(c.Request.Header.Peek("X-Id"))
		c.SetUserValue("id", b2s(c.Request.Header.Peek("X-Id")))
		mu.Lock()
		contexts[c] = true
		mu.Unlock()
		check := func(ctx context.Context) error {
			req, ok := runner.RequestFrom(ctx)
			value, _ := ctx.Value("id").(string)
			if !ok || req.Header.Get("X-Id") != id || req.URL.Path != "/orders/"+id || value != id || !req.Succeeded() {
				mu.Lock()
				wrong = append(wrong, fmt.Sprintf("a callback of %s sees %v of %q, value %q", id, req.URL, req.Header.Get("X-Id"), value))
				mu.Unlock()
			}
			return nil
		}
		err := fasthttpafter.After(c, "order.email", func(ctx context.Context) error {
			if err := check(ctx); err != nil {
				return err
			}
			return runner.After(ctx, "order.receipt", check) // a callback asks with its own context
		})
		if err == nil {
			err = fasthttpafter.After(c, "order.webhook", func(ctx context.Context) error {
				<-answered
				return check(ctx)
			})
		}
		if err != nil {
			t.Error(err)
		}
		c.SetBodyString(id)
	})
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
	require.Less(t, len(contexts), requests, "no RequestCtx was used again: there was nothing to test")
	require.Empty(t, wrong[:min(len(wrong), 10)], "%d in all", len(wrong))
	require.Equal(t, fmt.Sprintf("%d success", 3*requests), after.Stats().Outcomes.String())
}
