package recipes

import (
	"context"
	"fmt"
	"net/http"

	"github.com/afterglow-go/afterglow/runner"
)

// Tickets sells tickets. A ticket is useless without its seat and its invoice, so the handler
// promises both callbacks or none.
type Tickets struct {
	Reserve, Invoice func(ctx context.Context, id string) error
}

// ServeHTTP implements [http.Handler].
func (t *Tickets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	err := runner.AfterAll(r.Context(),
		runner.Call{Name: "ticket.reserve", Func: func(ctx context.Context) error { return t.Reserve(ctx, id) }},
		runner.Call{Name: "ticket.invoice", Func: func(ctx context.Context) error { return t.Invoice(ctx, id) }, Options: []runner.Option{runner.Retry(3)}})
	if err != nil {
		http.Error(w, "busy, please try again", http.StatusServiceUnavailable) // and neither of them runs
		return
	}
	fmt.Fprintln(w, "Ticket sold")
}
