package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	maxLoad        = 5000 // orders a second
	loadConcurrent = 64   // requests under way at once
	loadReport     = 5 * time.Second
	loadSignups    = 20 // one sign-up for so many orders
)

// load places orders against the shop at a steady rate over real HTTP. One
// goroutine owns the pace and the figures; the requests have one each.
type load struct {
	base   string
	rate   int
	client *http.Client
	out    io.Writer
}

func newLoad(base string, rate int, out io.Writer) *load {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = loadConcurrent
	return &load{base: base, rate: rate, out: out, client: &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

// reply is how one request went.
type reply struct {
	status int // 0: no answer
	took   time.Duration
}

// run places orders until ctx ends, and returns when the last is answered.
func (l *load) run(ctx context.Context) {
	defer l.client.CloseIdleConnections()
	pace := time.NewTicker(time.Second / time.Duration(l.rate))
	defer pace.Stop()
	report := time.NewTicker(loadReport)
	defer report.Stop()

	var requests sync.WaitGroup
	defer requests.Wait()
	replies := make(chan reply, loadConcurrent) // never blocks: one for each slot
	var figures loadFigures
	for free, n := loadConcurrent, 0; ; {
		due := pace.C
		if free == 0 {
			due = nil // the shop does not keep up; the ticker drops what is late
		}
		select {
		case <-due:
			free--
			n++
			requests.Go(func() { replies <- l.request(context.WithoutCancel(ctx), n) })
		case r := <-replies:
			free++
			figures.add(r)
		case <-report.C:
			fmt.Fprintln(l.out, figures.String())
			figures = loadFigures{}
		case <-ctx.Done():
			return
		}
	}
}

// request places the nth order, and now and then signs someone up.
func (l *load) request(ctx context.Context, n int) reply {
	path, body := "/api/orders", any(orderInput{
		Name: fmt.Sprintf("Customer %d", n%100), Email: fmt.Sprintf("customer-%d@load.example", n%100),
		Product: catalog[rand.IntN(len(catalog))].ID, Quantity: 1 + rand.IntN(3),
	})
	if n%loadSignups == 0 {
		path, body = "/api/signup", signup{Email: newID() + "@load.example"}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return reply{}
	}
	start := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.base+path, bytes.NewReader(data))
	if err != nil {
		return reply{}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "afterglow-shop-load")
	resp, err := l.client.Do(req)
	if err != nil {
		return reply{}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	return reply{resp.StatusCode, time.Since(start)}
}

// loadFigures sums up the time between two reports.
type loadFigures struct {
	accepted, rejected, failed int
	took                       []time.Duration // of the accepted
}

func (f *loadFigures) add(r reply) {
	switch {
	case r.status/100 == 2:
		f.accepted++
		f.took = append(f.took, r.took)
	case r.status == http.StatusServiceUnavailable:
		f.rejected++
	default:
		f.failed++
	}
}

func (f *loadFigures) String() string {
	slices.Sort(f.took)
	at := func(q float64) time.Duration {
		return f.took[int(q*float64(len(f.took)-1))].Round(10 * time.Microsecond)
	}
	rate := func(n int) float64 { return float64(n) / loadReport.Seconds() }
	line := fmt.Sprintf("load: %.1f/s accepted, %.1f/s rejected, %.1f/s failed", rate(f.accepted), rate(f.rejected), rate(f.failed))
	if len(f.took) > 0 {
		line += fmt.Sprintf("; answered in %v (median), %v (p99)", at(.5), at(.99))
	}
	return line
}
