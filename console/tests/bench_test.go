package tests

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

// BenchmarkCallback is what a console costs a callback while nobody looks. What the console
// keeps changes how often garbage is collected, in a heap as small as this one. So switch that off,
// and let the two take turns:
//
//	GOGC=off GOMEMLIMIT=512MiB go test ./console/tests -run='^$' -bench=Callback/mounted
//	GOGC=off GOMEMLIMIT=512MiB go test ./console/tests -run='^$' -bench=Callback/without
func BenchmarkCallback(b *testing.B) {
	b.Run("without", func(b *testing.B) { benchmarkCallback(b) })
	b.Run("mounted", func(b *testing.B) {
		c, err := console.New(console.Config{})
		require.NoError(b, err)
		b.Cleanup(c.Close)
		benchmarkCallback(b, c.Observer())
	})
}

func benchmarkCallback(b *testing.B, observers ...runner.Observer) {
	b.Helper()
	r, err := runner.New(runner.Config{Observers: observers})
	require.NoError(b, err)
	b.Cleanup(func() { _, _ = r.Shutdown(context.Background()) })
	nothing := func(context.Context) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Do(b.Context(), "empty", nothing); err != nil {
			b.Fatal(err)
		}
	}
}
