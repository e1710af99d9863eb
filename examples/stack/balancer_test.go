package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// balancer hands requests to the endpoints that it knows, in turn. It tries none again:
// what an endpoint refuses, the client sees.
type balancer struct {
	url       string
	transport *http.Transport

	mu        sync.Mutex
	endpoints []*endpoint // guarded by mu
	handed    int         // requests so far; guarded by mu
}

// endpoint is where a balancer sends requests to.
type endpoint struct {
	url     *url.URL
	pending int // requests without an answer; guarded by the balancer's mu
}

func newEndpoint(t *testing.T, address string) *endpoint {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return &endpoint{url: u}
}

// startBalancer starts one that ends with the test.
func startBalancer(t *testing.T) *balancer {
	t.Helper()
	b := &balancer{transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}
	server := httptest.NewServer(b)
	t.Cleanup(func() {
		server.Close()
		b.transport.CloseIdleConnections()
	})
	b.url = server.URL
	return b
}

func (b *balancer) add(e *endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.endpoints, e) {
		b.endpoints = append(b.endpoints, e)
	}
}

func (b *balancer) remove(e *endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.endpoints = slices.DeleteFunc(b.endpoints, func(o *endpoint) bool { return o == e })
}

func (b *balancer) knows(e *endpoint) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.endpoints, e)
}

// isFree reports whether an endpoint is removed and has answered all that it was sent.
func (b *balancer) isFree(e *endpoint) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return e.pending == 0 && !slices.Contains(b.endpoints, e)
}

func (b *balancer) handedSoFar() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.handed
}

// pick returns the next endpoint, which gets a request; nil if there is none.
func (b *balancer) pick() *endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.endpoints) == 0 {
		return nil
	}
	b.handed++
	e := b.endpoints[b.handed%len(b.endpoints)]
	e.pending++
	return e
}

func (b *balancer) answered(e *endpoint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.pending--
}

// ServeHTTP implements [http.Handler].
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e := b.pick()
	if e == nil {
		http.Error(w, "no endpoint", http.StatusServiceUnavailable)
		return
	}
	proxy := &httputil.ReverseProxy{
		Transport: b.transport,
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(e.url) },
		ModifyResponse: func(*http.Response) error {
			b.answered(e)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			b.answered(e)
			http.Error(w, e.url.Host+" refused: "+err.Error(), http.StatusBadGateway)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	proxy.ServeHTTP(w, r)
}
