package main

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// server is a process of the stack.
type server struct {
	name    string
	process *tool.Process
	end     sync.Once
	asked   chan struct{} // closed when it is told to end
}

// lastLines is how much of what a server said is shown if it ends by itself.
const lastLines = 15

// startServer starts one, which is ready when it returns, and tells crashed should
// it end by itself.
func (s *stack) startServer(ctx context.Context, c tool.Command) (*server, error) {
	// Until it is ready it ends with ctx; from then on when it is told to, after
	// those that need it.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	ready := context.AfterFunc(ctx, end)
	process, err := tool.Start(life, c)
	ready()
	if err != nil {
		return nil, err
	}
	v := &server{name: c.Name, process: process, asked: make(chan struct{})}
	s.servers = append(s.servers, v)
	go func() {
		<-process.Ended()
		select {
		case <-v.asked:
		default:
			err := fmt.Errorf("%s has ended by itself: %s", v.name, process.End())
			if said := last(process.Output(), lastLines); said != "" {
				err = fmt.Errorf("%w; the last it said:\n%s", err, said)
			}
			s.crashed <- err
		}
	}()
	return v, nil
}

func (v *server) stop() error {
	select {
	case <-v.process.Ended():
		return nil // crashed has said so
	default:
	}
	v.end.Do(func() { close(v.asked) })
	if err := v.process.Stop(); err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	return nil
}

// last is the last n lines of a text.
func last(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
