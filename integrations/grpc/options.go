package grpcafter

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/afterglow-go/afterglow/runner"
)

// ServerOptions returns what a server needs so that its handlers can call [runner.After]. creds
// are the server's; nil means that it serves without TLS. Give the server no other grpc.Creds.
// Each RPC has a scope of every runner, of the first one outermost. Put these options before other
// stats handlers, such as otelgrpc's.
func ServerOptions(creds credentials.TransportCredentials, runners ...*runner.Runner) []grpc.ServerOption {
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	known := new(connections)
	return []grpc.ServerOption{
		grpc.Creds(&followed{creds, known}),
		grpc.StatsHandler(&handler{runners: runners, known: known}),
	}
}
