package pool

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// rawGo starts a goroutine for each task and bounds nothing.
type rawGo struct{}

func newRawGo(Size) Pool { return rawGo{} }

func (rawGo) Prepare(task func()) Submit {
	return func(context.Context) { go task() }
}

func (rawGo) Close() {}

// semaphore is the idiom: take a slot, start a goroutine, give it back.
type semaphore struct{ slots chan struct{} }

func newSemaphore(s Size) Pool { return semaphore{make(chan struct{}, s.Workers)} }

func (p semaphore) Prepare(task func()) Submit {
	run := func() {
		defer func() { <-p.slots }()
		task()
	}
	return func(context.Context) {
		p.slots <- struct{}{}
		go run()
	}
}

func (semaphore) Close() {}

type errGroup struct{ group *errgroup.Group }

func newErrGroup(s Size) Pool {
	g := new(errgroup.Group)
	g.SetLimit(s.Workers)
	return errGroup{g}
}

func (p errGroup) Prepare(task func()) Submit {
	run := func() error { task(); return nil }
	return func(context.Context) { p.group.Go(run) }
}

func (p errGroup) Close() { must(p.group.Wait()) }

// must stops a measurement that has gone wrong: a figure of it would be false.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
