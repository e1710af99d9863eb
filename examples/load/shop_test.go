package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

var shopAddress = regexp.MustCompile(`http://127\.0\.0\.1:\d+`)

var shopBinary string // written by TestMain

func TestMain(m *testing.M) {
	os.Exit(withShopBuilt(m.Run))
}

// withShopBuilt builds the shop that the tests start.
func withShopBuilt(test func() int) int {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears its temporary files
	shopBinary = filepath.Join(dir, "shop")
	args := append([]string{"build", "-o", shopBinary}, tool.BuildFlags()...)
	if out, err := exec.CommandContext(context.Background(), "go", append(args, "../shop")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the shop: %v\n%s", err, out)
		return 1
	}
	return test()
}

// startShop starts the shop on free ports, and returns its address. It ends
// with the test.
func startShop(t *testing.T, args ...string) string {
	t.Helper()
	shop := exec.CommandContext(t.Context(), shopBinary, append([]string{
		"-addr", "127.0.0.1:0", "-ops", "127.0.0.1:0", "-db", filepath.Join(t.TempDir(), "shop.db"),
		"-smtp-delay", "5ms", "-drain", "300ms", "-log-level", "error",
	}, args...)...)
	shop.Cancel = func() error { return shop.Process.Signal(syscall.SIGTERM) }
	shop.WaitDelay = 10 * time.Second
	stdout, err := shop.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, shop.Start())
	t.Cleanup(func() { _ = shop.Wait() }) // t.Context has ended by then

	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if address := shopAddress.FindString(lines.Text()); address != "" {
			go io.Copy(io.Discard, stdout) //nolint:errcheck // it ends with the shop
			return address
		}
	}
	require.Fail(t, "the shop ended without saying where it listens")
	return ""
}

// load runs the program and returns what it prints.
func load(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := run(t.Context(), args, &out, io.Discard)
	t.Log(out.String())
	return out.String(), err
}

func TestWhatTheShopPromisesItDoes(t *testing.T) {
	out, err := load(t, "-url", startShop(t), "-n", "100", "-c", "8", "-rate", "0", "-mode", "both")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^ *orders placed +100 +100$`, out)
	require.Regexp(t, `(?m)^ *after-work missing +0 +0$`, out)
	require.NotRegexp(t, `(?m)^ *after-work promised +0`, out, "nothing was checked")
}

func TestWorkThatNeverEndsIsMissingByName(t *testing.T) {
	out, err := load(t, "-url", startShop(t, "-faults", "order.webhook=hang:1"), "-n", "3", "-wait", "5s") // time enough for all else
	require.ErrorContains(t, err, "after-work of 3 orders is missing")
	require.Regexp(t, `(?m)^  \w+  order\.webhook$`, out)
}

func TestWhatTheShopSaysOfARefusalIsPassedOn(t *testing.T) {
	out, err := load(t, "-url", startShop(t), "-n", "2", "-rate", "0", "-product", "nope", "-mode", "both")
	require.ErrorContains(t, err, "no order could be placed")
	require.Contains(t, out, `the first error: the shop answers 400: product: the shop does not sell "nope"`)
	require.Regexp(t, `(?m)^ *response p50 of the 201s +– +–$`, out, "nothing was measured")
	require.Regexp(t, `(?m)^ *median by the shop's clock +– +–$`, out)
}

func TestHowLongItWillTakeIsSaidWithARate(t *testing.T) {
	require.Equal(t, "placing 1000 orders, mode after, about 20s", placing(options{orders: 1000, rate: 50}, modeAfter))
	require.Equal(t, "placing 3 orders, mode after", placing(options{orders: 3, rate: 50}, modeAfter), "at once")
	require.Equal(t, "placing 1000 orders, mode inline", placing(options{orders: 1000}, modeInline))
}

func TestAnUnknownFlagIsOneLineAndHelpIsAskedFor(t *testing.T) {
	var out, errOut strings.Builder
	err := run(t.Context(), []string{"-addr", "x"}, &out, &errOut)
	require.EqualError(t, err, "flag provided but not defined: -addr (-h lists the flags)")
	require.Empty(t, out.String()+errOut.String(), "main prints the error")

	require.ErrorIs(t, run(t.Context(), []string{"-h"}, &out, &errOut), flag.ErrHelp)
	require.Contains(t, out.String(), "  -rate ")
	require.Empty(t, errOut.String())
}

func TestThatNoShopIsThereIsSaidInOneLine(t *testing.T) {
	_, err := load(t, "-url", "http://127.0.0.1:1")
	require.ErrorContains(t, err, "go run ./examples/shop")
	require.NotContains(t, err.Error(), "\n")
}

func TestMistakesInTheCommandLineAreAllReported(t *testing.T) {
	_, err := load(t, "-url", "http://example.com", "-n", "0", "-c", "-1", "-rate", "NaN", "-mode", "x", "-wait", "-1s", "-timeout", "0")
	for _, flag := range []string{"-url", "-n", "-c", "-rate", "-mode", "-wait", "-timeout"} {
		require.ErrorContains(t, err, flag)
	}
}
