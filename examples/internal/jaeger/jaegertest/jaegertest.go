// Package jaegertest starts a real Jaeger for a test.
package jaegertest

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
)

// Start starts Jaeger as [jaeger.Start] does, to the end of the test, and skips
// short tests. A program that ends in a cleanup of the test can still export.
func Start(t *testing.T, config string, output io.Writer) *jaeger.Server {
	t.Helper()
	if testing.Short() {
		t.Skip("Jaeger takes minutes to build; make test builds it")
	}
	server, err := jaeger.Start(context.Background(), config, output)
	require.NoError(t, err)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections() // by which it was asked
		require.NoError(t, server.Stop())
	})
	return server
}
