package connectafter_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/wrapperspb"

	connectafter "github.com/afterglow-go/afterglow/integrations/connect"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/exacth2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type text = wrapperspb.StringValue

const (
	placeOrder = "/shop.v1.Orders/Place"
	watchOrder = "/shop.v1.Orders/Watch"
)

// orders has an RPC of each kind. do answers both.
func orders(do func(ctx context.Context, order string) (string, error), options ...connect.HandlerOption) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(placeOrder, connect.NewUnaryHandler(placeOrder, func(ctx context.Context, req *connect.Request[text]) (*connect.Response[text], error) {
		out, err := do(ctx, req.Msg.GetValue())
		return connect.NewResponse(wrapperspb.String(out)), err
	}, options...))
	mux.Handle(watchOrder, connect.NewServerStreamHandler(watchOrder, func(ctx context.Context, req *connect.Request[text], s *connect.ServerStream[text]) error {
		out, err := do(ctx, req.Msg.GetValue())
		return errors.Join(s.Send(wrapperspb.String(out)), err)
	}, options...))
	return mux
}

// serve serves h over HTTP/1.1 and HTTP/2 with TLS.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = true
	require.NoError(t, exacth2.Configure(srv.Config))
	runner.Bind(srv.Config)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

// call calls an RPC of either kind.
func call(ctx context.Context, srv *httptest.Server, procedure, order string, options ...connect.ClientOption) (string, error) {
	client := connect.NewClient[text, text](srv.Client(), srv.URL+procedure, options...)
	if procedure == placeOrder {
		res, err := client.CallUnary(ctx, connect.NewRequest(wrapperspb.String(order)))
		if err != nil {
			return "", err
		}
		return res.Msg.GetValue(), nil
	}
	stream, err := client.CallServerStream(ctx, connect.NewRequest(wrapperspb.String(order)))
	if err != nil {
		return "", err
	}
	out := ""
	for stream.Receive() {
		out += stream.Msg().GetValue()
	}
	return out, errors.Join(stream.Err(), stream.Close())
}

func TestAnRPCIsNamedAndSaysHowItHasEnded(t *testing.T) {
	for protocol, options := range map[string][]connect.ClientOption{"connectrpc": nil, "grpc": {connect.WithGRPC()}, "grpc-web": {connect.WithGRPCWeb()}} {
		for _, procedure := range []string{placeOrder, watchOrder} {
			for _, refused := range []bool{false, true} {
				t.Run(protocol+procedure+map[bool]string{true: " refused"}[refused], func(t *testing.T) {
					after, err := runner.New(runner.Config{})
					require.NoError(t, err)
					seen := make(chan runner.Request, 1)
					srv := serve(t, after.Middleware(orders(func(ctx context.Context, _ string) (string, error) {
						err := errors.Join(
							runner.After(ctx, "order.email", func(context.Context) error { return nil }, runner.When(runner.Request.Succeeded)),
							runner.After(ctx, "order.log", func(ctx context.Context) error {
								req, _ := runner.RequestFrom(ctx)
								seen <- req
								return nil
							}))
						if err == nil && refused {
							err = connect.NewError(connect.CodeCanceled, errors.New("no"))
						}
						return "placed", err
					}, connect.WithInterceptors(connectafter.Interceptor()))))
					_, err = call(t.Context(), srv, procedure, "7", options...)
					require.Equal(t, refused, err != nil, err)
					req := <-seen
					_, drained := after.Shutdown(t.Context())
					require.NoError(t, drained)
					require.Equal(t, procedure, req.Pattern)
					require.Equal(t, http.MethodPost, req.Method)
					system, code, outcomes := "grpc", "OK", "2 success"
					if protocol == "connectrpc" {
						system, code = protocol, ""
					}
					if refused {
						code, outcomes = map[string]string{"grpc": "CANCELLED", "connectrpc": "canceled"}[system], "1 success, 1 skipped" //nolint:misspell // that is how gRPC spells it
						require.Equal(t, connect.CodeCanceled, connect.CodeOf(req.Err))
					}
					require.Equal(t, system, req.RPC)
					require.Equal(t, code, req.Code)
					require.Equal(t, !refused, req.Succeeded())
					require.Equal(t, outcomes, after.Stats().Outcomes.String())
				})
			}
		}
	}
}

