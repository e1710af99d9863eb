package durable

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"github.com/afterglow-go/afterglow/durable/internal/engine"
	"github.com/afterglow-go/afterglow/runner"
)

// core is a Queue without the types of its driver.
type core struct {
	cfg   Config
	log   *slog.Logger
	tasks map[string]Definition // that this process works, by name
	store store
	db    *database
	close func(context.Context) error // of the driver; nil: nothing

	attempts  *runner.Runner    // runs each attempt, for as long as it lasts
	hands     *hands            // on which attempts runs them
	observers []runner.Observer // of enqueuing; those of attempts are wrapped around the same ones
	books     *books
	reader    *reader // nil: no telemetry

	stop    context.CancelFunc // ends the heartbeat
	stopped chan struct{}      // closed when it has ended
	leaving sync.WaitGroup     // clients of leases that are over, until they have stopped

	mu       sync.Mutex
	lease    *lease // guarded by mu; nil: works nothing
	draining bool   // guarded by mu

	shut     sync.Once
	report   runner.Report // written in shut
	shutErr  error         // written in shut
	shutDone chan struct{}
}

// store is what a core needs of the driver's types.
type store interface {
	insert(ctx context.Context, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)
	cancel(ctx context.Context, id int64) (ended string, err error)
	pause(ctx context.Context, queue string) error
	resume(ctx context.Context, queue string) error
	worker(l *lease) (workClient, error)
	migrate(ctx context.Context) error
	validate(ctx context.Context) error
}

// workClient is a River client that works.
type workClient interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// engineOf is the store of a driver.
type engineOf[Tx any] struct {
	engine.Engine[Tx]

	core   *core
	client *river.Client[Tx] // enqueues and looks; is never started
}

// New returns a queue on an engine. The packages of the drivers call it: use their Open.
func New[Tx any](ctx context.Context, e engine.Engine[Tx], cfg Config, tasks ...Definition) (*TxQueue[Tx], error) {
	q, err := open(ctx, e, cfg, tasks)
	if err != nil && e.Close != nil {
		err = errors.Join(err, e.Close(context.WithoutCancel(ctx)))
	}
	return q, err
}

func open[Tx any](ctx context.Context, e engine.Engine[Tx], cfg Config, tasks []Definition) (*TxQueue[Tx], error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c, err := newCore(cfg.withDefaults(), tasks)
	if err != nil {
		return nil, err
	}
	beats := e.Beats
	if beats == nil {
		beats = e.Driver.GetExecutor()
	}
	reads := e.Reads
	if reads == nil {
		reads = e.Driver.GetExecutor()
	}
	c.close = e.Close
	c.db = &database{exec: e.Driver.GetExecutor(), beats: beats, reads: reads, isSQLite: e.Driver.DatabaseName() == riverdriver.DatabaseNameSQLite, schema: c.cfg.Schema}
	of := &engineOf[Tx]{Engine: e, core: c}
	c.store = of
	if of.client, err = river.NewClient(e.Driver, of.insertConfig()); err != nil {
		return nil, fmt.Errorf("durable: %w", err)
	}
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	if err := c.observe(); err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	return &TxQueue[Tx]{Queue: &Queue{c}, engine: of}, nil
}

func newCore(cfg Config, tasks []Definition) (*core, error) {
	c := &core{cfg: cfg, hands: newHands(), log: cfg.Logger.With(slog.String(keyQueue, cfg.Name)), tasks: make(map[string]Definition), stopped: make(chan struct{}), shutDone: make(chan struct{})}
	var errs []error
	for _, t := range tasks {
		if t == nil {
			errs = append(errs, errors.New("durable: Open with a nil task"))
			continue
		}
		errs = append(errs, t.defined().err)
		if c.tasks[t.Name()] != nil {
			errs = append(errs, fmt.Errorf("durable: two tasks have the name %.100q", t.Name()))
		}
		c.tasks[t.Name()] = t
	}
	if len(tasks) == 0 && cfg.Role != EnqueueOnly {
		errs = append(errs, errors.New("durable: Open without a task: give it the tasks that this process works, or set Config.Role to EnqueueOnly"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var err error
	if c.books, err = newBooks(cfg); err != nil {
		return nil, err
	}
	for _, t := range c.tasks {
		c.books.know(t.defined())
	}
	return c, c.newAttempts()
}

// prepare makes the tables, or looks whether they are there.
func (c *core) prepare(ctx context.Context) error {
	if c.db.isSQLite && c.cfg.Schema != "" {
		return fmt.Errorf("durable: Config.Schema is %.100q: SQLite has no schemas, leave it empty", c.cfg.Schema)
	}
	if c.cfg.SkipMigrations {
		ctx, cancel := context.WithTimeout(ctx, openPatience)
		defer cancel()
		return c.store.validate(ctx)
	}
	return c.store.migrate(ctx)
}

// start begins to work, if the role says so.
func (c *core) start(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	if c.cfg.Role == EnqueueOnly {
		close(c.stopped)
		return nil
	}
	l, err := c.newLease(running)
	if err != nil {
		stop()
		return err
	}
	go c.beat(running, l)
	return nil
}

const keyQueue = "queue"

// now is the clock of this process.
func now() time.Time { return time.Now() }
