package runner

import "runtime/debug"

// Succeeded is a gate for [When]: the status is below 400 and the handler did
// not panic.
func Succeeded(r Request) bool { return r.Status < 400 && !r.Panicked }

// NotAborted is a gate for [When]: the client stayed until the handler had
// returned.
func NotAborted(r Request) bool { return !r.Aborted }

// askGate asks the task's gate, if it has one, about the request it runs
// after, if there is one.
func (t *task) askGate() (no refusal) {
	if t.policy == nil || t.policy.gate == nil {
		return refusal{}
	}
	req, ok := RequestFrom(t.asker)
	if !ok {
		return refusal{}
	}
	defer func() {
		if v := recover(); v != nil {
			no = refusal{true, Panicked, &PanicError{Value: v, Stack: debug.Stack()}}
		}
	}()
	return refusal{refused: !t.policy.gate(req), outcome: Skipped}
}
