// What the block of integrations/grpc/README.md uses.
package p

import (
	pb "github.com/afterglow-go/afterglow/internal/repotest/testdata/docs/pb"
)

type shop struct{}

func (*shop) mail(ctx context.Context, order *pb.Order) error { return ctx.Err() }

var config *tls.Config