// connect gives errors of contexts, and no others, a code after the interceptors.
func TestTheCodeIsTheOneThatTheClientGets(t *testing.T) {
	for _, refusal := range []error{
		context.Canceled,
		context.DeadlineExceeded,
		os.ErrDeadlineExceeded,
		fmt.Errorf("the shop: %w", context.DeadlineExceeded),
		connect.NewError(connect.CodeNotFound, context.Canceled),
		errors.New("no"),
	} {
		for _, procedure := range []string{placeOrder, watchOrder} {
			t.Run(procedure+" "+refusal.Error(), func(t *testing.T) {
				after, err := runner.New(runner.Config{})
				require.NoError(t, err)
				seen := make(chan runner.Request, 1)
				srv := serve(t, after.Middleware(refusing(t, refusal, seen)))
				_, err = call(t.Context(), srv, procedure, "7")
				require.Error(t, err)
				req := <-seen
				_, drained := after.Shutdown(t.Context())
				require.NoError(t, drained)
				require.Equal(t, connect.CodeOf(err).String(), req.Code)
			})
		}
	}
}

// refusing answers each RPC with an error, and hands on the request that a callback sees.
func refusing(t *testing.T, refusal error, seen chan<- runner.Request) http.Handler {
	procedures := http.NewServeMux()
	options := connect.WithInterceptors(connectafter.Interceptor())
	refuse := func(ctx context.Context) error {
		err := runner.After(ctx, "order.log", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			seen <- req
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		return refusal
	}
	procedures.Handle(placeOrder, connect.NewUnaryHandler(placeOrder, func(ctx context.Context, _ *connect.Request[text]) (*connect.Response[text], error) {
		return nil, refuse(ctx)
	}, options))
	procedures.Handle(watchOrder, connect.NewServerStreamHandler(watchOrder, func(ctx context.Context, _ *connect.Request[text], _ *connect.ServerStream[text]) error {
		return refuse(ctx)
	}, options))
	return procedures
}

// connect may recover a panic. The RPC has failed.
func TestAPanicClosesWhen(t *testing.T) {
	after, err := runner.New(runner.Config{})
	require.NoError(t, err)
	srv := serve(t, after.Middleware(orders(func(ctx context.Context, _ string) (string, error) {
		if err := runner.After(ctx, "order.email", func(context.Context) error { return nil }, runner.When(runner.Request.Succeeded)); err != nil {
			t.Error(err)
		}
		panic("broken")
	}, connect.WithInterceptors(connectafter.Interceptor()), connect.WithRecover(func(context.Context, connect.Spec, http.Header, any) error {
		return connect.NewError(connect.CodeInternal, errors.New("sorry"))
	}))))
	for _, procedure := range []string{placeOrder, watchOrder} {
		_, err = call(t.Context(), srv, procedure, "7")
		require.Equal(t, connect.CodeInternal, connect.CodeOf(err))
	}
	_, err = after.Shutdown(t.Context())
	require.NoError(t, err)
	require.Equal(t, "2 skipped", after.Stats().Outcomes.String())
}

// A client of connect within a handler is another RPC.
func TestAClientsRPCIsNotTheRequest(t *testing.T) {
	backend := serve(t, orders(func(context.Context, string) (string, error) { return "", errors.New("no") }))
	after, err := runner.New(runner.Config{})
	require.NoError(t, err)
	seen := make(chan runner.Request, 1)
	h := after.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := call(r.Context(), backend, placeOrder, "7", connect.WithInterceptors(connectafter.Interceptor()))
		if err == nil {
			t.Error("the backend has answered")
		}
		err = runner.After(r.Context(), "order.log", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			seen <- req
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
	req := <-seen
	require.Empty(t, req.RPC)
	require.True(t, req.Succeeded())
	_, err = after.Shutdown(t.Context())
	require.NoError(t, err)
}

func TestUnderLoadEachCallbackSeesItsOwnRPC(t *testing.T) {
	conformance.Load(t, placeOrder, nil, func(after *runner.Runner, place func(string, conformance.Asks) error) http.Handler {
		h := orders(func(ctx context.Context, _ string) (string, error) {
			info, _ := connect.CallInfoForHandlerContext(ctx)
			return "placed", place(info.RequestHeader().Get("X-Id"), func(name string, fn func(context.Context) error) error {
				return runner.After(ctx, name, fn)
			})
		}, connect.WithInterceptors(connectafter.Interceptor()))
		return after.Middleware(asRPC(h))
	})
}

// asRPC makes an RPC of an order.
func asRPC(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = placeOrder
		r.Header.Set("Content-Type", "application/proto")
		h.ServeHTTP(w, r)
	})
}
