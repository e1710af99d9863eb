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
	nameWatched       = "order.watched"
)

var callbackNames = []string{
	nameEmailCustomer, nameEmailAdmin, nameAnalytics, nameActivity, nameWebhook, nameRevalidate, nameSignup, nameWatched,
}

// job is one thing to do after an answer. Its function knows nothing of
// where it runs: after the response, or inline before it.
type job struct {
	name    string
	label   string // for people
	timeout time.Duration
	run     func(context.Context) error
	options []runner.Option // after the response only
	way     way
}

// way is how a job is asked for.
type way int

const (
	wayTogether way = iota // with the others of its order: all or none
	wayApart               // by itself: the order is placed even if this is rejected
	wayDurable             // as a task that is written with the order, and done wherever a worker is
)

const mailTimeout = 10 * time.Second

// afterOrder lists what an order brings about.
func (s *shop) afterOrder(o *order) []job {
	return []job{
		{nameEmailCustomer, "Confirmation mail", mailTimeout, func(ctx context.Context) error {
			return s.mails.send(ctx, customerMail(o))
		}, nil, s.wayOfMail(o)},
		{nameEmailAdmin, "Mail to the admin", mailTimeout, func(ctx context.Context) error {
			return s.mails.send(ctx, adminMail(s.cfg.admin, o, visitFrom(ctx)))
		}, nil, wayTogether},
		{nameAnalytics, "Analytics event", 5 * time.Second, func(ctx context.Context) error {
			return s.store.addAnalytics(ctx, "order", o, visitFrom(ctx))
		}, nil, wayTogether},
		{nameActivity, "Activity log line", 5 * time.Second, func(ctx context.Context) error {
			return s.store.addActivity(ctx, o, visitFrom(ctx))
		}, nil, wayTogether},
		{nameWebhook, "Webhook", 5 * time.Second, func(ctx context.Context) error {
			return s.hook.deliver(ctx, o, visitFrom(ctx))
		}, []runner.Option{runner.Retry(s.cfg.attempts)}, wayApart},
		{nameRevalidate, "Best-seller cache", 2 * time.Second, func(ctx context.Context) error {
			return s.best.revalidate(ctx)
		}, []runner.Option{runner.Coalesce("best-sellers")}, wayTogether},
	}
}

// afterSignup lists what a sign-up brings about.
func (s *shop) afterSignup(u signup) []job {
	return []job{
		{nameSignup, "Welcome mail", mailTimeout, func(ctx context.Context) error {
			return s.mails.send(ctx, welcomeMail(u))
		}, nil, wayTogether},
	}
}

// writeTimeout bounds how long a request waits for SQLite's one writer.
const writeTimeout = 5 * time.Second

// place writes an order or a sign-up and has its jobs done. After an error
// nothing of it is written and none of them does anything.
func (s *shop) place(r *http.Request, id string, mode placeMode, jobs []job, write func(context.Context) error) (*ticket, error) {
	t := newTicket(id, mode, jobs)
	t.request = trace.SpanContextFromContext(r.Context())
	if mode == modeAfter {
		if err := s.ask(r.Context(), t, jobs); err != nil {
			return nil, err
		}
	}
	if err := s.commit(r.Context(), t, write); err != nil {
		return nil, err
	}
	if mode == modeInline {
		s.inline(r, t, jobs)
	}
	return t, nil
}

// ask reserves places for every job that belongs to the order and is not durable, or for none. If it
// returns an error the ticket must not be committed. Then it asks for those that are
// apart, each by itself. A partner's server that is down for long fills the places that
// its own callbacks may take to wait for another attempt. Asked for with the others,
// its webhook would have every order rejected.
func (s *shop) ask(ctx context.Context, t *ticket, jobs []job) error {
	ctx = withTicket(ctx, t)
	committed := runner.When(func(runner.Request) bool { return t.committed.Load() })
	which := runner.Ref(t.id) // so that records and the end's report say whose mail was lost
	var together, apart []runner.Call
	for _, j := range jobs {
		if j.way == wayDurable {
			continue
		}
		callback := func(ctx context.Context) error {
			if err := s.perform(ctx, t.id, j); err != nil {
				return err // the telemetry logs it
			}
			s.log.InfoContext(ctx, "callback done", "callback", j.name, "id", t.id)
			return nil
		}
		// All jobs are asked for here. Spans and records name the function that differs.
		options := append([]runner.Option{committed, which, runner.Timeout(j.timeout), runner.Wraps(j.run)}, j.options...)
		call := runner.Call{Name: j.name, Func: callback, Options: options}
		if j.way == wayApart {
			apart = append(apart, call)
		} else {
			together = append(together, call)
		}
	}
	if err := runner.AfterAll(ctx, together...); err != nil {
		return fmt.Errorf("ask for what follows: %w", err)
	}
	for _, call := range apart {
		if err := runner.After(ctx, call.Name, call.Func, call.Options...); err != nil { // the telemetry logs it
			t.finished(call.Name, runner.OutcomeRejected, err, time.Time{}, time.Now(), 0)
		}
	}
	return nil
}

// commit writes and, if that worked, lets the ticket's jobs do their work. A
// client that leaves in the middle does not undo what it asked for.
func (s *shop) commit(ctx context.Context, t *ticket, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := write(ctx); err != nil {
		return err
	}
	t.committed.Store(true)
	s.tickets.add(t)
	return nil
}

// perform does the job, unless an injected fault befalls it.
func (s *shop) perform(ctx context.Context, id string, j job) error {
	trace.SpanFromContext(ctx).SetAttributes(attribute.String("shop.id", id))
	if err := s.faults.strike(ctx, j.name); err != nil {
		return err
	}
	return j.run(ctx)
}

// visit is what a job may know of the request it belongs to.
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
