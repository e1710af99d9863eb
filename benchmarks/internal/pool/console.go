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

// watched is a runner with a console.
type watched struct {
	direct
	console *console.Console
	server  *httptest.Server // nil: nobody looks
	stop    context.CancelFunc
	reading *sync.WaitGroup
}

func newWatched(viewers int) func(Size) Pool {
	return func(s Size) Pool {
		c, err := console.New(console.Config{})
		must(err)
		cfg := blocking(s)
		cfg.Observers = []runner.Observer{c.Observer()}
		ctx, stop := context.WithCancel(context.Background())
		w := watched{direct: direct{NewObserved(cfg, NoopTracer)}, console: c, stop: stop, reading: new(sync.WaitGroup)}
		if viewers > 0 {
			w.server = httptest.NewServer(c)
		}
		for range viewers {
			w.view(ctx)
		}
		return w
	}
}

// view opens a live page, waits for its first figures, and reads on. What reading takes
// is in the figures too, as it is done in this process.
func (w watched) view(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+"/stream?page=overview", http.NoBody)
	must(err)
	resp, err := w.server.Client().Do(req)
	must(err)
	in := bufio.NewReader(resp.Body)
	for line := ""; !strings.HasPrefix(line, "data:"); {
		line, err = in.ReadString('\n')
		must(err)
	}
	w.reading.Go(func() {
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, in) // until it is canceled
	})
}

// Close ends the viewers, the console and the runner.
func (w watched) Close() {
	w.stop()
	w.reading.Wait()
	w.console.Close()
	if w.server != nil {
		w.server.Close()
	}
	w.direct.Close()
}
