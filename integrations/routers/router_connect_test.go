package routers

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	connectafter "github.com/afterglow-go/afterglow/integrations/connect"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

const placeOrder = "/shop.v1.OrderService/PlaceOrder"

type (
	message = wrapperspb.BytesValue
	text    = wrapperspb.StringValue
)

// A handler of connect is an http.Handler, and that is where a middleware goes.
// An interceptor returns before connect has written the response.
var connectUnary = framework{
	name: "connect-go", pattern: placeOrder, rpc: "connectrpc", recovery: recoversInside, created: http.StatusOK,
	orders: func(place place, use ...middleware) http.Handler {
		options := []connect.HandlerOption{connect.WithInterceptors(connectafter.Interceptor())}
		var layers []middleware
		for _, m := range use {
			if m != nil {
				layers = append(layers, m)
				continue
			}
			options = append(options, connect.WithRecover(func(context.Context, connect.Spec, http.Header, any) error {
				return connect.NewError(connect.CodeInternal, errors.New("sorry"))
			}))
		}
		h := connect.NewUnaryHandler(placeOrder, func(ctx context.Context, req *connect.Request[text]) (*connect.Response[text], error) {
			if err := place(visit{own: ctx, id: req.Msg.GetValue()}); err != nil {
				return nil, connect.NewError(codes[statusOf(err)], err)
			}
			return connect.NewResponse(wrapperspb.String("Order placed successfully")), nil
		}, options...)
		mux := http.NewServeMux()
		mux.Handle(placeOrder, wrap(h, layers...))
		return mux
	},
	request: func(id string) (path, contentType, body string) {
		return placeOrder, "application/json", `"` + id + `"`
	},
}

// codes are those that connect answers with these statuses.
var codes = map[int]connect.Code{
	http.StatusBadRequest:          connect.CodeInvalidArgument,
	http.StatusUnauthorized:        connect.CodeUnauthenticated,
	http.StatusNotFound:            connect.CodeNotFound,
	http.StatusInternalServerError: connect.CodeInternal,
}

// connectServer serves the suite's calls as RPCs.
func connectServer(at mounting, stream bool) conformance.Server {
	kind, without := "unary", map[conformance.Capability]string{
		conformance.Handlers: "its handlers answer calls",
	}
	if stream {
		kind = "stream"
	} else {
		without[conformance.Streaming] = "a unary response is one message"
	}
	return conformance.Server{
		Name: "connect-go " + kind + ", " + string(at), Exact: true, How: conformance.Bound, Without: without,
		Serve: func(t testing.TB, ln net.Listener, dial conformance.Dial, h conformance.Handler, runners ...*runner.Runner) conformance.Client {
			t.Helper()
			handler := callHandler(h, stream)
			var use []middleware
			for _, r := range runners {
				use = append(use, r.Middleware)
			}
			mux := http.NewServeMux()
			var served http.Handler = mux
			if at == around {
				mux.Handle(placeOrder, handler)
				served = wrap(mux, use...)
			} else {
				mux.Handle(placeOrder, wrap(handler, use...))
			}
			srv := httptest.NewUnstartedServer(served)
			_ = srv.Listener.Close() // NewUnstartedServer has made one
			srv.Listener = ln
			srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			runner.Bind(srv.Config)
			srv.Start()
			transport := &http.Transport{DialContext: dial}
			t.Cleanup(func() {
				transport.CloseIdleConnections()
				srv.CloseClientConnections()
				srv.Close()
			})
			client := connect.NewClient[message, message](&http.Client{Transport: transport}, "http://"+ln.Addr().String()+placeOrder)
			if stream {
				return streamClient(client)
			}
			return unaryClient(client)
		},
	}
}

func callHandler(h conformance.Handler, stream bool) http.Handler {
	if stream {
		return connect.NewServerStreamHandler(placeOrder, func(ctx context.Context, req *connect.Request[message], s *connect.ServerStream[message]) error {
			return h(conformance.Call{
				Context: ctx, Request: string(req.Msg.GetValue()),
				Write: func(p []byte) error { return s.Send(wrapperspb.Bytes(p)) },
				Flush: func() error { return nil }, // Send does
			})
		}, connect.WithInterceptors(connectafter.Interceptor()))
	}
	return connect.NewUnaryHandler(placeOrder, func(ctx context.Context, req *connect.Request[message]) (*connect.Response[message], error) {
		var all []byte
		err := h(conformance.Call{
			Context: ctx, Request: string(req.Msg.GetValue()),
			Write: func(p []byte) error { all = append(all, p...); return nil },
		})
		return connect.NewResponse(wrapperspb.Bytes(all)), err
	}, connect.WithInterceptors(connectafter.Interceptor()))
}

func unaryClient(client *connect.Client[message, message]) conformance.Client {
	return func(ctx context.Context, request string) (string, error) {
		res, err := client.CallUnary(ctx, connect.NewRequest(wrapperspb.Bytes([]byte(request))))
		if err != nil {
			return "", err
		}
		return string(res.Msg.GetValue()), nil
	}
}

func streamClient(client *connect.Client[message, message]) conformance.Client {
	return func(ctx context.Context, request string) (string, error) {
		stream, err := client.CallServerStream(ctx, connect.NewRequest(wrapperspb.Bytes([]byte(request))))
		if err != nil {
			return "", err
		}
		var all []byte
		for stream.Receive() {
			all = append(all, stream.Msg().GetValue()...)
		}
		if err := stream.Err(); err != nil && !errors.Is(err, io.EOF) {
			_ = stream.Close()
			return "", err
		}
		return string(all), stream.Close()
	}
}
