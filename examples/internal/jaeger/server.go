// Package jaeger starts the Jaeger that this repository's tools pin, and asks
// it for traces over HTTP.
package jaeger

import (
	"context"
	"io"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// Server is a Jaeger that runs, on free ports of the loopback address.
type Server struct {
	OTLP     string // takes OTLP over HTTP
	OTLPGRPC string // takes OTLP over gRPC
	Metrics  string // shows the metrics it has taken to Prometheus
	Query    string // answers what the package's methods ask

	process *tool.Process
}

// Start starts Jaeger with a configuration, in YAML, that has its ports from the
// environment, as that of examples/otlp/jaeger.yaml has. It returns when Jaeger takes
// spans. What Jaeger prints goes to output as well, unless that is nil.
func Start(ctx context.Context, config string, output io.Writer) (*Server, error) {
	ports, err := tool.FreePorts(6)
	if err != nil {
		return nil, err
	}
	at := func(i int) string { return "http://127.0.0.1:" + ports[i] }
	s := &Server{OTLP: at(0), OTLPGRPC: at(1), Metrics: at(2) + "/metrics", Query: at(3)}
	s.process, err = tool.Start(ctx, tool.Command{
		Name: "jaeger",
		Args: []string{"--config", "yaml:" + config},
		Env: []string{
			"OTLP_HTTP_PORT=" + ports[0], "OTLP_GRPC_PORT=" + ports[1], "PROMETHEUS_PORT=" + ports[2],
			"JAEGER_HTTP_PORT=" + ports[3], "JAEGER_GRPC_PORT=" + ports[4], "HEALTH_PORT=" + ports[5],
			// Its traces of itself would go to the usual port, where another
			// may listen, and it waits for that at its end.
			"OTEL_TRACES_SAMPLER=always_off",
		},
		Ready:  at(5) + "/status",
		Output: output,
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Stop ends Jaeger. What it has kept is gone.
func (s *Server) Stop() error { return s.process.Stop() }
