package console

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"time"
)

// bundled are the pages that the bundle has, each as text and JSON.
var bundled = []struct {
	name string
	q    query
}{
	{"overview", query{}}, {"running", query{Stacks: true}}, {"failures", query{}}, {"left", query{}}, {"drains", query{}}, {"durable", query{}},
}

const bundleTime = 30 * time.Second // that the flight recording may take

// getBundle answers with one file that has all there is: to look at later, or to send to
// somebody else.
func (c *Console) getBundle(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "application/zip")
		return
	}
	select {
	case c.bundling <- struct{}{}:
		defer func() { <-c.bundling }()
	default:
		w.Header().Set("Retry-After", "5")
		fail(w, http.StatusServiceUnavailable, "another bundle is being made: try again")
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)) // at worst the server's stays
	name := fmt.Sprintf("afterglow-%s-%s.zip", fileName(c.cfg.Title), time.Now().UTC().Format("20060102T150405Z"))
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	z := zip.NewWriter(w)
	defer func() { _ = z.Close() }()
	b := bundle{console: c, zip: z, names: []string{}}
	b.write(r.Context())
}

// fileName is a title as a part of a file's name.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, s[:min(len(s), 60)])
}

// bundle is a bundle in the making.
type bundle struct {
	console  *Console
	zip      *zip.Writer
	names    []string
	problems []string
}

// add adds a file. What cannot be had is said in README.txt.
func (b *bundle) add(name string, write func(io.Writer) error) {
	var text bytes.Buffer
	err := func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("it panicked: %v", v)
			}
		}()
		return write(&text)
	}()
	if err != nil {
		b.problems = append(b.problems, name+": "+said(err))
		return
	}
	w, err := b.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Now()})
	if err != nil {
		return // the client has left
	}
	_, _ = w.Write(text.Bytes())
	b.names = append(b.names, name)
}

func (b *bundle) write(ctx context.Context) {
	for _, one := range bundled {
		for _, format := range []string{"txt", "json"} {
			b.add(one.name+"."+format, func(w io.Writer) error {
				v, _ := builders[one.name](b.console, one.q, true)
				body, _, err := write(v, format, "")
				if err != nil {
					return err
				}
				_, err = w.Write(body)
				return err
			})
		}
	}
	for _, g := range b.console.failures.list(func(*FailureGroup) bool { return true }) {
		b.add("failures/"+fileName(g.Callback)+"-"+g.Outcome+"-"+g.ID[:8]+".txt", func(w io.Writer) error {
			v, status := b.console.failure(query{ID: g.ID})
			if status != 0 {
				return fmt.Errorf("it is gone")
			}
			body, _, err := write(v, "txt", "")
			if err != nil {
				return err
			}
			_, err = w.Write(body)
			return err
		})
	}
	b.add("goroutines.txt", func(w io.Writer) error { return pprof.Lookup("goroutine").WriteTo(w, 1) })
	b.add("build.txt", func(w io.Writer) error {
		info, ok := debug.ReadBuildInfo()
		if !ok {
			return fmt.Errorf("this program has no build information")
		}
		_, err := fmt.Fprintf(w, "%s\nGOOS %s GOARCH %s GOMAXPROCS %d, %d goroutines\n", info, runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), runtime.NumGoroutine())
		return err
	})
	if b.console.cfg.FlightRecorder != nil {
		b.add("flight.trace", func(w io.Writer) error { return b.console.flight(ctx, w) })
	}
	b.add("README.txt", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s, %s\n\n%s\n\nflight.trace is read with: go tool trace flight.trace\n", b.console.cfg.Title, time.Now().Format(time.RFC3339), strings.Join(b.names, "\n"))
		for _, p := range b.problems {
			fmt.Fprintf(w, "missing: %s\n", p)
		}
		return err
	})
}

// flight writes the recording of the last seconds. It does not wait for a recorder that
// hangs.
func (c *Console) flight(ctx context.Context, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, bundleTime)
	defer cancel()
	var text bytes.Buffer
	done := make(chan error, 1)
	go func() {
		defer func() {
			if v := recover(); v != nil {
				done <- fmt.Errorf("it panicked: %v", v)
			}
		}()
		_, err := c.cfg.FlightRecorder.WriteTo(&text)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return err
		}
		_, err = w.Write(text.Bytes())
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
