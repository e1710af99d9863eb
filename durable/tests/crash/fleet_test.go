package crash_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

// fleet is some children on one database.
type fleet struct {
	t      *testing.T
	engine engine
	dsn    string
	look   *opened // of this process, which works nothing
	ledger *ledger
	random *rand.Rand
	base   life
	n      int
	procs  []*process
}

const patience = 2 * time.Minute

func newFleet(t *testing.T, e engine, base life) *fleet {
	t.Helper()
	chosenSeed := *seed
	if chosenSeed == 0 {
		chosenSeed = uint64(time.Now().UnixNano()) //nolint:gosec // any will do
	}
	t.Logf("-crash.seed=%d", chosenSeed)
	f := &fleet{t: t, engine: e, dsn: e.dsn(t), ledger: newLedger(), base: base, random: rand.New(rand.NewPCG(chosenSeed, 0))} //nolint:gosec // repeatable
	f.base.Engine, f.base.DSN = e.name, f.dsn
	looks := newWorker(life{Engine: e.name, DSN: f.dsn, Role: durable.EnqueueOnly, Name: "test"})
	require.NoError(t, looks.open(t.Context()))
	f.look = looks.opened
	t.Cleanup(func() {
		_, err := f.look.Shutdown(context.Background())
		require.NoError(t, err)
	})
	require.NoError(t, f.look.within(t.Context(), func(exec execFunc, _ durable.Enqueuer) error {
		return exec("CREATE TABLE orders (key text PRIMARY KEY)")
	}))
	return f
}

// process is a child as its parent sees it.
type process struct {
	name   string
	cmd    *exec.Cmd
	ledger *ledger
	stdin  io.WriteCloser
	ready  chan struct{}
	ended  chan struct{} // closed when all that it said is in the ledger

	mu     sync.Mutex
	trap   string        // guarded by mu: the word that it is killed at; empty: none
	delay  time.Duration // guarded by mu: after the word
	killed time.Time     // guarded by mu; zero: not
}

// start starts a child. change changes its life; nil: it is like the others.
func (f *fleet) start(change func(*life)) *process {
	f.t.Helper()
	f.n++
	l := f.base
	l.Name, l.Seed = fmt.Sprintf("p%d", f.n), f.random.Uint64()
	if change != nil {
		change(&l)
	}
	text, err := json.Marshal(l)
	require.NoError(f.t, err)
	p := &process{name: l.Name, ledger: f.ledger, cmd: exec.Command(os.Args[0]), ready: make(chan struct{}), ended: make(chan struct{})} //nolint:gosec // this very binary
	p.cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	p.cmd.Stderr = f.t.Output()
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(f.t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(f.t, err)
	require.NoError(f.t, p.cmd.Start())
	go p.listen(stdout)
	f.t.Cleanup(func() {
		p.kill()
		<-p.ended
	})
	f.await(p.ready, "the child is not ready")
	f.procs = append(f.procs, p)
	return p
}

func (f *fleet) await(done <-chan struct{}, otherwise string) {
	f.t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		require.Fail(f.t, otherwise)
	}
}

// listen writes down what a child says, and kills it in its trap.
func (p *process) listen(stdout io.Reader) {
	defer close(p.ended)
	for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
		parts := append(strings.SplitN(scanner.Text(), " ", 4), "")
		if len(parts) < 4 {
			continue
		}
		at, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			continue // cut off by the kill
		}
		said := line{parts[0], time.Unix(0, at), parts[2], parts[3]}
		if said.word == wordReady {
			close(p.ready)
			continue
		}
		p.ledger.note(p, said)
		p.mu.Lock()
		trap, delay := p.trap, p.delay
		if trap == said.word {
			p.trap = ""
		}
		p.mu.Unlock()
		if trap == said.word {
			time.AfterFunc(delay, p.kill)
		}
	}
	_ = p.cmd.Wait()
}

// kill kills the child as the kernel would.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd.Process.Kill() == nil && p.killed.IsZero() {
		p.killed = time.Now()
	}
}

// killAt sets a trap: the child is killed when it has said a word, after a while.
func (p *process) killAt(word string, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap, p.delay = word, delay
}

func (p *process) killedAt() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

func (p *process) tell(t *testing.T, word string) {
	t.Helper()
	_, err := fmt.Fprintln(p.stdin, word)
	require.NoError(t, err)
}

// dismiss ends a child politely.
func (f *fleet) dismiss(p *process) {
	f.t.Helper()
	require.NoError(f.t, p.stdin.Close())
	f.await(p.ended, "the child does not stop")
	require.Zero(f.t, p.cmd.ProcessState.ExitCode())
	f.remove(p)
}

// remove forgets a child that has ended.
func (f *fleet) remove(gone *process) {
	for i, p := range f.procs {
		if p == gone {
			f.procs = append(f.procs[:i], f.procs[i+1:]...)
			return
		}
	}
}

// leader returns the child that leads; nil: none.
func (f *fleet) leader() *process {
	f.t.Helper()
	stats, err := f.look.Stats(context.Background())
	require.NoError(f.t, err)
	for _, p := range f.procs {
		if strings.Contains(stats.Leader, fmt.Sprintf("-%d-", p.cmd.Process.Pid)) {
			return p
		}
	}
	return nil
}
