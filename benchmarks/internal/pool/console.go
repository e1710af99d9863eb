package pool

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

// Viewers is how many pages are open in the question of the console.
const Viewers = 200

// Names of the contestants of that question.
const (
	NoConsole      = "without a console"
	ConsoleMounted = "mounted, nobody looks"
)

// ConsoleViewed is the name of the contestant whose console is looked at.
func ConsoleViewed() string { return fmt.Sprintf("%d viewers", Viewers) }

// Consoles are runners with full metrics, without a console and with one.
func Consoles() []Contestant {
	return []Contestant{
		{Name: NoConsole, Family: Afterglow, Telemetry: NoopTracer, New: newDirect(NoopTracer)},
		{Name: ConsoleMounted, Family: Afterglow, Telemetry: NoopTracer, New: newWatched(0)},
		{Name: ConsoleViewed(), Family: Afterglow, Telemetry: NoopTracer, New: newWatched(Viewers)},
	}
}

// Looked is a pool that somebody can look at.
type Looked interface {
	// Look opens the viewers, and returns what closes them.
	Look() (away func())
}

// watched is a runner with a console.
type watched struct {
	direct
	console *console.Console
	server  *httptest.Server
	viewers int
}

func newWatched(viewers int) func(Size) Pool {
	return func(s Size) Pool {
		c, err := console.New(console.Config{})
		must(err)
		cfg := blocking(s)
		cfg.Observers = []runner.Observer{c.Observer()}
		return watched{direct{NewObserved(cfg, NoopTracer)}, c, httptest.NewServer(c), viewers}
	}
}

// Look returns when each of the viewers has its first figures.
func (w watched) Look() (away func()) {
	ctx, stop := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	for range w.viewers {
		w.view(ctx, &reading)
	}
	return func() {
		stop()
		reading.Wait()
	}
}

// view opens a live page, waits for its first figures, and reads on. What reading takes
// is in the figures too, as it is done in this process.
func (w watched) view(ctx context.Context, reading *sync.WaitGroup) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+"/stream?page=overview", http.NoBody)
	must(err)
	resp, err := w.server.Client().Do(req)
	must(err)
	in := bufio.NewReader(resp.Body)
	for line := ""; !strings.HasPrefix(line, "data:"); {
		line, err = in.ReadString('\n')
		must(err)
	}
	reading.Go(func() {
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, in) // until it is canceled
	})
}

// Close ends the console and the runner.
func (w watched) Close() {
	w.console.Close()
	w.server.Close()
	w.direct.Close()
}
