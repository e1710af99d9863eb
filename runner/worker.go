package runner

// work is a worker's life: it runs tasks until the runner has stopped, or has
// a worker too many. A callback that ends the goroutine with Goexit ends this
// call only; another one takes over.
func (r *Runner) work() {
	done := false
	defer func() {
		if !done {
			go r.work()
		}
	}()
	l := r.newLabeler()
	var t *task
	for {
		if t == nil {
			t = r.take(l)
		}
		if t == nil {
			done = true
			return
		}
		t = r.run(t, l)
	}
}

// take waits for the next task and starts it. It returns nil when the worker
// shall end, and has counted it out by then.
func (r *Runner) take(l *labeler) *task {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		// One too many: an overrunning task has ended, and its worker had been
		// replaced.
		surplus := r.workers-r.replaced > r.cfg.Workers
		if surplus || r.queue.first == nil && r.stopped {
			r.workers--
			if r.workers == 0 && r.stopped {
				close(r.gone)
			}
			if r.queue.first != nil {
				r.callWorker() // this one may have been the one called
			}
			return nil
		}
		if r.queue.first != nil {
			return r.takeFirst(l, r.clock.now())
		}
		r.idle++
		r.wake.Wait()
		r.idle--
		r.waking = max(r.waking-1, 0)
	}
}

// takeFirst starts the first task of the queue. mu is held.
func (r *Runner) takeFirst(l *labeler, now moment) *task {
	t := r.queue.first
	t.labeler, t.onWorker = l, true
	r.start(t, now)
	if r.queue.first != nil {
		r.callWorker()
	}
	return t
}

// takeNext starts the first task of the queue, if there is one and this worker
// is not one too many. mu is held.
func (r *Runner) takeNext(l *labeler, now moment) *task {
	if r.queue.first == nil || r.workers-r.replaced > r.cfg.Workers {
		return nil
	}
	return r.takeFirst(l, now)
}

// reportAndTake is report, and takeNext in the same turn of the lock.
func (r *Runner) reportAndTake(t *task) (next *task) {
	reported := false
	defer func() { // an observer may call Goexit
		now := r.clock.now()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reported(t)
		if reported {
			next = r.takeNext(t.labeler, now)
		}
	}()
	r.observeFinished(t)
	reported = true
	return nil
}

// runHere runs a task that RunInCaller took in, and returns when it has ended
// or overruns. It has a goroutine of its own so that Goexit cannot end the
// caller's.
func (r *Runner) runHere(t *task) {
	l := r.newLabeler()
	left := make(chan struct{})
	r.mu.Lock()
	if t.state != queued { // dropped, or merged into another
		r.mu.Unlock()
		return
	}
	t.labeler, t.ctx.here, t.extras().left = l, true, left
	r.start(t, r.clock.now())
	r.mu.Unlock()
	go func() {
		defer r.leave(t)
		r.run(t, l)
	}()
	<-left
}

// leave lets the caller of a task go on. Called by the task's goroutine and by
// the watchdog.
func (r *Runner) leave(t *task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.extra != nil && t.extra.left != nil {
		close(t.extra.left)
		t.extra.left = nil
	}
}

// start moves t from the queued to the running. It may have become due since now
// was read, as that is done before the lock is had. mu is held.
func (r *Runner) start(t *task, now moment) {
	t.list.remove(t)
	r.stopMerging(t)
	t.state, t.started, t.overran = running, max(now, t.due), false
	if t.policy == nil || t.policy.attempts < 2 {
		r.freePlace(t, now)
	}
	t.attempt++
	if r.watched.attempts {
		t.beginning.begin()
	}
	t.ctx.start(t.started, t.timeout)
	r.running.push(t)
	r.watch(t, now)
}

// leaveWorker takes a task that stops running out of the workers' figures. mu
// is held.
func (r *Runner) leaveWorker(t *task, now moment) {
	if t.overran {
		r.overrunning--
	}
	if t.onWorker {
		r.stopClock(t, now)
	}
	if t.replaced {
		r.replaced--
		t.replaced = false
		r.replaceNext(now)
	}
}

// stopClock ends the worker time of a task. mu is held.
func (r *Runner) stopClock(t *task, now moment) {
	r.busyDone += t.ranUntil(now)
	t.onWorker = false
}

// run runs a started task to its end. It returns the task that this worker has
// started next; nil if it has not yet looked for one.
func (r *Runner) run(t *task, l *labeler) (next *task) {
	outcome, err := Failed, ErrGoexit // unless it returns or panics
	ended := false
	defer func() { // Goexit skips everything else
		if !ended {
			r.begun(t) // the asker's context may have called it before the observers
			r.finish(t, outcome, err, false)
		}
	}()
	outcome, err, ended = r.attempt(t, l)
	if !ended {
		return nil
	}
	// Not in the deferred call, nor below the callback's frames: a stack that
	// stays small need not be copied to a larger one.
	return r.finish(t, outcome, err, !t.ctx.here)
}
