package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// heartbeat keeps proxies from closing a quiet stream.
const heartbeat = 15 * time.Second

// getOrderEvents is GET /api/orders/{id}/events: server-sent events, one
// "step" for each change of the order's after-work, those that have happened
// first, and one "complete" at the end.
func (s *shop) getOrderEvents(w http.ResponseWriter, r *http.Request) {
	t := s.tickets.get(r.PathValue("id"))
	if t == nil {
		s.fail(w, r, &inputError{http.StatusNotFound, "no such order"})
		return
	}
	requestRead(w)
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)

	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	sent := make(map[string]step)
	for {
		steps, complete, changed := t.look()
		for _, st := range steps {
			if sent[st.Name] == st {
				continue
			}
			sent[st.Name] = st
			data, err := json.Marshal(st)
			if err != nil {
				return
			}
			fmt.Fprintf(w, "event: step\ndata: %s\n\n", data)
		}
		if complete {
			fmt.Fprint(w, "event: complete\ndata: {}\n\n")
		}
		if err := rc.Flush(); err != nil || complete {
			return
		}
		select {
		case <-changed:
		case <-tick.C:
			fmt.Fprint(w, ": still here\n\n")
		case <-s.closing: // Shutdown waits for this response
			return
		case <-r.Context().Done():
			return
		}
	}
}
