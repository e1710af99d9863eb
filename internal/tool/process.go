package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// readyTime is how long a tool may take to become ready, on a machine that
	// runs other tests beside.
	readyTime = time.Minute
	// endTime is how long it may take to end before it is killed. One Alertmanager of
	// a pair takes up to ten seconds to leave the other.
	endTime = 30 * time.Second
	// keptOutput is how much of its output is kept, in bytes.
	keptOutput = 16 << 10
)

// Command says which tool to start, and how.
type Command struct {
	Name string // as Binary knows it
	Path string // of a program that is there already. Empty: that of the tool called Name
	Args []string
	Dir  string   // it runs in. Empty: that of this process
	Env  []string // beside that of this process

	// Ready is the URL that answers 200 once the tool can be used.
	Ready string

	// EndTime is how long it may take to end before it is killed. 0: thirty seconds.
	EndTime time.Duration

	// Output gets what the tool prints, besides what is kept of it.
	// nil: it is kept only.
	Output io.Writer
}

// Process is a tool that runs.
type Process struct {
	cmd    *exec.Cmd
	cancel context.CancelFunc
	asked  <-chan struct{} // closed when it shall end
	output *tail

	unasked bool          // it has ended before; written before ended is closed
	ended   chan struct{} // closed when cmd has been waited for

	stop    sync.Once
	stopped error // written in stop
}

// Start starts a tool and returns when it is ready. Who starts it calls Stop;
// it ends with ctx at the latest. An error has the last of what the tool said.
func Start(ctx context.Context, c Command) (*Process, error) {
	path := c.Path
	if path == "" {
		var err error
		if path, err = Binary(ctx, c.Name, os.Stderr); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &Process{cancel: cancel, asked: ctx.Done(), output: &tail{also: c.Output}, ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, path, c.Args...)
	p.cmd.Dir = c.Dir
	p.cmd.Env = append(p.cmd.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = c.EndTime // then it is killed
	if c.EndTime == 0 {
		p.cmd.WaitDelay = endTime
	}
	endWithParent(p.cmd)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		cancel()
		return nil, fmt.Errorf("tool: %w", err)
	}
	if err := p.waitReady(ctx, c.Ready); err != nil {
		_ = p.Stop()
		return nil, fmt.Errorf("tool: %s did not become ready: %w; the last it said:\n%s", c.Name, err, p.output)
	}
	return p, nil
}

// PID returns the process' id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// run starts the tool and waits for its end, on a thread of its own: see
// endWithParent.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	defer close(p.ended)
	_ = p.cmd.Wait() // ProcessState has what it says
	p.unasked = !isClosed(p.asked)
}

// waitReady asks until the answer is 200.
func (p *Process) waitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := errors.New("it was not asked")
	for {
		select {
		case <-p.ended:
			return fmt.Errorf("it ended: %v", p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("%w; %w", context.Cause(ctx), last)
		case <-tick.C:
		}
		if last = get(ctx, client, url); last == nil {
			return nil
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, resp.Status)
	}
	return nil
}

// Stop ends the tool, at first by SIGTERM, and returns when it has ended. It
// may be called more than once. An error means that the tool had ended before
// it was asked to, by itself or by somebody else's signal, or had to be killed.
func (p *Process) Stop() error {
	p.stop.Do(func() {
		p.cancel()
		<-p.ended
		if p.unasked {
			p.stopped = fmt.Errorf("tool: it had ended unasked: %v; the last it said:\n%s", p.cmd.ProcessState, p.output)
			return
		}
		if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGKILL {
			p.stopped = fmt.Errorf("tool: it did not end within %v and was killed", p.cmd.WaitDelay)
		}
	})
	return p.stopped
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Ended is closed when the tool has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// End waits until the tool has ended and tells how: "exit status 1", say, or
// "signal: killed".
func (p *Process) End() string {
	<-p.ended
	return p.cmd.ProcessState.String()
}

// Output is the last of what the tool has printed.
func (p *Process) Output() string { return p.output.String() }

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept bytes.Buffer // guarded by mu
	also io.Writer    // nil: nobody; guarded by mu
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept.Write(b)
	t.kept.Next(max(0, t.kept.Len()-keptOutput))
	if t.also != nil {
		_, _ = t.also.Write(b) // the tool shall not suffer from its reader
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept.String()
}
