package recipes_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestAThousandRequestsOfAStalePageReloadItOnceAndNoneWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// One at a time: callbacks that run beside each other would each load the page.
		rt := runnertest.New(t, runner.Config{Workers: 8, Limits: map[string]int{"cache.revalidate": 1}})
		var loads atomic.Int32
		cache := &recipes.Cache{MaxAge: time.Minute, Load: func(context.Context, string) (string, error) {
			time.Sleep(time.Second) // a slow query
			return fmt.Sprint("version ", loads.Add(1)), nil
		}}
		page := rt.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			value, err := cache.Get(r.Context(), "prices")
			require.NoError(t, err)
			fmt.Fprint(w, value)
		}))
		get := func() string {
			w := httptest.NewRecorder()
			page.ServeHTTP(w, httptest.NewRequest("GET", "/prices", nil))
			return w.Body.String()
		}
		require.Equal(t, "version 1", get())
		time.Sleep(2 * time.Minute)

		begin := time.Now()
		var requests sync.WaitGroup
		for range 1000 {
			requests.Go(func() {
				if body := get(); body != "version 1" {
					t.Error(body)
				}
			})
		}
		requests.Wait()
		require.Zero(t, time.Since(begin), "no request has waited")
		rt.WaitIdle()
		require.Equal(t, int32(2), loads.Load())
		require.Equal(t, "version 2", get())
	})
}
