package pool

import (
	"context"

	"github.com/alitto/pond/v2"
	"github.com/bytedance/gopkg/util/gopool"
	"github.com/gammazero/workerpool"
	"github.com/panjf2000/ants/v2"
	concpool "github.com/sourcegraph/conc/pool"
)

type pondPool struct{ pool pond.Pool }

func newPond(s Size) pondPool {
	return pondPool{pond.NewPool(s.Workers, pond.WithQueueSize(s.Queue))}
}

func (p pondPool) Close() { p.pool.StopAndWait() }

// pondGo uses Go, which tells nothing about the task.
type pondGo struct{ pondPool }

func newPondGo(s Size) Pool { return pondGo{newPond(s)} }

func (p pondGo) Prepare(task func()) Submit {
	return func(context.Context) { must(p.pool.Go(task)) }
}

func (p pondGo) submit(j job) { must(p.pool.Go(j.run)) }

// pondSubmit uses Submit, which returns a handle to wait for the task with.
type pondSubmit struct{ pondPool }

func newPondSubmit(s Size) Pool { return pondSubmit{newPond(s)} }

func (p pondSubmit) Prepare(task func()) Submit {
	return func(context.Context) { p.pool.Submit(task) }
}

type antsPool struct{ pool *ants.Pool }

func newAnts(s Size) Pool {
	p, err := ants.NewPool(s.Workers)
	must(err)
	return antsPool{p}
}

func (p antsPool) Prepare(task func()) Submit {
	return func(context.Context) { must(p.pool.Submit(task)) }
}

func (p antsPool) submit(j job) { must(p.pool.Submit(j.run)) }

func (p antsPool) Close() { must(p.pool.ReleaseTimeout(Timeout)) }

type concPool struct{ pool *concpool.Pool }

func newConc(s Size) Pool { return concPool{concpool.New().WithMaxGoroutines(s.Workers)} }

func (p concPool) Prepare(task func()) Submit {
	return func(context.Context) { p.pool.Go(task) }
}

func (p concPool) Close() { p.pool.Wait() }

type gammazero struct{ pool *workerpool.WorkerPool }

func newGammazero(s Size) Pool { return gammazero{workerpool.New(s.Workers)} }

func (p gammazero) Prepare(task func()) Submit {
	return func(context.Context) { p.pool.Submit(task) }
}

func (p gammazero) Close() { p.pool.StopWait() }

type goPool struct{ pool gopool.Pool }

func newGopool(s Size) Pool {
	return goPool{gopool.NewPool("benchmark", int32(s.Workers), gopool.NewConfig())} //nolint:gosec // a handful of workers
}

func (p goPool) Prepare(task func()) Submit {
	return func(context.Context) { p.pool.Go(task) }
}

// Close does nothing: its workers end when they find no task.
func (goPool) Close() {}
