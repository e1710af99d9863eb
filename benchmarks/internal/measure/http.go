package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

// The metrics of a server, and the numbers of connections to it.
const (
	MetricPerSecond   = "requests/s"
	MetricResponseP99 = "response p99 ms"
)

// Connections is how many clients there are, in turn.
var Connections = []int{1, 16, 64, 256}

// WithConnections names one of them, at a route that takes so long.
func WithConnections(n int, route time.Duration) string {
	s := fmt.Sprintf("%d connections", n)
	if n == 1 {
		s = "1 connection"
	}
	if route > 0 {
		s += fmt.Sprintf(", a route of %d ms", route.Milliseconds())
	}
	return s
}

// HTTP asks what the callbacks do to the responses. The load comes from another
// process, which load starts.
func HTTP(p Plan, load func(web.Load) (web.Seen, error)) (*Book, error) {
	book, order := new(Book), newOrder()
	var failed error
	var cells []func()
	for _, route := range web.Routes {
		for _, n := range Connections {
			setting := WithConnections(n, route)
			cells = append(cells, func() {
				var variants []func()
				for _, v := range web.Variants() {
					variants = append(variants, func() {
						settle()
						seen, err := serve(v, route, web.Load{Connections: n, Warm: p.For / 4, For: p.For}, load)
						if err != nil {
							failed = fmt.Errorf("%s, %s: %w", v.Name, setting, err)
							return
						}
						book.Add(Case{setting, v.Name, MetricPerSecond}, seen.PerSecond)
						book.Add(Case{setting, v.Name, MetricResponseP99}, float64(seen.P99)/float64(time.Millisecond))
					})
				}
				order.run(variants)
			})
		}
	}
	order.rounds(p, cells)
	return book, failed
}

func serve(v web.Variant, route time.Duration, l web.Load, load func(web.Load) (web.Seen, error)) (web.Seen, error) {
	s, err := web.Serve(v, route)
	if err != nil {
		return web.Seen{}, err
	}
	l.Addr = s.Addr
	seen, err := load(l)
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	return seen, err
}

// LoadCommand is the argument that makes the program a load generator.
const LoadCommand = "load"

// LoadFromAnotherProcess runs this program once more, as a load generator.
func LoadFromAnotherProcess(l web.Load) (web.Seen, error) {
	self, err := os.Executable()
	if err != nil {
		return web.Seen{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.Warm+l.For+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, LoadCommand, l.Addr, strconv.Itoa(l.Connections), l.Warm.String(), l.For.String())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return web.Seen{}, err
	}
	var seen web.Seen
	return seen, json.Unmarshal(out, &seen)
}

// Generate is the load generator: it reads what LoadFromAnotherProcess has
// written and answers it.
func Generate(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: %s ADDRESS CONNECTIONS WARM FOR", LoadCommand)
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	warm, err := time.ParseDuration(args[2])
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(args[3])
	if err != nil {
		return err
	}
	seen, err := web.Load{Addr: args[0], Connections: n, Warm: warm, For: d}.Run()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(seen)
}
