package lambdaafter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-lambda-go/lambdaurl"
	"github.com/stretchr/testify/require"

	lambdaafter "github.com/afterglow-go/afterglow/integrations/lambda"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// The response leaves, then the callbacks run, then the process asks for the next invocation.
func TestCallbacksRunBetweenTheResponseAndTheNextInvocation(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	var p *platform
	began, leave := make(chan string, 1), make(chan struct{})
	p = start(t, lambdaafter.Handler(after, func(ctx context.Context, e event) (string, error) {
		return "placed " + e.Order, runner.After(ctx, "order.email", func(ctx context.Context) error {
			began <- p.noted()
			<-leave
			p.note("callback")
			return runner.After(ctx, "order.receipt", func(context.Context) error { p.note("nested"); return nil })
		})
	}))
	i := p.begin(t, event{Order: "7"}, time.Hour)
	require.Equal(t, answer{contentType: "application/json", body: `"placed 7"`}, adaptertest.Receive(t, i.answer))
	require.Equal(t, 1, after.Stats().Reserved, "the platform has not accepted the response")
	close(i.taken)
	require.Equal(t, "next, response", adaptertest.Receive(t, began))
	require.Equal(t, "next, response", p.noted(), "the process asks for nothing while the callback runs")
	close(leave)
	require.Equal(t, `"placed 8"`, p.invoke(t, "8").body)
	require.Contains(t, p.noted(), "next, response, callback, nested, next")
}

// aws-lambda-go has no hook after it has reported a failure.
func TestCallbacksOfAFailureRunBeforeItIsReported(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	failed := errors.New("no such book")
	got := make(chan error, 1)
	var p *platform
	p = start(t, lambdaafter.Handler(after, func(ctx context.Context, _ event) (string, error) {
		err := runner.AfterAll(ctx,
			runner.Call{Name: "order.log", Func: func(ctx context.Context) error {
				req, _ := runner.RequestFrom(ctx)
				p.note("callback")
				got <- req.Err
				return nil
			}},
			runner.Call{Name: "order.email", Func: func(context.Context) error { return nil }, Options: []runner.Option{runner.When(runner.Request.Succeeded)}})
		return "", errors.Join(failed, err)
	}))
	a := p.invoke(t, "7")
	require.True(t, a.failed)
	require.Contains(t, a.body, "no such book")
	require.ErrorIs(t, adaptertest.Receive(t, got), failed)
	require.Contains(t, p.noted(), "next, callback, error")
	adaptertest.Drain(t, after)
	require.Equal(t, "1 success, 1 skipped", after.Stats().Outcomes.String())
}

// After a panic the process ends.
func TestCallbacksHaveEndedWhenAPanicGoesOn(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	var got error
	h := lambdaafter.Handler(after, func(ctx context.Context, _ event) (string, error) {
		err := runner.After(ctx, "order.log", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			got = req.Err
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		panic("broken")
	})
	require.PanicsWithValue(t, "broken", func() { _, _ = h(t.Context(), event{}) })
	require.ErrorIs(t, got, lambdaafter.ErrPanic)
	require.ErrorContains(t, got, "broken")
}

// At its deadline the platform ends the invocation, whatever still runs.
func TestTheWaitEndsWithTheInvocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after, err := runner.New(runner.Config{})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		res, err := lambdaafter.Handler(after, func(ctx context.Context, _ event) (string, error) {
			return "", runner.After(ctx, "order.email", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		})(ctx, event{})
		require.NoError(t, err)
		begin := time.Now()
		require.NoError(t, res.Close())
		require.Equal(t, 3*time.Second, time.Since(begin))
		require.Equal(t, 1, after.Stats().Running, "it goes on with the next invocation")
		_, _ = after.Shutdown(t.Context())
	})
}

// The answer is that of the function without a runner, byte for byte.
func TestTheAnswerIsTheSameAsWithoutARunner(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	same(t, after, map[string]string{"html": "<b>&</b>"})
	same(t, after, []int(nil))
	same(t, after, struct{}{})
	same(t, after, &events.APIGatewayV2HTTPResponse{StatusCode: 201, Body: "placed"})
	same(t, after, make(chan int)) // not JSON
	for _, text := range []string{"", "plain"} {
		reader := func() io.Reader { return strings.NewReader(text) }
		require.Equal(t, sent(t, func(context.Context, event) (io.Reader, error) { return reader(), nil }),
			sent(t, lambdaafter.Handler(after, func(context.Context, event) (io.Reader, error) { return reader(), nil })))
	}
}

func same[T any](t *testing.T, after *runner.Runner, out T) {
	t.Helper()
	h := func(context.Context, event) (T, error) { return out, nil }
	require.Equal(t, sent(t, h), sent(t, lambdaafter.Handler(after, h)))
}

// sent is what aws-lambda-go sends.
func sent(t *testing.T, handler any) string {
	t.Helper()
	b, err := lambda.NewHandler(handler).Invoke(t.Context(), []byte(`{}`))
	return fmt.Sprint(string(b), err)
}

// A handler of net/http goes on while its response is streamed, and asks then.
func TestAFunctionURLOfNetHTTPAsksWhileItStreams(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	ran := make(chan string, 1)
	h := lambdaafter.Handler(after, lambdaurl.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "placed ")
		err := runner.After(r.Context(), "order.email", func(context.Context) error { ran <- r.URL.Path; return nil })
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "successfully")
	})))
	res, err := h(t.Context(), &events.LambdaFunctionURLRequest{RawPath: "/orders"})
	require.NoError(t, err)
	require.Equal(t, "application/vnd.awslambda.http-integration-response", res.ContentType())
	body, err := io.ReadAll(res)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(body), "placed successfully"))
	require.Equal(t, 1, after.Stats().Reserved)
	require.NoError(t, res.Close())
	require.Equal(t, "/orders", adaptertest.Receive(t, ran))
}

const (
	processes   = 8
	invocations = 800
)

// One runner serves several processes, as it does with several invocations at once (AWS_LAMBDA_MAX_CONCURRENCY).
func TestUnderLoadEachCallbackSeesItsOwnInvocation(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{Workers: 8})
	var mu sync.Mutex
	var wrong []string
	ran := 0
	h := lambdaafter.Handler(after, func(ctx context.Context, e event) (string, error) {
		lc, _ := lambdacontext.FromContext(ctx)
		id := lc.AwsRequestID
		check := func(ctx context.Context) error {
			got, ok := lambdacontext.FromContext(ctx)
			req, frozen := runner.RequestFrom(ctx)
			mu.Lock()
			defer mu.Unlock()
			ran++
			if !ok || got.AwsRequestID != id || !frozen || !req.Succeeded() || ctx.Err() != nil {
				wrong = append(wrong, id+" sees "+got.AwsRequestID)
			}
			return nil
		}
		return e.Order, runner.After(ctx, "order.email", func(ctx context.Context) error {
			return errors.Join(check(ctx), runner.After(ctx, "order.receipt", check))
		})
	})
	var wg sync.WaitGroup
	for range processes {
		p := start(t, h)
		wg.Go(func() {
			for i := range invocations / processes {
				order := fmt.Sprint(i)
				if got := p.invoke(t, order); got.failed || got.body != `"`+order+`"` {
					t.Errorf("order %s: %+v", order, got)
				}
			}
		})
	}
	wg.Wait()
	adaptertest.Drain(t, after)
	require.Empty(t, wrong[:min(len(wrong), 10)], "%d in all", len(wrong))
	require.Equal(t, 2*invocations, ran)
}
