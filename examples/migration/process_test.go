package migration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// childEnv makes the test binary a server that ends after one order.
const childEnv = "AFTERGLOW_MIGRATION_CHILD"

func TestMain(m *testing.M) {
	what := os.Getenv(childEnv)
	if what == "" {
		os.Exit(m.Run())
	}
	if err := serveOneOrder(what); err != nil {
		log.Fatal(err)
	}
}

// serveOneOrder serves an order, and then ends as a deploy ends a server: open requests are finished.
func serveOneOrder(what string) error {
	failed := make(chan struct{})
	r, err := runner.New(runner.Config{Observers: []runner.Observer{{
		Failed: func(context.Context, runner.FinishedInfo) { close(failed) },
	}}})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	handlers := map[string]http.Handler{
		"slow, bare":  placeOrder(bare, mailSlowly),
		"slow, after": placeOrder(after, mailSlowly),
		"bug, bare":   placeOrder(bare, mailWithBug),
		"bug, after":  placeOrder(after, mailWithBug),
	}
	ctx, deploy := context.WithCancel(context.Background())
	defer deploy()
	ended := make(chan error, 1)
	go func() {
		_, err := r.Serve(ctx, &http.Server{Handler: handlers[what]}, listener, runner.Budgets{})
		ended <- err
	}()
	res, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		return err
	}
	res.Body.Close()
	fmt.Println("order placed")
	if what == "bug, bare" || what == "bug, after" {
		<-failed // by then the bare one has ended the process
	}
	deploy()
	return <-ended
}

// mailSlowly takes a minute. To keep the test short, it is done once a drain waits for it.
func mailSlowly(ctx context.Context) error {
	select {
	case <-time.After(time.Minute):
	case <-runner.Draining(ctx): // nil, and so never, for the bare one
	}
	fmt.Println("mail sent")
	return nil
}

func mailWithBug(context.Context) error {
	var sent map[string]bool
	sent["7"] = true //nolint:govet,staticcheck // this is the bug
	return nil
}

// run runs the server, and returns what it prints and its exit code.
func run(t *testing.T, what string) (stdout string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"="+what), io.Discard
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestBug1WorkIsLostWhenTheProcessEnds(t *testing.T) {
	out, code := run(t, "slow, bare")
	require.Zero(t, code, "and it ends as if all were well")
	require.Equal(t, "order placed\n", out)
	out, code = run(t, "slow, after")
	require.Zero(t, code)
	require.Equal(t, "order placed\nmail sent\n", out)
}

func TestBug2APanicEndsTheProcessWithAllItsRequests(t *testing.T) {
	_, code := run(t, "bug, bare")
	require.Equal(t, 2, code)
	out, code := run(t, "bug, after")
	require.Zero(t, code)
	require.Equal(t, "order placed\n", out)
}
