package main

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childEnv makes the test binary the program itself, on a free port.
const childEnv = "AFTERGLOW_EXAMPLE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	serve(context.Background(), listener)
}

// start starts the program in a directory, and returns the lines that it logs.
func start(t *testing.T, dir string) (*exec.Cmd, <-chan string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Dir, cmd.Env = dir, append(os.Environ(), childEnv+"=1")
	out, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for read := bufio.NewScanner(out); read.Scan(); {
			lines <- read.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have been before
		_ = cmd.Wait()
	})
	return cmd, lines
}

// await returns the first line that has the text.
func await(t *testing.T, lines <-chan string, text string) string {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case line, open := <-lines:
			require.True(t, open, "the program has ended before it said %q", text)
			if strings.Contains(line, text) {
				return line
			}
		case <-late:
			require.Fail(t, "the program has not said "+text)
		}
	}
}

func TestAMailSurvivesAKillInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	first, lines := start(t, dir)
	_, url, found := strings.Cut(await(t, lines, "place orders"), "at ")
	require.True(t, found)
	resp, err := http.Post(strings.Replace(url, "{id}", "7", 1), "", http.NoBody)
	require.NoError(t, err)
	said, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "Order placed successfully\n", string(said))
	await(t, lines, "sending the mail of order 7")
	require.NoError(t, first.Process.Kill())

	_, lines = start(t, dir)
	await(t, lines, "sending the mail of order 7")
	await(t, lines, "the mail of order 7 is sent")
}
