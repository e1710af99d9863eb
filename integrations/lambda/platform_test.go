package lambdaafter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	lambdaafter "github.com/afterglow-go/afterglow/integrations/lambda"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
)

// event is what functions get.
type event struct {
	Order string
	Stop  bool // ends the loop of aws-lambda-go, which ends by itself with the process only
}

// platform is the runtime API of Lambda, on loopback, with one process of the function.
type platform struct {
	invocations chan *invocation

	mu    sync.Mutex
	open  map[string]*invocation // by id; guarded by mu
	log   []string               // what the process has asked for; guarded by mu
	count int                    // guarded by mu
	asked chan struct{}          // closed at the first ask
}

// invocation is one that is under way.
type invocation struct {
	id, payload string
	left        time.Duration // until its deadline
	answer      chan answer   // what the process has posted
	taken       chan struct{} // closed when the caller has it: the platform accepts it then
}

type answer struct {
	failed            bool
	contentType, body string
}

// start runs the loop of aws-lambda-go with h.
func start(t testing.TB, h func(context.Context, event) (*lambdaafter.Response, error)) *platform {
	t.Helper()
	p := &platform{invocations: make(chan *invocation), open: make(map[string]*invocation), asked: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", p.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { p.accept(w, r, false) })
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) { p.accept(w, r, true) })
	api := httptest.NewServer(mux)
	t.Cleanup(api.Close)
	t.Setenv("AWS_LAMBDA_RUNTIME_API", strings.TrimPrefix(api.URL, "http://"))
	stopped := make(chan struct{})
	go lambda.Start(func(ctx context.Context, e event) (*lambdaafter.Response, error) {
		if e.Stop {
			close(stopped)
			runtime.Goexit()
		}
		return h(ctx, e)
	})
	adaptertest.Receive(t, p.asked) // it has read the variable
	t.Cleanup(func() {
		p.begin(t, event{Stop: true}, adaptertest.Patience)
		<-stopped
	})
	return p
}

// next hands out an invocation.
func (p *platform) next(w http.ResponseWriter, r *http.Request) {
	p.note("next")
	select {
	case i := <-p.invocations:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", i.id)
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(i.left).UnixMilli(), 10))
		_, _ = io.WriteString(w, i.payload)
	case <-r.Context().Done():
	}
}

// accept takes an answer, and accepts it when the caller has it.
func (p *platform) accept(w http.ResponseWriter, r *http.Request, failed bool) {
	p.mu.Lock()
	i := p.open[r.PathValue("id")]
	delete(p.open, r.PathValue("id"))
	p.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if i == nil || err != nil {
		http.Error(w, "no such invocation, or it broke off", http.StatusBadRequest)
		return
	}
	p.note(map[bool]string{false: "response", true: "error"}[failed])
	i.answer <- answer{failed, r.Header.Get("Content-Type"), string(body)}
	<-i.taken
	w.WriteHeader(http.StatusAccepted)
}

func (p *platform) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.log) == 0 {
		close(p.asked)
	}
	p.log = append(p.log, what)
}

// noted returns what was noted so far.
func (p *platform) noted() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, ", ")
}

// begin hands an invocation to the process, when it has asked for one.
func (p *platform) begin(t testing.TB, e event, left time.Duration) *invocation {
	t.Helper()
	payload, err := json.Marshal(e)
	if err != nil {
		t.Error(err)
	}
	i := &invocation{payload: string(payload), left: left, answer: make(chan answer, 1), taken: make(chan struct{})}
	p.mu.Lock()
	p.count++
	i.id = fmt.Sprint("invocation-", p.count)
	p.open[i.id] = i
	p.mu.Unlock()
	select {
	case p.invocations <- i:
	case <-time.After(adaptertest.Patience):
		t.Error("the process does not ask for an invocation")
	}
	return i
}

// invoke is an invocation whose caller takes its answer at once.
func (p *platform) invoke(t testing.TB, order string) answer {
	t.Helper()
	i := p.begin(t, event{Order: order}, time.Hour)
	defer close(i.taken)
	return adaptertest.Receive(t, i.answer)
}
