package lambdaafter_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"

	lambdaafter "github.com/afterglow-go/afterglow/integrations/lambda"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // aws-lambda-go logs each failure
	goleak.VerifyTestMain(m)
}

var update = flag.Bool("update", false, "write CONFORMANCE.md anew")

//go:generate go test -count=1 -run ^TestConformance$ . -update

func TestConformance(t *testing.T) {
	conformance.Document(t, *update, "What was shown with AWS Lambda",
		"The loop is that of aws-lambda-go. The platform is a runtime API on loopback, which accepts a response when it has handed it to the caller.",
		conformance.Server{
			Name: "AWS Lambda", Exact: true, How: "aws-lambda-go closes a response when the platform has accepted it; after a failure callbacks run before it is reported",
			Without: map[conformance.Capability]string{
				conformance.Handlers:    "its handlers answer events",
				conformance.Leaving:     "the platform does not say that a caller has left",
				conformance.Overlapping: "the platform freezes the process between two invocations, so the next one waits for the callbacks of the last",
				conformance.Panicking:   "aws-lambda-go ends the process after a panic",
				conformance.Statuses:    "aws-lambda-go has no hook after it has reported a failure, so callbacks run before, as another test shows",
				conformance.Streaming:   "the response is posted when the handler has returned",
			},
			Serve: serve,
		})
}

// serve puts a front before the platform, as a function URL is. What is measured is what the front has sent.
func serve(t testing.TB, ln net.Listener, dial conformance.Dial, h conformance.Handler, runners ...*runner.Runner) conformance.Client {
	t.Helper()
	p := start(t, handlerOf(h, runners))
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := p.begin(t, event{Order: r.URL.Query().Get("q")}, adaptertest.Patience)
		defer close(i.taken)
		a := adaptertest.Receive(t, i.answer)
		status := http.StatusOK
		if a.failed {
			status = http.StatusBadGateway
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, a.body)
		_ = http.NewResponseController(w).Flush()
	}))
	_ = front.Listener.Close() // NewUnstartedServer has made one
	front.Listener = ln
	front.Start()
	transport := &http.Transport{DialContext: dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		front.Close()
	})
	client := &http.Client{Transport: transport, Timeout: adaptertest.Patience}
	return func(ctx context.Context, request string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, front.URL+"?q="+url.QueryEscape(request), http.NoBody)
		if err != nil {
			return "", err
		}
		res, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return "", errors.New(res.Status)
		}
		var text string
		err = json.NewDecoder(res.Body).Decode(&text)
		return text, err
	}
}

// handlerOf answers events with h, within a scope of every runner, of the first one outermost.
func handlerOf(h conformance.Handler, runners []*runner.Runner) func(context.Context, event) (*lambdaafter.Response, error) {
	innermost := lambdaafter.Handler(runners[len(runners)-1], func(ctx context.Context, e event) (string, error) {
		var all strings.Builder
		err := h(conformance.Call{
			Context: ctx, Request: e.Order,
			Write: func(p []byte) error { _, err := all.Write(p); return err },
		})
		return all.String(), err
	})
	for i := len(runners) - 2; i >= 0; i-- {
		innermost = lambdaafter.Handler(runners[i], innermost)
	}
	return innermost
}
