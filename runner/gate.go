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

// askGates asks the gate of each task, one after the other. It has a goroutine
// of its own, and another one if need be, so that Goexit in a gate can end
// neither the caller's, which may be the server's, nor keep the others from
// being asked.
func askGates(tasks []*task) []answer {
	answers := make([]answer, 0, len(tasks))
	for len(answers) < len(tasks) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for len(answers) < len(tasks) {
				t := tasks[len(answers)]
				answers = append(answers, answer{true, Failed, ErrGoexit}) // unless it returns or panics
				answers[len(answers)-1] = t.askGate()
			}
		}()
		<-done
	}
	return answers
}

// askGate asks the task's gate, if it has one, about the request it runs
// after, if there is one.
func (t *task) askGate() (a answer) {
	if !t.gated() {
		return answer{}
	}
	req, ok := RequestFrom(t.asker)
	if !ok {
		return answer{}
	}
	defer func() {
		if v := recover(); v != nil {
			a = answer{true, Panicked, &PanicError{Value: v, Stack: debug.Stack()}}
		}
	}()
	return answer{refused: !t.policy.gate(req), outcome: Skipped}
}
