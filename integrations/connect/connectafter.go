package connectafter

import (
	"context"
	"errors"
	"os"
	"strings"

	"connectrpc.com/connect"

	"github.com/afterglow-go/afterglow/runner"
)

// Interceptor returns an interceptor that says which RPC a request is, and how it has ended. Make it the first one, so that it
// sees what other interceptors make of an error.
func Interceptor() connect.Interceptor { return interceptor{} }

type interceptor struct{}

// WrapUnary implements [connect.Interceptor].
func (interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		if req.Spec().IsClient {
			return next(ctx, req)
		}
		returned := false
		defer func() { tell(ctx, req.Spec(), req.Peer(), err, returned) }()
		res, err = next(ctx, req)
		returned = true
		return res, err
	}
}

// WrapStreamingClient implements [connect.Interceptor].
func (interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements [connect.Interceptor].
func (interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) (err error) {
		returned := false
		defer func() { tell(ctx, conn.Spec(), conn.Peer(), err, returned) }()
		err = next(ctx, conn)
		returned = true
		return err
	}
}

// tell describes an RPC for its callbacks. One that panics has no code.
func tell(ctx context.Context, spec connect.Spec, peer connect.Peer, err error, returned bool) {
	runner.SetPattern(ctx, spec.Procedure)
	if err != nil {
		runner.SetError(ctx, err)
	}
	system, code := "connectrpc", ""
	if err != nil {
		code = codeOf(err).String()
	}
	if peer.Protocol != connect.ProtocolConnect { // gRPC and gRPC-Web
		system, code = "grpc", strings.ToUpper(code)
		if code == "CANCELED" {
			code = "CANCELLED" //nolint:misspell // that is how gRPC spells it
		}
		if err == nil && returned {
			code = "OK"
		}
	}
	runner.SetRPC(ctx, system, code)
}

// codeOf returns the code that the client gets. connect gives errors of contexts a code after the
// interceptors.
func codeOf(err error) connect.Code {
	if _, coded := errors.AsType[*connect.Error](err); coded {
		return connect.CodeOf(err)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return connect.CodeCanceled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return connect.CodeDeadlineExceeded
	}
	return connect.CodeOf(err)
}
