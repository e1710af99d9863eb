package runner

import (
	"context"
	"sync"
)

// RequestScope opens a scope for a request of a server that is not net/http, such as gRPC's
// or fasthttp's. It is what adapters are made of. Handlers ask with the returned context, or
// with one that is derived from it.
//
// The adapter calls release once, when the last byte of the response has been handed to the
// kernel, or when that will never happen. req is what callbacks find with [RequestFrom], and
// what [When] looks at. The runner keeps req, so nothing in it may be memory that the server
// uses again. A zero Start is filled in with the time of this call, and a zero Duration with
// the time since then. What [SetPattern], [SetError] and [SetRPC] were told wins over Pattern,
// RPC and Code of req; the Err of req wins over SetError.
//
// release is quick and calls no code of the user, so the goroutine that writes the response may
// call it. Calls after the first do nothing. A scope that is never released keeps its places
// until Shutdown drops its callbacks by name.
func (r *Runner) RequestScope(ctx context.Context) (_ context.Context, release func(req Request)) {
	s := r.openScope(ctx)
	start := r.now()
	var once sync.Once
	return s, func(req Request) {
		once.Do(func() {
			if req.Start.IsZero() {
				req.Start = r.readClocks().at(start)
			}
			if req.Duration == 0 {
				req.Duration = r.now().since(start)
			}
			s.request = req
			s.freeze()
			s.release()
		})
	}
}
