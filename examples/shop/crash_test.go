package main

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// A crash ends the program, so another process has it: this test's own binary, which
// does what main does first.
func TestACrashOfTheShopNamesTheCallback(t *testing.T) {
	if os.Getenv("SHOP_TEST_CRASHES") != "" {
		nameCallbacksInCrashes()
		r, err := runner.New(runner.Config{Name: "shop"})
		require.NoError(t, err)
		require.NoError(t, r.Go(t.Context(), nameAnalytics, func(context.Context) error {
			go func() { panic("nobody recovers this") }()
			select {}
		}))
		select {}
	}
	self, err := os.Executable()
	require.NoError(t, err)
	crash := func(godebug string) string {
		child := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "SHOP_TEST_CRASHES=1", "GODEBUG="+godebug)
		dump, err := child.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(dump), "panic: nobody recovers this")
		return string(dump)
	}
	for _, godebug := range []string{"", "panicnil=1"} {
		require.Regexp(t, `(?m)^goroutine \d+ \[running.*afterglow\.callback.*order\.analytics.*afterglow\.runner.*shop`, crash(godebug))
	}
	require.NotContains(t, crash("tracebacklabels=0"), "afterglow.callback", "GODEBUG in the environment wins over the program's own")
}
