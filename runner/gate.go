package runner

import "runtime/debug"

// Succeeded is a gate for [When]: the status is below 400 and the handler did
// not panic.
func Succeeded(r Request) bool { return r.Status < 400 && !r.Panicked }

// NotAborted is a gate for [When]: the client stayed until the handler had
// returned.
func NotAborted(r Request) bool { return !r.Aborted }

// answer is what a gate says, and what a refused callback ends as.
type answer struct {
	refused bool
	outcome Outcome
	err     error
}

func (t *task) gated() bool { return t.policy != nil && t.policy.gate != nil }

// askGates asks the gate of each task.
func askGates(tasks []*task) []answer {
	answers := make([]answer, len(tasks))
	eachApart(len(tasks), func(i int) {
		answers[i] = answer{true, Failed, ErrGoexit} // unless it returns or panics
		answers[i] = tasks[i].askGate()
	})
	return answers
}

// eachApart calls f, which calls user code, for 0 to n-1, one after the other.
// It does so on a goroutine of its own, and on another one if need be, so that
// runtime.Goexit neither ends the caller's goroutine, which may be the server's,
// nor keeps the others from being called.
func eachApart(n int, f func(i int)) {
	for i := 0; i < n; {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i < n {
				i++
				f(i - 1)
			}
		}()
		<-done
	}
}

// askGate asks the task's gate, if it has one, about the request it runs
// after, if there is one.
func (t *task) askGate() (a answer) {
	if !t.gated() {
		return answer{}
	}
	defer func() {
		if v := recover(); v != nil {
			a = answer{true, Panicked, &PanicError{Value: v, Stack: debug.Stack()}}
		}
	}()
	req, ok := RequestFrom(t.ctx.asker)
	if !ok {
		return answer{}
	}
	return answer{refused: !t.policy.gate(req), outcome: Skipped}
}
