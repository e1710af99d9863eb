package pool

import (
	"context"
	"sync"
)

// channel is the pool that every Go programmer has written: a buffered channel
// and some workers. It has nothing else, and so is what the others are
// measured by.
type channel struct {
	tasks   chan func()
	workers sync.WaitGroup
}

func newChannel(s Size) Pool {
	p := &channel{tasks: make(chan func(), s.Queue)}
	for range s.Workers {
		p.workers.Go(func() {
			for task := range p.tasks {
				task()
			}
		})
	}
	return p
}

func (p *channel) Prepare(task func()) Submit {
	return func(context.Context) { p.tasks <- task }
}

func (p *channel) Close() {
	close(p.tasks)
	p.workers.Wait()
}

// jobs is the same pool for instrumented tasks. Its channel carries what the
// instrumentation wants to know, so that no task needs a closure of its own.
type jobs struct {
	jobs    chan job
	workers sync.WaitGroup
}

func newJobs(s Size) Pool {
	p := &jobs{jobs: make(chan job, s.Queue)}
	for range s.Workers {
		p.workers.Go(func() {
			for j := range p.jobs {
				j.run()
			}
		})
	}
	return p
}

func (p *jobs) Prepare(func()) Submit { panic("pool: jobs are submitted, not tasks") }

func (p *jobs) submit(j job) { p.jobs <- j }

func (p *jobs) Close() {
	close(p.jobs)
	p.workers.Wait()
}
