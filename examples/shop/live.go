package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// heartbeat keeps proxies from closing a quiet stream.
const heartbeat = 15 * time.Second

// lookEvery is how often a stream looks at a durable step.
const lookEvery = 250 * time.Millisecond

// getOrderEvents is GET /api/orders/{id}/events: server-sent events, one
// "step" for each change of the order's after-work, those that have happened
// first, and one "complete" at the end.
func (s *shop) getOrderEvents(w http.ResponseWriter, r *http.Request) {
	t := s.tickets.get(r.PathValue("id"))
	if t == nil {
		s.fail(w, r, &inputError{http.StatusNotFound, "no such order"})
		return
	}
	s.watched(r, t.id)
	requestRead(w)
	rc := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)

	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	var look <-chan time.Time // nobody tells this process what others do
	if t.mayChange() {
		looks := time.NewTicker(lookEvery)
		defer looks.Stop()
		look = looks.C
	}
	sent := make(map[string]step)
	for {
		_ = s.lookAtMail(r.Context(), t) // if that fails, the next look may not
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
		case <-look:
		case <-tick.C:
			fmt.Fprint(w, ": still here\n\n")
		case <-s.closing: // Shutdown waits for this response
			return
		case <-r.Context().Done():
			return
		}
	}
}

// watched notes after a stream how long somebody watched the order. Until then it waits
// for a response that stays open. The stream does not depend on it: if it is rejected,
// the telemetry logs that.
func (s *shop) watched(r *http.Request, id string) {
	_ = runner.After(r.Context(), nameWatched, func(ctx context.Context) error {
		if err := s.faults.strike(ctx, nameWatched); err != nil {
			return err
		}
		req, _ := runner.RequestFrom(ctx)
		s.log.InfoContext(ctx, "order watched", "id", id, "for", req.Duration.Round(time.Millisecond).String())
		return nil
	}, runner.Timeout(time.Second))
}
