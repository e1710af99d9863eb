// Package runnertest helps to test code that asks for callbacks. It uses the
// real runner, so what passes here is what happens in the program; it only
// waits where a program would not, writes down what it sees, and fails the test
// on what is left over. It imports nothing but the standard library.
//
// # Usage
//
//	func TestAnOrderIsMailed(t *testing.T) {
//		rt := runnertest.New(t, runner.Config{})
//		mails := &fakeMailer{}
//		w := rt.Serve(newShop(mails), httptest.NewRequest("POST", "/orders", nil))
//		// The response is done, and so is everything that runs after it.
//		if w.Code != http.StatusOK || len(mails.sent) != 1 {
//			t.Error(w.Code, mails.sent)
//		}
//	}
//
// [Runner.Serve] sends a request through a handler. [Runner.Run] does the same
// for a function without a request, such as the method of an RPC service, and
// hands its error to the callbacks as an RPC server does. [Runner.WaitIdle] is for
// all that comes another way: a real server, [runner.Runner.Go], a goroutine. Each
// returns when the callbacks have ended, so nothing needs to be polled for or
// locked: callbacks have one worker and run one after the other, in the order
// in which they became due. The worker is a goroutine of the runner, so a
// callback fails the test with t.Error and not with t.Fatal.
//
// [Recorder] knows what became of each callback: its attempts, outcome and
// error. Code that makes a runner of its own takes a Recorder as an observer;
// it needs nothing else of this package.
//
// # Time
//
// In a testing/synctest bubble the waits of [runner.Retry] and the timeouts of
// callbacks pass at once. Call [New] inside the bubble, with the bubble's t.
// Outside of one everything works too, in real time.
//
// # Failures
//
// A callback that does not end cannot hang the test: some seconds after it was
// found stuck the wait is given up and the test fails, with the
// callback's name and the stack it hangs on. Set Config.Timeout to make that
// early. At the end of the test the runner is shut down, and what is left over
// fails the test: see [New].
package runnertest
