package console

import (
	"bytes"
	"errors"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The pprof labels of a callback's goroutine, and of those that it starts.
const (
	labelRunner   = "afterglow.runner"
	labelCallback = "afterglow.callback"
	labelWorker   = "afterglow.worker"
)

// callFunction is the frame below a callback's: it is on the stack of the goroutine that
// runs the callback, and of no other.
const callFunction = module + "runner.call"

const (
	lookEvery  = time.Second // at most one profile in this time: it stops the program for a moment
	maxProfile = 64 << 20    // bytes of a profile that are read
	maxRuns    = 2000        // attempts under way that are looked at
)

// stackGroup is goroutines that are at the same place, with the same labels.
type stackGroup struct {
	count                    int
	runner, callback, worker string
	frames                   []Frame
	own                      bool // a callback's own goroutine, and not one that it started
}

// text writes the frames as panics do.
func (g *stackGroup) text() string { return stackText(g.frames) }

func stackText(frames []Frame) string {
	var b strings.Builder
	for _, f := range frames {
		b.WriteString(f.Func + "\n\t" + f.File + ":" + strconv.Itoa(f.Line) + "\n")
		if b.Len() > maxStack {
			b.WriteString(ellipsis + "\n")
			break
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var errNoProfile = errors.New("this version of Go has no such profile")

// readGoroutines reads the goroutines that have a callback's labels.
func readGoroutines(profile string) ([]stackGroup, error) {
	p := pprof.Lookup(profile)
	if p == nil {
		return nil, errNoProfile
	}
	var text bytes.Buffer
	if err := p.WriteTo(&text, 1); err != nil {
		return nil, err
	}
	return parseGoroutines(text.String()), nil
}

// parseGoroutines reads a goroutine profile in its text form.
func parseGoroutines(profile string) (groups []stackGroup) {
	if len(profile) > maxProfile {
		profile = profile[:maxProfile]
	}
	for text := range strings.SplitSeq(profile, "\n\n") {
		if !strings.Contains(text, `"`+labelWorker+`":"`) {
			continue
		}
		if g, ok := parseGroup(text); ok {
			groups = append(groups, g)
		}
	}
	return groups
}

func parseGroup(text string) (g stackGroup, ok bool) {
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case strings.HasPrefix(line, "# labels: "):
			g.runner, g.callback, g.worker = labelOf(line, labelRunner), labelOf(line, labelCallback), labelOf(line, labelWorker)
		case strings.HasPrefix(line, "#\t"):
			fields := strings.Split(line, "\t")
			if len(fields) < 4 || g.own {
				continue
			}
			function, _, _ := strings.Cut(fields[2], "+0x")
			if function == callFunction {
				g.own = true
				continue
			}
			g.frames = append(g.frames, frameOf(function, strings.TrimSpace(fields[len(fields)-1])))
		case strings.Contains(line, " @ "):
			n, _, _ := strings.Cut(line, " ")
			g.count, _ = strconv.Atoi(n)
		}
	}
	return g, g.worker != "" && g.count > 0
}

// labelOf finds a label in the line of labels.
func labelOf(line, key string) string {
	_, rest, ok := strings.Cut(line, `"`+key+`":`)
	if !ok {
		return ""
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	value, err := strconv.Unquote(quoted)
	if err != nil {
		return ""
	}
	return value
}

// pooled are functions whose goroutines outlive the callback that happened to start them,
// as they should: they belong to a pool of connections.
var pooled = []string{
	"net/http.(*persistConn).", "net/http.(*http2ClientConn).", "net/http/internal/http2.(*ClientConn).", "net/http/internal/http2.(*clientConnReadLoop).",
	"net/http.(*http2clientConnReadLoop).", "golang.org/x/net/http2.", "database/sql.(*DB).", "google.golang.org/grpc/internal/transport.", "google.golang.org/grpc.",
}

// isPooled reports whether the goroutines belong to a pool of connections.
func (g *stackGroup) isPooled() bool {
	for _, f := range g.frames {
		for _, name := range pooled {
			if strings.HasPrefix(f.Func, name) {
				return !g.own
			}
		}
	}
	return false
}

// look is what all callbacks' goroutines were doing at one moment.
type look struct {
	at      time.Time
	groups  []stackGroup
	running map[string]map[string]bool // by runner and worker: the names that it ran before or after
	more    bool                       // more ran than were looked at
	err     error
}

// looker takes looks, and shares one among those who want it at the same time.
type looker struct {
	console *Console

	mu     sync.Mutex
	last   *look // guarded by mu
	leaked *look // guarded by mu
}

// look returns one that is at most a second old.
func (l *looker) look() *look {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last != nil && time.Since(l.last.at) < lookEvery {
		return l.last
	}
	l.last = l.take("goroutine")
	return l.last
}

// take reads what runs before and after it reads the stacks, so that a goroutine whose
// callback runs at that moment is not taken for one that was left behind.
func (l *looker) take(profile string) *look {
	k := &look{at: time.Now(), running: make(map[string]map[string]bool)}
	l.noteRunning(k)
	k.groups, k.err = readGoroutines(profile)
	l.noteRunning(k)
	return k
}

func (l *looker) noteRunning(k *look) {
	for _, s := range l.console.list() {
		if s.runner == nil {
			continue
		}
		runs := s.runner.Running(maxRuns)
		k.more = k.more || len(runs) == maxRuns
		for _, run := range runs {
			if k.running[run.Worker] == nil {
				k.running[run.Worker] = make(map[string]bool)
			}
			k.running[run.Worker][run.Name] = true
		}
	}
}

// of returns the goroutines of a callback on a worker: its own, and others with its
// labels.
func (k *look) of(worker, callback string) (own *stackGroup, others []stackGroup) {
	for i := range k.groups {
		g := &k.groups[i]
		switch {
		case g.worker != worker || g.callback != callback:
		case g.own:
			own = g
		default:
			others = append(others, *g)
		}
	}
	return own, others
}

// leftBehind reports whether goroutines outlive their callback: their worker does not run
// it, so it has ended.
func (k *look) leftBehind(g *stackGroup) bool {
	if k.more && k.running[g.worker] == nil {
		return false // it may be one of those that were not looked at
	}
	return !k.running[g.worker][g.callback]
}

// leaksEvery is the least time between two looks for leaks: each collects garbage.
const leaksEvery = 10 * time.Second

// leaks is look for goroutines that can never go on. On a version of Go that cannot tell,
// it has an error.
func (l *looker) leaks() *look {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leaked == nil || time.Since(l.leaked.at) >= leaksEvery {
		l.leaked = l.take(leakProfile)
	}
	return l.leaked
}

func hasProfile(name string) bool { return pprof.Lookup(name) != nil }
