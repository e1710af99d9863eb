package runner

import "runtime/debug"

// answer is what a gate says, and what a refused callback ends as.
type answer struct {
	refused bool
	outcome Outcome
	err     error
}

// askGates asks the gates of tasks that are released, one after the other, and
// then makes those due that may run. It has a goroutine of its own: nobody waits
// for a gate, which is user code, the server least of all.
func (r *Runner) askGates(tasks []*task) {
	answers := make([]answer, 0, len(tasks))
	defer func() {
		if len(answers) < len(tasks) { // a gate has called runtime.Goexit
			answers = append(answers, answer{true, OutcomeError, ErrGoexit})
			go r.askGates(tasks[len(answers):])
		}
		r.answerGates(tasks, answers)
	}()
	for _, t := range tasks {
		answers = append(answers, t.askGate())
	}
}

func (r *Runner) answerGates(tasks []*task, answers []answer) {
	now := r.lock()
	for i, a := range answers {
		switch t := tasks[i]; {
		case t.phase != phaseReserved: // the drain gave up meanwhile
		case a.refused:
			r.endAndTellLocked(t, a.outcome, a.err, now)
		default:
			r.dueLocked(t, t.dueSince(), now)
		}
	}
	r.unlock()
}

// askGate asks the task's gate, if it has one, about the request it runs
// after, if there is one.
func (t *task) askGate() (a answer) {
	if !t.isGated() {
		return answer{}
	}
	defer func() {
		if v := recover(); v != nil {
			a = answer{true, OutcomePanic, &PanicError{Value: v, Stack: debug.Stack()}}
		}
	}()
	req, ok := t.ctx.scope.requestOf()
	if !ok {
		return answer{}
	}
	return answer{refused: !t.policy.gate(req), outcome: OutcomeSkipped}
}
