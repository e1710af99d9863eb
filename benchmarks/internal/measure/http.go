package measure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

// The metrics of a server, and the numbers of connections to it.
const (
	MetricPerSecond     = "requests/s"
	MetricResponseP99   = "response p99 ms"
	MetricRequestAllocs = "allocs/request"
)

// Connections is how many clients there are, in turn.
var Connections = []int{16, 64, 256}

// WithConnections names one of them, at a route that takes so long.
func WithConnections(n int, route time.Duration) string {
	s := fmt.Sprintf("%d connections", n)
	if route > 0 {
		s += fmt.Sprintf(", a route of %d ms", route.Milliseconds())
	}
	return s
}

// HTTP asks what the callbacks do to the responses. nextJS is the address of a
// server of Next.js, "" if there is none.
func HTTP(p Plan, nextJS string) (*Book, error) {
	var groups [][]Cell
	for _, route := range web.Routes {
		for _, n := range Connections {
			c := Cell{Question: QuestionHTTP, Setting: WithConnections(n, route), For: p.For, Connections: n, Route: route}
			var group []Cell
			for _, v := range web.Variants() {
				c.Contestant = v.Name
				group = append(group, c)
			}
			if nextJS != "" && n == Connections[0] && route == 0 {
				c.Contestant, c.Addr = web.NextJS, nextJS
				group = append(group, c)
			}
			groups = append(groups, group)
		}
	}
	return p.ask(once(groups...))
}

// http serves, and puts a load on the server from another process.
func (c Cell) http() (Figures, error) {
	load := web.Load{Addr: c.Addr, Connections: c.Connections, Warm: c.For / 4, For: c.For}
	if c.Addr != "" {
		return c.load(load)
	}
	for _, v := range web.Variants() {
		if v.Name != c.Contestant {
			continue
		}
		s, err := web.Serve(v, c.Route)
		if err != nil {
			return nil, err
		}
		load.Addr, load.Mallocs = s.Addr, true
		figures, err := c.load(load)
		if closeErr := s.Close(); err == nil {
			err = closeErr
		}
		return figures, err
	}
	return nil, nil
}

func (c Cell) load(l web.Load) (Figures, error) {
	seen, err := LoadFromAnotherProcess(l)
	if err != nil {
		return nil, err
	}
	figures := Figures{
		MetricPerSecond:   seen.PerSecond,
		MetricResponseP99: float64(seen.P99) / float64(time.Millisecond),
	}
	if l.Mallocs {
		figures[MetricRequestAllocs] = seen.Allocs
	}
	return figures, nil
}

// LoadCommand is the argument that makes the program a load generator.
const LoadCommand = "load"

// LoadFromAnotherProcess runs this program once more, as a load generator.
func LoadFromAnotherProcess(l web.Load) (seen web.Seen, err error) {
	self, err := os.Executable()
	if err != nil {
		return seen, err
	}
	load, err := json.Marshal(l)
	if err != nil {
		return seen, err
	}
	err = run(self, l.Warm+l.For+time.Minute, &seen, LoadCommand, string(load))
	return seen, err
}

// Generate is the other side of it: it puts the load on that args has.
func Generate(args []string, w io.Writer) error {
	if len(args) != 1 {
		return errors.New("usage: " + LoadCommand + " LOAD")
	}
	var l web.Load
	if err := json.Unmarshal([]byte(args[0]), &l); err != nil {
		return err
	}
	seen, err := l.Run()
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(seen)
}
