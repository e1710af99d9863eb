package grpcafter

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/afterglow-go/afterglow/runner"
)

// call is one RPC.
type call struct {
	releases []func(runner.Request) // of each runner
	in       *stats.InHeader        // nil: there was none; not written once the handler has begun
	bytes    atomic.Int64           // of the messages sent
}

func (c *call) release(req runner.Request) {
	for _, release := range c.releases {
		release(req)
	}
}

// describe returns what callbacks read of the RPC. Nothing of it is grpc's.
func (c *call) describe(ctx context.Context, end *stats.End) runner.Request {
	code := status.Code(end.Error)
	req := runner.Request{
		RPC: "grpc", Proto: "HTTP/2.0", Bytes: c.bytes.Load(),
		Start: end.BeginTime, Duration: end.EndTime.Sub(end.BeginTime),
		TimedOut: errors.Is(ctx.Err(), context.DeadlineExceeded), // otherwise grpc has canceled it, as at each end
		Aborted:  code == codes.Canceled,
		Err:      end.Error, Code: nameOf(code),
	}
	if c.in != nil {
		req.Pattern = c.in.FullMethod
		req.Header, req.Host = headerOf(c.in.Header)
		if c.in.RemoteAddr != nil {
			req.RemoteAddr = c.in.RemoteAddr.String()
		}
	}
	return req
}

// headerOf returns metadata as a header, and the authority. The metadata is a copy that grpc has
// made for its stats handlers.
func headerOf(md metadata.MD) (header http.Header, authority string) {
	header = make(http.Header, len(md))
	for key, values := range md {
		if key == ":authority" {
			if len(values) > 0 {
				authority = values[0]
			}
			continue
		}
		header[http.CanonicalHeaderKey(key)] = values
	}
	return header, authority
}

// nameOf returns the name of a code as gRPC's protocol and OpenTelemetry spell it.
func nameOf(c codes.Code) string {
	if int(c) < len(names) {
		return names[c]
	}
	return c.String()
}

var names = [...]string{
	codes.OK:                 "OK",
	codes.Canceled:           "CANCELLED", //nolint:misspell // that is how gRPC spells it
	codes.Unknown:            "UNKNOWN",
	codes.InvalidArgument:    "INVALID_ARGUMENT",
	codes.DeadlineExceeded:   "DEADLINE_EXCEEDED",
	codes.NotFound:           "NOT_FOUND",
	codes.AlreadyExists:      "ALREADY_EXISTS",
	codes.PermissionDenied:   "PERMISSION_DENIED",
	codes.ResourceExhausted:  "RESOURCE_EXHAUSTED",
	codes.FailedPrecondition: "FAILED_PRECONDITION",
	codes.Aborted:            "ABORTED",
	codes.OutOfRange:         "OUT_OF_RANGE",
	codes.Unimplemented:      "UNIMPLEMENTED",
	codes.Internal:           "INTERNAL",
	codes.Unavailable:        "UNAVAILABLE",
	codes.DataLoss:           "DATA_LOSS",
	codes.Unauthenticated:    "UNAUTHENTICATED",
}
