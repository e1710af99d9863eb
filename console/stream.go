package console

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Bounds of live pages.
const (
	viewerQueue    = 2                      // updates that a viewer may be behind
	writeTimeout   = 5 * time.Second        // of one update
	renderBudget   = 250 * time.Millisecond // in a second, for all pages that are looked at
	maxRendered    = 4 << 20                // bytes of an update
	reconnectMilli = 1000
)

// hub sends live pages to those who look at them. Each page is made once a second for
// all who look at it.
type hub struct {
	console *Console
	woken   chan struct{}

	mu      sync.Mutex
	viewers map[string][]*viewer // guarded by mu; by page and query
	count   int                  // guarded by mu
	order   []string             // guarded by mu: keys, the one that is made next first
	dropped uint64               // guarded by mu: viewers that were too slow
}

// viewer is an open page.
type viewer struct {
	updates chan []byte // closed if it is too slow
}

func newHub(c *Console) *hub {
	return &hub{console: c, woken: make(chan struct{}, 1), viewers: make(map[string][]*viewer)}
}

// wake has new pages made, unless that is still under way.
func (h *hub) wake() {
	select {
	case h.woken <- struct{}{}:
	default:
	}
}

func (h *hub) run() {
	for {
		select {
		case <-h.console.stop:
			return
		case <-h.woken:
			h.sendAll()
		}
	}
}

// sendAll makes the pages that are looked at. If they are so many that it takes long, the
// rest has its turn the next time.
func (h *hub) sendAll() {
	begin := time.Now()
	h.mu.Lock()
	keys := slices.Clone(h.order)
	h.mu.Unlock()
	for i, key := range keys {
		if i > 0 && time.Since(begin) > renderBudget {
			h.mu.Lock()
			h.order = slices.DeleteFunc(append(slices.Clone(keys[i:]), keys[:i]...), func(k string) bool { return h.viewers[k] == nil })
			h.mu.Unlock()
			return
		}
		h.send(key, h.console.update(key))
	}
}

func (h *hub) send(key string, update []byte) {
	if update == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range slices.Clone(h.viewers[key]) {
		select {
		case v.updates <- update:
		default:
			h.dropped++
			close(v.updates)
			h.removeLocked(key, v)
		}
	}
}

func (h *hub) add(key string) (*viewer, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count >= h.console.cfg.MaxViewers {
		return nil, false
	}
	v := &viewer{make(chan []byte, viewerQueue)}
	if h.viewers[key] == nil {
		h.order = append(h.order, key)
	}
	h.viewers[key] = append(h.viewers[key], v)
	h.count++
	return v, true
}

func (h *hub) remove(key string, v *viewer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removeLocked(key, v)
}

func (h *hub) removeLocked(key string, v *viewer) {
	i := slices.Index(h.viewers[key], v)
	if i < 0 {
		return
	}
	h.count--
	if h.viewers[key] = slices.Delete(h.viewers[key], i, i+1); len(h.viewers[key]) == 0 {
		delete(h.viewers, key)
		h.order = slices.DeleteFunc(h.order, func(k string) bool { return k == key })
	}
}

// getStream is a stream of server-sent events: an update of a page each second. It ends
// by itself when the runners do not take work any more, so that it does not hold up the
// shutdown of the server; the page then asks again and again.
func (h *hub) getStream(w http.ResponseWriter, r *http.Request) {
	key, ok := streamKey(r.URL.Query())
	if !ok {
		fail(w, http.StatusNotFound, "there is no such live page")
		return
	}
	if h.console.closed() {
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "the console is closed")
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	v, ok := h.add(key)
	if !ok {
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "too many pages are open: this one is not updated")
		return
	}
	defer h.remove(key, v)
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // at worst the server's timeouts stay
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	fmt.Fprintf(w, "retry: %d\n\n", reconnectMilli)
	update := h.console.update(key)
	for {
		_ = rc.SetWriteDeadline(time.Now().Add(writeTimeout))
		if update != nil {
			if _, err := w.Write(update); err != nil {
				return
			}
		}
		if err := rc.Flush(); err != nil || h.console.isEnding() {
			return
		}
		select {
		case update, ok = <-v.updates:
			if !ok {
				return // too slow
			}
		case <-r.Context().Done():
			return
		case <-h.console.stop:
			return
		}
	}
}

// isEnding reports whether all runners have begun to shut down.
func (c *Console) isEnding() bool {
	sources := c.list()
	ending := false
	for _, s := range sources {
		if s.runner != nil {
			if s.runner.Ready() {
				return false
			}
			ending = true
		}
	}
	return ending
}

// streamKey is the page and the query of a stream, as an address.
func streamKey(q url.Values) (string, bool) {
	name := q.Get("page")
	if !slices.Contains(streamed, name) || len(q.Encode()) > 4*maxQuery {
		return "", false
	}
	q.Del("page")
	if q.Has("stacks") {
		return "", false
	}
	return page(name) + "?" + q.Encode(), true
}

// update makes an event of a page; nil: there is no such page now.
func (c *Console) update(key string) []byte {
	u, err := url.Parse(key)
	if err != nil {
		return nil
	}
	v, status := builders[u.Path](c, queryOf(u.Query()), false)
	if status != 0 {
		return nil
	}
	html, _, err := write(v, "html", "")
	if err != nil || len(html) > maxRendered {
		return nil
	}
	text, err := json.Marshal(string(html))
	if err != nil {
		return nil
	}
	point := []byte("null")
	switch v := v.(type) {
	case *Overview:
		point = v.Chart.point()
	case *CallbackPage:
		point = v.Chart.point()
	}
	return fmt.Appendf(nil, "data: {\"html\":%s,\"point\":%s,\"age\":%s}\n\n", text, point, number(time.Duration(v.head().Age).Seconds()))
}

// getSeries answers with the charts of a runner or a callback.
func (c *Console) getSeries(w http.ResponseWriter, r *http.Request) {
	q := queryOf(r.URL.Query())
	chart := c.chart(q)
	if chart == nil {
		fail(w, http.StatusNotFound, "there is no such runner or callback")
		return
	}
	body, err := chart.MarshalJSON()
	if err != nil {
		fail(w, http.StatusInternalServerError, clean(err.Error(), maxError))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (c *Console) chart(q query) *Chart {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sources {
		if s.now == nil || !is(q.Runner, s.name) {
			continue
		}
		if q.Callback == "" {
			return s.chart(q.Range)
		}
		for i := range s.now.Callbacks {
			if cb := &s.now.Callbacks[i]; clean(cb.Name, maxName) == q.Callback {
				return s.nameChart(cb, q.Range)
			}
		}
	}
	return nil
}
