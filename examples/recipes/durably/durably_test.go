package durably_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/examples/recipes/durably"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestOneHandlerMailsFromMemoryFromDiskAndFromDiskAfterTheResponse(t *testing.T) {
	mailed := make(chan string, 10)
	send := func(_ context.Context, id string) error { mailed <- id; return nil }
	task := durably.Define(send)
	queue, err := sqlite.Open(t.Context(), sqlite.Scheme+filepath.Join(t.TempDir(), "mails.db"), durable.Config{}, task)
	require.NoError(t, err)
	t.Cleanup(func() {
		end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := queue.Shutdown(end)
		require.NoError(t, err)
	})
	rt := runnertest.New(t, runner.Config{})
	order := func(id string, ask func(context.Context, string) error) {
		t.Helper()
		require.Equal(t, http.StatusOK, rt.Serve(durably.Handler(ask), httptest.NewRequest("POST", "/orders/"+id, nil)).Code)
	}
	order("memory", durably.InMemory(send))
	require.Equal(t, "memory", <-mailed)
	order("disk", durably.OnDisk(queue, task))
	require.Equal(t, "disk", <-mailed)
	order("disk", durably.OnDisk(queue, task)) // again, as its client got no answer
	order("later", durably.AfterTheResponse(queue, task))
	require.Equal(t, "later", <-mailed)
	require.Empty(t, mailed, "the mail that was asked for twice has come once")
}
