package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/afterglow-go/afterglow/runner"
)

// streamCases are about responses that are read while an http.Handler writes
// them.
var streamCases = []kase{
	{"server-sent events", []Capability{Handlers, Streaming}, events},
	{"10 MB to a slow reader", []Capability{Handlers}, slowReader},
}

// Each event is sent once the client has seen the one before.
func events(e *env) {
	r := e.runner(runner.Config{})
	next := make(chan struct{})
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, err := fmt.Fprintf(w, "data: %d\n\n", i)
			if err := errors.Join(err, http.NewResponseController(w).Flush()); err != nil {
				e.Error(err)
			}
			<-next
		}
	})))
	response := e.open(client, "/")
	defer response.Close()
	body := bufio.NewReader(response)
	for i := range 3 {
		line, err := body.ReadString('\n')
		_, blank := body.ReadString('\n')
		if err := errors.Join(err, blank); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			e.Errorf("event %d is %q: %v", i, line, err)
		}
		if s := r.Stats(); s.Reserved != 1 {
			e.Errorf("the callback is due while events are sent: %+v", s)
		}
		next <- struct{}{}
	}
	if _, err := body.ReadByte(); !errors.Is(err, io.EOF) {
		e.Errorf("the stream ends with %v", err)
	}
	e.promise()
}

// As long as the client has not read more than the rest could be in buffers of,
// its own ones included, the handler cannot have returned.
func slowReader(e *env) {
	const size, sure = 10 << 20, 4 << 20
	r := e.runner(runner.Config{})
	chunk := bytes.Repeat([]byte("x"), 32<<10)
	client := e.serveHTTP(e.under(r, e.watchHTTP(func(w http.ResponseWriter, _ *http.Request) {
		for range size / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				e.Error(err)
				return
			}
		}
	})))
	response := e.open(client, "/")
	defer response.Close()
	taken := make([]byte, len(chunk))
	for range sure / len(taken) {
		if _, err := io.ReadFull(response, taken); err != nil {
			e.Fatal(err)
		}
		if s := r.Stats(); s.Reserved != 1 {
			e.Fatalf("the callback is due before the client has read its response: %+v", s)
		}
	}
	if n, err := io.Copy(io.Discard, response); err != nil || n != size-sure {
		e.Errorf("%d bytes were left: %v", n, err)
	}
	if got := e.promise().request.Bytes; got != size {
		e.Errorf("the frozen request says %d bytes", got)
	}
}
