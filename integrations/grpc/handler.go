package grpcafter

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/stats"

	"github.com/afterglow-go/afterglow/runner"
)

// handler opens a scope for each RPC, and releases it when the RPC has ended.
type handler struct {
	runners []*runner.Runner
	known   *connections
	number  atomic.Pointer[field] // of a stream
	weaker  sync.Once             // guards that the weaker promise is logged only once
}

// callKey is where the context of an RPC has its call, connectionKey its connection.
type (
	callKey       struct{ *handler }
	connectionKey struct{ *handler }
)

// TagConn implements [stats.Handler].
func (h *handler) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	if c := h.known.at(info.RemoteAddr); c != nil {
		return context.WithValue(ctx, connectionKey{h}, c)
	}
	return ctx
}

// HandleConn implements [stats.Handler].
func (h *handler) HandleConn(context.Context, stats.ConnStats) {}

// TagRPC implements [stats.Handler]. It is called before the interceptors.
func (h *handler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	c := &call{releases: make([]func(runner.Request), len(h.runners))}
	for i, r := range h.runners {
		ctx, c.releases[i] = r.RequestScope(ctx)
	}
	return context.WithValue(ctx, callKey{h}, c)
}

// HandleRPC implements [stats.Handler]. An RPC whose method is not known has no End, and no handler.
func (h *handler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	switch event.(type) {
	case *stats.InHeader, *stats.Begin, *stats.OutPayload, *stats.End:
	default:
		return
	}
	c, ok := ctx.Value(callKey{h}).(*call)
	if !ok {
		return
	}
	switch event := event.(type) {
	case *stats.InHeader:
		c.in = event
	case *stats.Begin: // each has an End
		if nc := h.connectionOf(ctx); nc != nil {
			nc.Begin()
		}
	case *stats.OutPayload:
		c.bytes.Add(int64(event.Length))
	case *stats.End:
		h.end(ctx, c, event)
	}
}

// end has the scopes of an RPC released when its last frame has left. grpc has just put that
// frame into its queue.
func (h *handler) end(ctx context.Context, c *call, event *stats.End) {
	req := c.describe(ctx, event)
	nc := h.connectionOf(ctx)
	number, ok := h.numberOf(grpc.ServerTransportStreamFromContext(ctx))
	if nc == nil || !ok {
		h.weaker.Do(func() {
			grpclog.Warningf("grpcafter: callbacks start when grpc has queued the end of their RPC, perhaps before it has left: the connection or the stream is not known (%T)",
				grpc.ServerTransportStreamFromContext(ctx))
		})
		if nc != nil {
			nc.WhenEnded(0, func(bool) {})
		}
		c.release(req)
		return
	}
	nc.WhenEnded(number, func(whole bool) {
		req.Aborted = !whole
		c.release(req)
	})
}

// connectionOf returns the connection of an RPC; nil: it is not known.
func (h *handler) connectionOf(ctx context.Context) *connection {
	nc, _ := ctx.Value(connectionKey{h}).(*connection)
	return nc
}

// field is where a type has the number of a stream.
type field struct {
	of    reflect.Type
	index []int
}

// numberOf returns the number of a stream, which grpc keeps in a private field.
func (h *handler) numberOf(s grpc.ServerTransportStream) (number uint32, ok bool) {
	v := reflect.ValueOf(s)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return 0, false
	}
	v = v.Elem()
	f := h.number.Load()
	if f == nil || f.of != v.Type() {
		found, _ := v.Type().FieldByName("id")
		f = &field{v.Type(), found.Index}
		h.number.Store(f)
	}
	if f.index == nil {
		return 0, false
	}
	n, err := v.FieldByIndexErr(f.index)
	if err != nil || n.Kind() != reflect.Uint32 || n.Uint() == 0 {
		return 0, false
	}
	return uint32(n.Uint()), true
}
