package tests

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// crashes is set in the process that is to crash.
const crashes = "AFTERGLOW_TEST_CRASHES"

// crash is a callback that starts a goroutine, which panics: nobody can recover that.
func crash(context.Context) error {
	go func() { panic("nobody recovers this") }()
	select {}
}

// crashDump returns what this program writes as it dies of a callback, with a GODEBUG.
func crashDump(t *testing.T, godebug string) string {
	t.Helper()
	if os.Getenv(crashes) != "" { // this is the other process
		r := newRunner(t, runner.Config{Name: "shop"})
		require.NoError(t, r.Go(t.Context(), "order.email", crash))
		select {}
	}
	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), crashes+"=1", "GOTRACEBACK=single", "GODEBUG="+godebug)
	dump, err := child.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(dump), "panic: nobody recovers this")
	return string(dump)
}

// The goroutine that panics has inherited the labels of the callback's goroutine. The
// setting shows them. It is the default of Go 1.27 if go.mod says go 1.27. To see what
// each version writes:
//
//	go test ./runner/tests -run TestACrashDump -v
//	GOTOOLCHAIN=go1.27.3 go test ./runner/tests -run TestACrashDump -v
func TestACrashDumpNamesTheCallbackThatStartedTheGoroutine(t *testing.T) {
	dump := crashDump(t, "tracebacklabels=1")
	t.Logf("%s:\n%s", runtime.Version(), dump)
	header := ""
	for line := range strings.Lines(dump) {
		if strings.HasPrefix(line, "goroutine ") {
			header = line
			break
		}
	}
	for _, label := range []string{`afterglow.callback`, `order.email`, `afterglow.runner`, `shop`} {
		require.Contains(t, header, label)
	}
	require.Contains(t, dump, "runner/tests.crash.func1()")
	require.Contains(t, dump, "created by github.com/afterglow-go/afterglow/runner/tests.crash in goroutine")
}

func TestACrashDumpNamesNothingWithoutTheSetting(t *testing.T) {
	require.NotContains(t, crashDump(t, "tracebacklabels=0"), "afterglow.callback")
}
