package conformance

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// fileCases are about responses that net/http copies from a file.
var fileCases = []kase{
	{"http.ServeContent with ranges", []Capability{Handlers}, ranges},
	{"sendfile is still used", []Capability{Handlers, Sendfile}, sendfile},
}

// file has a million bytes.
func (e *env) file() (path string, content []byte) {
	content = bytes.Repeat([]byte("0123456789"), 100_000)
	path = filepath.Join(e.TempDir(), "file.bin")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		e.Fatal(err)
	}
	return path, content
}

func ranges(e *env) {
	path, content := e.file()
	r := e.runner(runner.Config{})
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		f, err := os.Open(path)
		if err != nil {
			e.Error(err)
			return
		}
		defer f.Close()
		http.ServeContent(w, req, "file.bin", time.Time{}, f)
	})))
	for range 3 {
		if got := e.get(client, "/", 200); got != string(content) {
			e.Errorf("%d bytes have come", len(got))
		}
		e.promise()
		if got := e.get(client, "/", 206, "Range", "bytes=1000-599999"); got != string(content[1000:600_000]) {
			e.Errorf("%d bytes have come", len(got))
		}
		e.promise()
		if got := e.get(client, "/", 206, "Range", "bytes=0-1,999990-"); !strings.Contains(got, "\r\n\r\n01\r\n") {
			e.Errorf("got %q", got)
		}
		e.promise()
		e.get(client, "/", 416, "Range", "bytes=2000000-")
		e.promise()
	}
}

// net/http hands a file to the connection's ReadFrom only if every wrapper of
// the ResponseWriter hands on what it is given.
func sendfile(e *env) {
	path, content := e.file()
	r := e.runner(runner.Config{})
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, req *http.Request) {
		http.ServeFile(w, req, path)
	})))
	for i := range 3 {
		if got := e.get(client, "/", 200); got != string(content) {
			e.Errorf("%d bytes have come", len(got))
		}
		e.promise()
		if n := e.meter.readFroms.Load(); n != int64(i+1) {
			e.Errorf("the connection was given %d files, not %d", n, i+1)
		}
	}
}
