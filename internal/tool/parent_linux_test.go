package tool_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// onThreadThatEnds calls f on a thread that ends then, and returns its
// directory in /proc. The main thread never does.
func onThreadThatEnds(f func()) string {
	ended := make(chan string)
	go func() {
		runtime.LockOSThread()
		tid := syscall.Gettid()
		if tid == os.Getpid() {
			defer runtime.UnlockOSThread()
			ended <- onThreadThatEnds(f)
			return
		}
		f()
		ended <- filepath.Join("/proc/self/task", strconv.Itoa(tid))
		// The thread ends with the goroutine, as it is still locked.
	}()
	return <-ended
}

func TestAToolOutlivesTheThreadThatAskedForIt(t *testing.T) {
	newCheckout(t)
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	var p *tool.Process
	thread := onThreadThatEnds(func() {
		p, err = tool.Start(t.Context(), tool.Command{Name: "jaeger", Args: ports, Ready: "http://127.0.0.1:" + ports[0]})
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return gone(thread) }, time.Minute, time.Millisecond)
	require.NoError(t, p.Stop())
}

func gone(path string) bool {
	_, err := os.Stat(path)
	return os.IsNotExist(err)
}
