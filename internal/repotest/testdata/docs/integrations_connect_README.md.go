// What the block of integrations/connect/README.md uses.
package p

import (
	pb "github.com/afterglow-go/afterglow/internal/repotest/testdata/docs/pb"
	shopv1connect "github.com/afterglow-go/afterglow/internal/repotest/testdata/docs/shopv1connect"
)

type shop struct{}

func (shop) mail(ctx context.Context, order *pb.Order) error { return ctx.Err() }
