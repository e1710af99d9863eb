package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
)

// The names of the callbacks, as metrics, spans and logs show them.
const (
	nameEmailCustomer = "order.email.customer"
	nameEmailAdmin    = "order.email.admin"
	nameAnalytics     = "order.analytics"
	nameActivity      = "activity.log"
	nameWebhook       = "order.webhook"
	nameRevalidate    = "cache.revalidate"
	nameSignup        = "signup.email"
)

var callbackNames = []string{
	nameEmailCustomer, nameEmailAdmin, nameAnalytics, nameActivity, nameWebhook, nameRevalidate, nameSignup,
}

// task is one thing to do after an answer. Its function knows nothing of
// where it runs: after the response, or inline before it.
type task struct {
	name    string
	label   string // for people
	timeout time.Duration
	run     func(context.Context) error
}

// afterOrder lists what an order brings about.
func (s *shop) afterOrder(o *order) []task {
	return []task{
		{nameEmailCustomer, "Confirmation mail", 10 * time.Second, func(ctx context.Context) error {
			return s.mails.send(ctx, customerMail(o))
		}},
		{nameEmailAdmin, "Mail to the admin", 10 * time.Second, func(ctx context.Context) error {
			return s.mails.send(ctx, adminMail(s.cfg.admin, o, visitFrom(ctx)))
		}},
		{nameAnalytics, "Analytics event", 5 * time.Second, func(ctx context.Context) error {
			return s.store.addAnalytics(ctx, "order", o, visitFrom(ctx))
		}},
		{nameActivity, "Activity log line", 5 * time.Second, func(ctx context.Context) error {
			return s.store.addActivity(ctx, o, visitFrom(ctx))
		}},
		{nameWebhook, "Webhook", 5 * time.Second, func(ctx context.Context) error {
			return s.hook.deliver(ctx, o, visitFrom(ctx))
		}},
		{nameRevalidate, "Best-seller cache", 2 * time.Second, func(ctx context.Context) error {
			return s.best.revalidate(ctx)
		}},
	}
}

// afterSignup lists what a sign-up brings about.
func (s *shop) afterSignup(u signup) []task {
	return []task{
		{nameSignup, "Welcome mail", 10 * time.Second, func(ctx context.Context) error {
			return s.mails.send(ctx, welcomeMail(u))
		}},
	}
}

// ask reserves a place of the queue for every task. If it returns an error the
// ticket must not be committed: the tasks that were accepted before then do
// nothing.
func (s *shop) ask(ctx context.Context, t *ticket, tasks []task) error {
	ctx = withTicket(ctx, t)
	for _, w := range tasks {
		callback := func(ctx context.Context) error {
			if !t.committed.Load() {
				s.skip(ctx, w.name)
				return nil
			}
			return s.perform(ctx, t.id, w)
		}
		if err := runner.After(ctx, w.name, callback, runner.Timeout(w.timeout)); err != nil {
			return fmt.Errorf("ask for %s: %w", w.name, err)
		}
	}
	return nil
}

// perform runs the task, unless an injected fault befalls it.
func (s *shop) perform(ctx context.Context, id string, w task) error {
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("shop.id", id))
	if err := s.faults.strike(ctx, w.name); err != nil {
		return err
	}
	if err := w.run(ctx); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "task done", "callback", w.name, "id", id)
	return nil
}

// skip makes it seen that a callback had nothing to do, as its order was
// refused: it counts as a success of the runner, but no mail was sent.
func (s *shop) skip(ctx context.Context, name string) {
	trace.SpanFromContext(ctx).SetAttributes(attribute.Bool("shop.skipped", true))
	s.metrics.skipped.WithLabelValues(name).Inc()
	s.log.DebugContext(ctx, "nothing to do, the request was refused", "callback", name)
}

// visit is what a task may know of the request it belongs to.
type visit struct {
	Session, UserAgent, Language, Referer, Remote string

	Route  string
	Status int           // 0 while the response is not written, as inline
	Took   time.Duration // 0 likewise
}

// visitFrom reads the request from a callback's context or, inline, from the
// one the handler is still busy with.
func visitFrom(ctx context.Context) visit {
	if req, ok := runner.RequestFrom(ctx); ok {
		v := visitOf(req.Header, req.RemoteAddr)
		v.Route, v.Status, v.Took = req.Pattern, req.Status, req.Duration
		return v
	}
	if r, ok := ctx.Value(inlineKey{}).(*http.Request); ok {
		v := visitOf(r.Header, r.RemoteAddr)
		v.Route = r.Pattern
		return v
	}
	return visit{}
}

func visitOf(h http.Header, remote string) visit {
	v := visit{UserAgent: h.Get("User-Agent"), Language: h.Get("Accept-Language"), Referer: h.Get("Referer"), Remote: remote}
	if c, err := (&http.Request{Header: h}).Cookie(sessionCookie); err == nil {
		v.Session = c.Value
	}
	return v
}
