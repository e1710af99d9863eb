package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// shop is the client of the shop's JSON API.
type shop struct {
	http    *http.Client
	base    *url.URL
	product string
}

// order is the shop's answer to an order: what it has promised.
type order struct {
	ID       string   `json:"id"`
	ServerMS float64  `json:"server_ms"`
	After    []string `json:"after"` // names of the callbacks
}

// status is an order as it is read back: what has been done.
type status struct {
	After     []work `json:"after"`
	Forgotten bool   `json:"forgotten"` // After is no longer known
}

// work is one callback of an order.
type work struct {
	Name    string `json:"name"`
	Done    bool   `json:"done"`
	Outcome string `json:"outcome"`
}

func newShop(o options) *shop {
	return &shop{
		base:    o.url,
		product: o.product,
		http: &http.Client{
			Timeout: o.timeout,
			Transport: &http.Transport{
				MaxConnsPerHost:     o.clients,
				MaxIdleConnsPerHost: o.clients,
			},
			// A redirect could lead to another machine.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (s *shop) close() { s.http.CloseIdleConnections() }

// find says in words that no shop is there, before a thousand errors do.
func (s *shop) find(ctx context.Context) error {
	code, _, err := s.do(ctx, http.MethodGet, s.base, nil)
	if err != nil {
		return fmt.Errorf("no shop at %s: start one with: go run ./examples/shop (%w)", s.base, err)
	}
	if code != http.StatusOK {
		return fmt.Errorf("%s answers %d, so it is not the shop: see -url", s.base, code)
	}
	return nil
}

// answer is what the shop said to an order.
type answer struct {
	code  int
	order order  // if code is 201
	says  string // why not, in the shop's words; "" if it has none
}

// place orders one product.
func (s *shop) place(ctx context.Context, mode string) (answer, error) {
	u := s.base.JoinPath("api", "orders")
	if mode == modeInline {
		u.RawQuery = "mode=inline"
	}
	body, err := json.Marshal(map[string]any{
		"name": "Load Generator", "email": "load@example.com", "product": s.product, "quantity": 1,
	})
	if err != nil {
		return answer{}, err
	}
	code, text, err := s.do(ctx, http.MethodPost, u, body)
	a := answer{code: code}
	switch {
	case err != nil:
		return a, err
	case code != http.StatusCreated:
		a.says = refusal(text)
		return a, nil
	}
	if err := json.Unmarshal(text, &a.order); err != nil {
		return a, fmt.Errorf("order answered with %q: %w", text, err)
	}
	if a.order.ID == "" {
		return a, fmt.Errorf("order answered without an id: %q", text)
	}
	return a, nil
}

// refusal is why the shop did not do as it was asked, "" if it does not say.
func refusal(text []byte) string {
	var body struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(text, &body) != nil {
		return ""
	}
	return body.Error
}

// read reads an order back.
func (s *shop) read(ctx context.Context, id string) (status, error) {
	code, answer, err := s.do(ctx, http.MethodGet, s.base.JoinPath("api", "orders", url.PathEscape(id)), nil)
	if err != nil {
		return status{}, err
	}
	if code != http.StatusOK {
		return status{}, fmt.Errorf("reading it back answers %d", code)
	}
	var st status
	if err := json.Unmarshal(answer, &st); err != nil {
		return status{}, fmt.Errorf("reading it back answers %q: %w", answer, err)
	}
	if st.Forgotten {
		return status{}, errForgotten
	}
	return st, nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

func (s *shop) do(ctx context.Context, method string, u *url.URL, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, answer, err
}

// pause waits for d or until ctx ends, and reports whether it waited it out.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
