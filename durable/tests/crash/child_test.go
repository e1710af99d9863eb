package crash_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/durable"
)

// childEnv makes the test binary a process that is killed. Its value is a life as JSON.
const childEnv = "AFTERGLOW_CRASH_CHILD"

// life is what a child does.
type life struct {
	Engine    string
	DSN       string
	Name      string // begins the keys of its tasks
	Seed      uint64
	Role      durable.Role
	DeadAfter time.Duration
	Rate      int  // tasks that it enqueues a second
	Stubborn  bool // its tasks return late, and without an error, when their contexts end
}

// job is the payload of both tasks.
type job struct {
	Key  string
	Hold time.Duration // how long it takes; negative: until the child is told to release it
}

// What a child says, one line each: the word, its time, the key, and what else there is.
const (
	wordReady = "ready"
	wordAsk   = "ask"   // it is about to enqueue
	wordTx    = "tx"    // the order and the task are in a transaction
	wordBack  = "back"  // the transaction was rolled back
	wordAck   = "ack"   // the task was acknowledged
	wordFail  = "fail"  // the task was not
	wordStart = "start" // the task runs
	wordEnd   = "end"   // it returns nil
	wordCut   = "cut"   // its context has ended
	wordLate  = "late"  // it returns nil, although its context has ended
)

// What a child is told. The end of its input ends it politely.
const (
	tellHush    = "hush"    // enqueue no more
	tellRelease = "release" // end the tasks that wait for it
)

// say writes a line in one system call, so that what was said before a kill is there.
func say(word, key string, rest ...any) {
	fmt.Fprintf(os.Stdout, "%s %d %s %s\n", word, time.Now().UnixNano(), key, strings.TrimSpace(fmt.Sprintln(rest...)))
}

// worker is a child at work.
type worker struct {
	life

	opened   *opened
	work     *durable.Task[job]
	order    *durable.Task[job]
	released chan struct{}
}

// options let a task be killed often.
var options = durable.Options{Timeout: time.Hour, MaxAttempts: 1000, Backoff: func(int) time.Duration { return time.Millisecond }}

func newWorker(l life) *worker {
	w := &worker{life: l, released: make(chan struct{})}
	w.work = durable.Define("crash.work", options, w.run)
	w.order = durable.Define("crash.order", options, w.run)
	return w
}

// run is both tasks.
func (w *worker) run(ctx context.Context, in job) error {
	say(wordStart, in.Key)
	var over <-chan time.Time
	if in.Hold >= 0 {
		over = time.After(in.Hold)
	}
	select {
	case <-over:
	case <-w.released:
	case <-ctx.Done():
		say(wordCut, in.Key, context.Cause(ctx))
		if !w.Stubborn {
			return context.Cause(ctx)
		}
		elapse(w.DeadAfter / 10)
		say(wordLate, in.Key)
		return nil
	}
	say(wordEnd, in.Key)
	return nil
}

func (w *worker) open(ctx context.Context) (err error) {
	cfg := durable.Config{
		Role: w.Role, DeadAfter: w.DeadAfter, Queues: map[string]int{"default": 20},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)).With("child", w.Name),
	}
	var tasks []durable.Definition
	if w.Role != durable.EnqueueOnly {
		tasks = append(tasks, w.work, w.order)
	} else {
		cfg.Queues = nil
	}
	w.opened, err = engines[w.Engine].open(ctx, w.DSN, cfg, tasks...)
	return err
}

// child is the life of one.
func child(text string) int {
	var l life
	err := json.Unmarshal([]byte(text), &l)
	w := newWorker(l)
	if err == nil {
		err = w.open(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	say(wordReady, l.Name)
	hushed, hush := context.WithCancel(context.Background())
	var loading sync.WaitGroup
	if l.Rate > 0 {
		loading.Go(func() { w.load(hushed) })
	}
	for told := bufio.NewScanner(os.Stdin); told.Scan(); {
		switch told.Text() {
		case tellHush:
			hush()
		case tellRelease:
			close(w.released)
		}
	}
	hush()
	loading.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), politePatience)
	defer cancel()
	if _, err := w.opened.Shutdown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "child: shutdown:", err) // it names what it has interrupted
	}
	return 0
}

const politePatience = 5 * time.Second

// load enqueues tasks until ctx ends: two of three alone, one with an order in a transaction.
// It rests for as long as the last one took, if that is longer: a file of SQLite that one
// process writes to without a pause is locked for all others.
func (w *worker) load(ctx context.Context) {
	random := rand.New(rand.NewPCG(w.Seed, 1)) //nolint:gosec // repeatable
	every := time.Second / time.Duration(w.Rate)
	next := time.NewTimer(every)
	defer next.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		began := time.Now()
		w.ask(n, random)
		took := time.Since(began)
		next.Reset(max(every-took, took))
	}
}

// ask enqueues a task.
func (w *worker) ask(n int, random *rand.Rand) {
	in := job{fmt.Sprintf("%s-%d", w.Name, n), w.hold(random)}
	if random.IntN(3) == 0 {
		w.place(in, random.IntN(5) == 0, time.Duration(random.IntN(int(maxInTx))))
		return
	}
	var opts []durable.EnqueueOption
	later := time.Duration(0)
	if random.IntN(10) == 0 {
		later = time.Second
		opts = append(opts, durable.In(later))
	}
	say(wordAsk, in.Key)
	if _, err := w.work.Enqueue(context.Background(), w.opened, in, opts...); err != nil {
		say(wordFail, in.Key, err)
		return
	}
	say(wordAck, in.Key, later)
}

// hold is how long a task takes: most are quick, some outlast several leases.
func (w *worker) hold(random *rand.Rand) time.Duration {
	if random.IntN(25) == 0 {
		return w.DeadAfter + time.Duration(random.Int64N(int64(2*w.DeadAfter)))
	}
	return time.Duration(random.IntN(int(100 * time.Millisecond)))
}

// maxInTx is how long a transaction stays open before it commits, so that kills find it there.
const maxInTx = 10 * time.Millisecond

var errChangedMind = errors.New("rolled back on purpose")

// place stores an order and its task in one transaction, or rolls both back.
func (w *worker) place(in job, changesMind bool, stays time.Duration) {
	ctx := context.Background()
	say(wordAsk, in.Key)
	err := w.opened.within(ctx, func(exec execFunc, to durable.Enqueuer) error {
		if err := exec("INSERT INTO orders (key) VALUES ($1)", in.Key); err != nil {
			return err
		}
		if _, err := w.order.Enqueue(ctx, to, in); err != nil {
			return err
		}
		say(wordTx, in.Key)
		elapse(stays)
		if changesMind {
			return errChangedMind
		}
		return nil
	})
	switch {
	case errors.Is(err, errChangedMind):
		say(wordBack, in.Key)
	case err != nil:
		say(wordFail, in.Key, err)
	default:
		say(wordAck, in.Key, time.Duration(0))
	}
}
