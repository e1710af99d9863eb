package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/afterglow-go/afterglow/runner"
)

const (
	loadRequests = 800
	loadClients  = 16
)

// Asks asks for a callback in a framework's own way, with the framework's own context.
type Asks func(name string, fn func(context.Context) error) error

// Load places 800 orders, some at a time, and fails if a callback sees another request than its own. handler
// answers POST /orders/{id}, a route with that pattern, within a scope of after: it calls place with the id, and
// answers 200 if that returns nil. Half of the callbacks run when all orders have been answered, and the framework has used again
// what it uses again. read returns the id as the callback's context has it; nil: it does not.
func Load(t *testing.T, pattern string, read func(ctx context.Context) string, handler func(after *runner.Runner, place func(id string, ask Asks) error) http.Handler) {
	t.Helper()
	after, err := runner.New(runner.Config{Workers: 8, Queue: 4 * loadRequests, Limits: map[string]int{"order.webhook": 4}})
	if err != nil {
		t.Fatal(err)
	}
	l := &load{pattern: pattern, read: read, answered: make(chan struct{})}
	srv := httptest.NewUnstartedServer(handler(after, l.place))
	runner.Bind(srv.Config)
	srv.Start()
	defer srv.Close()
	var wg sync.WaitGroup
	for client := range loadClients {
		wg.Go(func() {
			for i := client; i < loadRequests; i += loadClients {
				if err := order(t.Context(), srv, fmt.Sprint("order-", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(l.answered)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*patience)
	defer cancel()
	if _, err := after.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	for _, wrong := range l.wrong[:min(len(l.wrong), 10)] {
		t.Errorf("one of %d: %s", len(l.wrong), wrong)
	}
	if got, want := after.Stats().Outcomes.String(), fmt.Sprintf("%d success", 3*loadRequests); got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

func order(ctx context.Context, srv *httptest.Server, id string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/orders/"+id, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("X-Id", id)
	res, err := srv.Client().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	return nil
}

// load is what callbacks are held to.
type load struct {
	pattern  string
	read     func(ctx context.Context) string
	answered chan struct{} // closed when every order has been answered

	mu    sync.Mutex
	wrong []string // guarded by mu
}

func (l *load) place(id string, ask Asks) error {
	check := func(ctx context.Context) error {
		l.check(ctx, id)
		return nil
	}
	return errors.Join(
		ask("order.email", func(ctx context.Context) error {
			return errors.Join(check(ctx), runner.After(ctx, "order.receipt", check))
		}),
		ask("order.webhook", func(ctx context.Context) error {
			<-l.answered
			return check(ctx)
		}))
}

func (l *load) check(ctx context.Context, id string) {
	req, ok := runner.RequestFrom(ctx)
	read := id
	if l.read != nil {
		read = l.read(ctx)
	}
	if ok && req.Header.Get("X-Id") == id && req.Pattern == l.pattern && req.Succeeded() && read == id {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf("a callback of %s sees the request of %q to %q with status %d, and reads %q",
		id, req.Header.Get("X-Id"), req.Pattern, req.Status, read))
}
