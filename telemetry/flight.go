package telemetry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/trace"
	"sync"
	"time"
)

// FlightConfig says what a [FlightRecorder] keeps, and where.
type FlightConfig struct {
	// Dir is where the snapshots are written. It is made if it does not exist,
	// and again if somebody removes it. Processes may share it. If it is
	// relative, it is so to the current directory of NewFlightRecorder.
	Dir string

	// Interval is the time in which at most one snapshot is taken: a failure
	// that repeats looks the same again.
	// 0: 1 minute.
	Interval time.Duration

	// MaxFiles is how many snapshots stay in Dir. Beyond that the oldest are
	// removed, those of other processes too, but never a file of another name.
	// 0: 10.
	MaxFiles int

	// MinAge is how far back a snapshot reaches, as in
	// [trace.FlightRecorderConfig].
	// 0: as there, some seconds.
	MinAge time.Duration

	// MaxBytes bounds the memory that is used for it, as in
	// [trace.FlightRecorderConfig]; a snapshot is about as large at most.
	// 0: as there, some megabytes.
	MaxBytes uint64
}

const (
	defaultFlightInterval = time.Minute
	defaultFlightFiles    = 10

	// A name sorts by its time; process and number make it one of its kind.
	flightName = "afterglow-%s-%d-%d.trace"
	flightTime = "20060102T150405.000Z"
	unfinished = ".tmp" // follows the name while the file is written
	// abandonedAfter is the age of a file that is left by a process which ended
	// while it wrote it.
	abandonedAfter = time.Hour
)

var flightFile = regexp.MustCompile(`^afterglow-\d{8}T\d{6}\.\d{3}Z-\d+-\d+\.trace(\.tmp)?$`)

// FlightRecorder keeps the last seconds of the program's execution trace in
// memory, and writes them to a file when a callback is found stuck, times out or
// panics: what all goroutines did just before. Read it with go tool trace. Give
// it to [Config.FlightRecorder]; Telemetries may share it.
//
// The trace has a task for each callback, called as its span is, with its trace
// id; and a line "afterglow" with outcome and name where it failed.
//
// While it records, each callback costs a microsecond or two and seven
// allocations more (COST.md), and the rest of the program what Go's execution
// tracer costs. It is safe for concurrent use. Only [NewFlightRecorder] makes
// one: the zero value records nothing, and New returns an error for it.
type FlightRecorder struct {
	cfg      FlightConfig
	using    sync.Mutex            // held while the recorder writes: it can do so once at a time
	recorder *trace.FlightRecorder // nil in the zero value
	wanted   chan snapshot         // closed by Stop, with mu held
	done     chan struct{}         // closed when the writer has ended

	mu      sync.Mutex
	stopped bool      // guarded by mu
	last    time.Time // guarded by mu: when a snapshot was taken
	taken   int       // guarded by mu
}

// snapshot is a file to be written.
type snapshot struct {
	path   string
	failed func(step, error)
}

// step is what fails where a snapshot is taken.
type step uint8

const (
	writing step = iota // the file does not come about
	pruning             // it does, and older ones stay
)

// NewFlightRecorder starts a flight recorder. A process can have one at a
// time; other consumers of execution traces, such as net/http/pprof, are not in
// its way. Stop it when the runners have been shut down.
func NewFlightRecorder(cfg FlightConfig) (*FlightRecorder, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Interval == 0 {
		cfg.Interval = defaultFlightInterval
	}
	if cfg.MaxFiles == 0 {
		cfg.MaxFiles = defaultFlightFiles
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err == nil {
		err = prepare(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("telemetry: FlightConfig.Dir is %q, which cannot be written to: %w: name a directory that this process may make files in", cfg.Dir, err)
	}
	cfg.Dir = dir
	f := &FlightRecorder{
		cfg:      cfg,
		recorder: trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: cfg.MinAge, MaxBytes: cfg.MaxBytes}),
		wanted:   make(chan snapshot, 1),
		done:     make(chan struct{}),
	}
	if err := f.recorder.Start(); err != nil {
		return nil, fmt.Errorf("telemetry: starting the flight recorder: %w: a process can have only one at a time, so share one FlightRecorder between the Telemetries, and stop any other one first", err)
	}
	go f.write()
	return f, nil
}

