package grpcafter_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	grpcafter "github.com/afterglow-go/afterglow/integrations/grpc"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// newTelemetry returns telemetry and where its spans end up.
func newTelemetry(t *testing.T) (runner.Observer, *sdktrace.TracerProvider, *tracetest.InMemoryExporter) {
	t.Helper()
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: provider, Registerer: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return tel.Observer(), provider, exporter
}

func spanOf(t *testing.T, exporter *tracetest.InMemoryExporter, name string) tracetest.SpanStub {
	t.Helper()
	var all []string
	for _, s := range exporter.GetSpans() {
		if s.Name == name {
			return s
		}
		all = append(all, s.Name)
	}
	require.Contains(t, all, name)
	return tracetest.SpanStub{}
}

// otelgrpc's span is that of the RPC, wherever it stands.
func TestTheLinkIsToTheSpanOfOtelgrpcWhereverItStands(t *testing.T) {
	for where, order := range map[string]func(ours []grpc.ServerOption, theirs grpc.ServerOption) []grpc.ServerOption{
		"within": func(ours []grpc.ServerOption, theirs grpc.ServerOption) []grpc.ServerOption {
			return append(ours, theirs)
		},
		"around": func(ours []grpc.ServerOption, theirs grpc.ServerOption) []grpc.ServerOption {
			return append([]grpc.ServerOption{theirs}, ours...)
		},
		"absent": func(ours []grpc.ServerOption, _ grpc.ServerOption) []grpc.ServerOption { return ours },
	} {
		for method, call := range map[string]func(context.Context, *grpc.ClientConn, string) (string, error){place: placeOrder, watch: watchOrder} {
			t.Run(where+method, func(t *testing.T) {
				observer, provider, exporter := newTelemetry(t)
				after := adaptertest.NewRunner(t, runner.Config{Observers: []runner.Observer{observer}})
				ask := func(ctx context.Context) error {
					return errors.Join(
						runner.After(ctx, "order.email", func(context.Context) error { return nil }),
						status.Error(codes.NotFound, "no"))
				}
				ln := listen(t)
				srv := serve(t, ln, orders{
					onPlace: func(ctx context.Context, _ []byte) ([]byte, error) { return nil, notFound(ask(ctx)) },
					onWatch: func(ctx context.Context, _ []byte, _ func([]byte) error) error { return notFound(ask(ctx)) },
				}, order(grpcafter.ServerOptions(nil, after), grpc.StatsHandler(otelgrpc.NewServerHandler(otelgrpc.WithTracerProvider(provider))))...)
				_, err := call(t.Context(), connect(t, ln.Addr(), nil), "book")
				require.Equal(t, codes.NotFound, status.Code(err))
				srv.GracefulStop() // and so otelgrpc has ended its spans
				adaptertest.Drain(t, after)

				callback := spanOf(t, exporter, "process order.email")
				got := attributesOf(callback)
				require.Equal(t, "grpc", got["rpc.system.name"])
				require.Equal(t, method[1:], got["rpc.method"])
				require.Equal(t, "NOT_FOUND", got["rpc.response.status_code"])
				require.NotContains(t, got, attribute.Key("http.route"))
				require.NotContains(t, got, attribute.Key("http.request.method"))
				if where == "absent" {
					require.Empty(t, callback.Links)
					return
				}
				rpc := spanOf(t, exporter, method[1:])
				require.Len(t, callback.Links, 1)
				require.True(t, callback.Links[0].SpanContext.Equal(rpc.SpanContext), "the link is to another span")
				theirs := attributesOf(rpc)
				for _, key := range []attribute.Key{"rpc.system.name", "rpc.method", "rpc.response.status_code"} {
					require.Equal(t, theirs[key], got[key], "otelgrpc says the same of %s", key)
				}
			})
		}
	}
}

// notFound keeps the status of a joined error.
func notFound(err error) error {
	if err == nil {
		return nil
	}
	return status.Error(codes.NotFound, err.Error())
}

func attributesOf(s tracetest.SpanStub) map[attribute.Key]string {
	all := make(map[attribute.Key]string)
	for _, kv := range s.Attributes {
		all[kv.Key] = kv.Value.String()
	}
	return all
}
