package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// placeMode is when an order's after-work happens.
type placeMode string

const (
	modeAfter  placeMode = "after"
	modeInline placeMode = "inline"
)

// order is one product, bought some times by someone.
type order struct {
	ID       string
	Placed   time.Time
	Mode     placeMode
	Name     string
	Email    string
	Product  product
	Quantity int
	Total    cents
}

// orderInput is what a client sends.
type orderInput struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	Product  string `json:"product"`
	Quantity int    `json:"quantity"`
	Mode     string `json:"mode"` // "": after
}

const maxQuantity = 20

// order checks the input and makes an order of it.
func (in orderInput) order() (*order, error) {
	o := &order{ID: newID(), Placed: time.Now(), Quantity: in.Quantity}
	var err error
	if o.Name, err = parseName(in.Name); err != nil {
		return nil, invalid("name: %v", err)
	}
	if o.Email, err = parseEmail(in.Email); err != nil {
		return nil, invalid("email: %v", err)
	}
	var ok bool
	if o.Product, ok = productByID(in.Product); !ok {
		return nil, invalid("product: the shop does not sell %q", shorten(in.Product))
	}
	if in.Quantity < 1 || in.Quantity > maxQuantity {
		return nil, invalid("quantity: choose 1 to %d", maxQuantity)
	}
	o.Total = o.Product.Price * cents(o.Quantity)
	if o.Mode, err = parseMode(in.Mode); err != nil {
		return nil, err
	}
	return o, nil
}

func parseMode(s string) (placeMode, error) {
	switch mode := placeMode(s); mode {
	case "":
		return modeAfter, nil
	case modeAfter, modeInline:
		return mode, nil
	}
	return "", invalid("mode: choose %q or %q", modeAfter, modeInline)
}

// newID is unique without asking anybody. It keeps nothing secret: the inbox
// shows the mails of everybody, and the ids in them.
func newID() string { return strings.ToLower(rand.Text()[:16]) }

// placeOrder places what the client has sent.
func (s *shop) placeOrder(r *http.Request, in orderInput) (*ticket, error) {
	o, err := in.order()
	if err != nil {
		return nil, err
	}
	enqueue := s.enqueueMail(r.Context(), o)
	t, err := s.place(r, o.ID, o.Mode, s.afterOrder(o), func(ctx context.Context) error { return s.store.addOrder(ctx, o, enqueue) })
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(r.Context(), "order placed", "id", o.ID, "product", o.Product.ID, "mode", string(o.Mode))
	return t, nil
}

// placed is the answer to an order or a sign-up.
type placed struct {
	ID       string    `json:"id"`
	Message  string    `json:"message"`
	Mode     placeMode `json:"mode"`
	ServerMS float64   `json:"server_ms"`
	TraceID  string    `json:"trace_id,omitempty"`
	After    []string  `json:"after"`
}

const orderMessage = "Order placed successfully"

// postOrder is POST /api/orders.
func (s *shop) postOrder(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	var in orderInput
	if err := readJSON(w, r, &in); err != nil {
		s.fail(w, r, err)
		return
	}
	in.Mode = modeOf(r, in.Mode)
	t, err := s.placeOrder(r, in)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Location", "/api/orders/"+t.id)
	s.answer(w, r, http.StatusCreated, t, orderMessage, start)
}

// answer writes what was placed, with the time it took up to here.
func (s *shop) answer(w http.ResponseWriter, r *http.Request, status int, t *ticket, message string, start time.Time) {
	took := time.Since(start)
	t.answer(took)
	w.Header().Set("Server-Timing", "app;dur="+strconv.FormatFloat(milliseconds(took), 'f', -1, 64))
	writeJSON(w, status, placed{
		ID: t.id, Message: message, Mode: t.mode, ServerMS: milliseconds(took),
		TraceID: traceIDOf(trace.SpanContextFromContext(r.Context())), After: t.names(),
	})
}

// orderState is the answer to GET /api/orders/{id}.
type orderState struct {
	ID       string    `json:"id"`
	Product  string    `json:"product"`
	Quantity int       `json:"quantity"`
	Total    string    `json:"total"`
	Mode     placeMode `json:"mode"`
	Placed   time.Time `json:"placed"`
	After    []step    `json:"after"`
	Complete bool      `json:"complete"` // every step of After is done, well or badly
	// Forgotten: After is no longer known, apart from what is durable. It is kept in
	// memory for the newest orders.
	Forgotten bool `json:"forgotten,omitempty"`
}

// getOrder is GET /api/orders/{id}.
func (s *shop) getOrder(w http.ResponseWriter, r *http.Request) {
	o, err := s.store.order(r.Context(), r.PathValue("id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	state := orderState{
		ID: o.ID, Product: o.Product.ID, Quantity: o.Quantity, Total: o.Total.String(),
		Mode: o.Mode, Placed: o.Placed, After: []step{}, Forgotten: true,
	}
	t, err := s.ticketOf(r.Context(), o)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if t != nil {
		state.Forgotten = t.forgotten
		state.After, state.Complete, _ = t.look()
	}
	writeJSON(w, http.StatusOK, state)
}