// validate reports every field that cannot be used, joined.
func (c FlightConfig) validate() error {
	var errs []error
	if c.Dir == "" {
		errs = append(errs, errors.New("telemetry: FlightConfig.Dir is empty: name a directory for the snapshots, which is made if it does not exist"))
	}
	if c.Interval < 0 {
		errs = append(errs, fmt.Errorf("telemetry: FlightConfig.Interval is %v: use 0 for the default, or a positive duration", c.Interval))
	}
	if c.MaxFiles < 0 {
		errs = append(errs, fmt.Errorf("telemetry: FlightConfig.MaxFiles is %d: use 0 for the default, or a positive number", c.MaxFiles))
	}
	if c.MinAge < 0 {
		errs = append(errs, fmt.Errorf("telemetry: FlightConfig.MinAge is %v: use 0 for the default, or a positive duration", c.MinAge))
	}
	return errors.Join(errs...)
}

// prepare finds out early whether files can be made in dir.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, "afterglow-*"+unfinished)
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// Stop ends the recording. It returns when the snapshot that is being written
// is complete; none is taken after that. It may be called more than once. There
// is no starting it again: for that make another one.
func (f *FlightRecorder) Stop() {
	if f.recorder == nil { // the zero value
		return
	}
	f.mu.Lock()
	if !f.stopped {
		f.stopped = true
		close(f.wanted)
	}
	f.mu.Unlock()
	<-f.done
}

// validate reports why it will never take a snapshot, if so.
func (f *FlightRecorder) validate() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.recorder == nil:
		return errors.New("telemetry: Config.FlightRecorder is a zero FlightRecorder: use what NewFlightRecorder returns")
	case f.stopped:
		return errors.New("telemetry: Config.FlightRecorder has been stopped and records nothing: use a new one, and Stop it when the runners have been shut down")
	}
	return nil
}

// take asks for a snapshot and returns the path of its file, which is written
// soon; "" if none is taken. It does not wait. Should a step fail, failed is
// called, on another goroutine.
func (f *FlightRecorder) take(failed func(path string, at step, err error)) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.stopped || !f.last.IsZero() && now.Sub(f.last) < f.cfg.Interval {
		return ""
	}
	name := fmt.Sprintf(flightName, now.UTC().Format(flightTime), os.Getpid(), f.taken+1)
	path := filepath.Join(f.cfg.Dir, name)
	select {
	case f.wanted <- snapshot{path, func(at step, err error) { failed(path, at, err) }}:
		f.last, f.taken = now, f.taken+1
		return path
	default: // The disk is slower than the interval is long.
		return ""
	}
}

// errNoFlight says that a zero FlightRecorder has nothing to write.
var errNoFlight = errors.New("telemetry: a zero FlightRecorder records nothing: use what NewFlightRecorder returns")

// WriteTo implements [io.WriterTo]: it writes what is recorded now, in the form of the
// files. While w is slow, no file is written, so write to a buffer.
func (f *FlightRecorder) WriteTo(w io.Writer) (int64, error) {
	if f.recorder == nil {
		return 0, errNoFlight
	}
	f.using.Lock()
	defer f.using.Unlock()
	return f.recorder.WriteTo(w)
}

// write is the writer's life.
func (f *FlightRecorder) write() {
	stopped := false
	defer func() {
		if !stopped { // A log handler that was told of a failure has called Goexit.
			go f.write()
			return
		}
		f.recorder.Stop()
		close(f.done)
	}()
	for s := range f.wanted {
		if err := f.writeFile(s.path); err != nil {
			s.failed(writing, err)
		} else if err := f.prune(); err != nil {
			s.failed(pruning, err)
		}
	}
	stopped = true
}

// writeFile writes a snapshot under another name first, so that a file at path
// is always whole.
func (f *FlightRecorder) writeFile(path string) error {
	if err := os.MkdirAll(f.cfg.Dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path+unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteTo(file)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

// prune removes the oldest snapshots beyond MaxFiles, and what processes have
// left that ended while they wrote.
func (f *FlightRecorder) prune() error {
	entries, err := os.ReadDir(f.cfg.Dir) // sorted by name, so by time
	if err != nil {
		return err
	}
	var whole, gone []string
	for _, e := range entries {
		switch {
		case !e.Type().IsRegular() || !flightFile.MatchString(e.Name()):
		case filepath.Ext(e.Name()) != unfinished:
			whole = append(whole, e.Name())
		default:
			if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > abandonedAfter {
				gone = append(gone, e.Name())
			}
		}
	}
	gone = append(gone, whole[:max(0, len(whole)-f.cfg.MaxFiles)]...)
	var errs []error
	for _, name := range gone {
		// Another process may have been quicker.
		if err := os.Remove(filepath.Join(f.cfg.Dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
