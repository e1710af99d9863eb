package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
)

const signatureHeader = "X-Shop-Signature"

// notice is the body of a webhook.
type notice struct {
	Event    string    `json:"event"`
	Order    string    `json:"order"`
	Product  string    `json:"product"`
	Quantity int       `json:"quantity"`
	Total    string    `json:"total"`
	Placed   time.Time `json:"placed"`
	Status   int       `json:"status,omitempty"` // of the response the buyer got
}

// webhook tells another server of orders.
type webhook struct {
	url    string
	secret []byte
	client *http.Client
}

func newWebhook(url string, secret []byte, o *otelsetup.OTel) *webhook {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	return &webhook{url: url, secret: secret, client: &http.Client{
		Transport: otelhttp.NewTransport(transport, otelhttp.WithTracerProvider(o.Tracers), otelhttp.WithPropagators(o.Propagator)),
	}}
}

// deliver posts the notice and wants a 2xx answer.
func (h *webhook) deliver(ctx context.Context, o *order, v visit) error {
	body, err := json.Marshal(notice{
		Event: "order.placed", Order: o.ID, Product: o.Product.ID, Quantity: o.Quantity,
		Total: o.Total.String(), Placed: o.Placed, Status: v.Status,
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(signatureHeader, sign(h.secret, body))
	resp, err := h.client.Do(req)
	if err != nil {
		return fmt.Errorf("deliver webhook: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("deliver webhook: %s answered %s", req.URL.Host, resp.Status)
	}
	return nil
}

func (h *webhook) close() { h.client.CloseIdleConnections() }

func sign(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func newSecret() []byte { return []byte(rand.Text()) }

// maxNotices bounds the webhooks kept by the receiver.
const maxNotices = 100

// receiver is the other server, in the process.
type receiver struct {
	server   *http.Server
	listener net.Listener
	secret   []byte
	delay    time.Duration

	mu      sync.Mutex
	notices []notice // guarded by mu: oldest first
	total   int      // guarded by mu
}

// openReceiver listens on a free port of the loopback interface.
func (s *shop) openReceiver(secret []byte) (*receiver, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	rec := &receiver{listener: l, secret: secret, delay: s.cfg.delay}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /webhook", rec.receive)
	rec.server = s.newServer(otelhttp.NewHandler(withRoute(mux), "webhook",
		otelhttp.WithTracerProvider(s.otel.Tracers), otelhttp.WithPropagators(s.otel.Propagator)))
	return rec, nil
}

func (rec *receiver) url() string { return "http://" + rec.listener.Addr().String() + "/webhook" }

func (rec *receiver) serve() error {
	if err := rec.server.Serve(rec.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (rec *receiver) close() error {
	return errors.Join(rec.server.Close(), ignoreClosed(rec.listener.Close()))
}

// receive takes in one webhook, in the time that a server on the internet
// would need.
func (rec *receiver) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	if !hmac.Equal([]byte(r.Header.Get(signatureHeader)), []byte(sign(rec.secret, body))) {
		http.Error(w, "wrong signature", http.StatusForbidden)
		return
	}
	var n notice
	if err := json.Unmarshal(body, &n); err != nil {
		http.Error(w, "bad JSON", http.StatusBadRequest)
		return
	}
	if err := wait(r.Context(), rec.delay); err != nil {
		return // the sender has left
	}
	rec.add(n)
	w.WriteHeader(http.StatusNoContent)
}

func (rec *receiver) add(n notice) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.total++
	if len(rec.notices) == maxNotices {
		rec.notices = append(rec.notices[:0], rec.notices[1:]...)
	}
	rec.notices = append(rec.notices, n)
}

// newest returns up to limit notices, newest first, and how many ever arrived.
func (rec *receiver) newest(limit int) (notices []notice, total int) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for i := len(rec.notices) - 1; i >= 0 && len(notices) < limit; i-- {
		notices = append(notices, rec.notices[i])
	}
	return notices, rec.total
}
