package recipes

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/afterglow-go/afterglow/runner"
)

// Orders takes orders, and mails each of them once, however often its request comes: a
// client that got no answer asks again, and a user clicks twice.
type Orders struct {
	Mail func(ctx context.Context, id string) error

	mu    sync.Mutex
	taken map[string]bool // stands for a table with a unique key; guarded by mu
}

// ServeHTTP implements [http.Handler].
func (o *Orders) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	// Who writes the order asks for its mail. That decides it, and not the mail's callback.
	if !o.insert(id) {
		fmt.Fprintln(w, "Order placed already")
		return
	}
	err := runner.After(r.Context(), "order.email", func(ctx context.Context) error { return o.Mail(ctx, id) },
		runner.When(runner.Request.Succeeded), runner.Ref("order "+id))
	if err != nil { // no room for the mail: take no order, so that the next try gets both
		o.remove(id)
		http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "Order placed successfully")
}

// insert reports whether the order is new: INSERT … ON CONFLICT DO NOTHING.
func (o *Orders) insert(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.taken[id] {
		return false
	}
	if o.taken == nil {
		o.taken = make(map[string]bool)
	}
	o.taken[id] = true
	return true
}

func (o *Orders) remove(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.taken, id)
}
