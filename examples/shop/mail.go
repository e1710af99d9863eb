package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

const shopAddress = "shop@shop.example"

// traceIDHeader leads from a mail to the request that it was sent for.
const traceIDHeader = "X-Trace-Id"

// letter is a mail to be sent.
type letter struct {
	toName, to string
	subject    string
	body       string
	id         string // the same each time the letter is sent; "": a new one
	traceID    string // of the request it is sent for; "": that of the ticket in the context
}

func customerMail(o *order) letter {
	return letter{
		toName: o.Name, to: o.Email,
		subject: "Your order: " + o.Product.Name,
		body: fmt.Sprintf("Dear %s,\n\nthank you for your order %s:\n\n  %d x %s, %s in all\n\nIt leaves our workshop tomorrow.\n\nYours,\nthe Afterglow shop\n",
			o.Name, o.ID, o.Quantity, o.Product.Name, o.Total),
	}
}

func adminMail(admin string, o *order, v visit) letter {
	answered := "not answered yet"
	if v.Status != 0 {
		answered = fmt.Sprintf("answered with status %d in %v", v.Status, v.Took)
	}
	return letter{
		toName: "Shop admin", to: admin,
		subject: fmt.Sprintf("New order: %d x %s", o.Quantity, o.Product.Name),
		body: fmt.Sprintf("Order %s\n\n  %d x %s, %s in all\n  for %s <%s>\n\nAsked for with %s\nfrom %s, %s\n",
			o.ID, o.Quantity, o.Product.Name, o.Total, o.Name, o.Email, v.UserAgent, v.Remote, answered),
	}
}

func welcomeMail(u signup) letter {
	dear := u.Name
	if dear == "" {
		dear = "friend of slow light"
	}
	return letter{
		toName: u.Name, to: u.Email,
		subject: "Welcome to the Afterglow shop",
		body:    fmt.Sprintf("Dear %s,\n\nyou will hear from us when something new glows.\n\nYours,\nthe Afterglow shop\n", dear),
	}
}

// mailer sends mails to one SMTP server.
type mailer struct {
	host   string
	port   int
	tracer trace.Tracer
}

func newMailer(hostport string, tracer trace.Tracer) (*mailer, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("port %q is no number", port)
	}
	return &mailer{host: host, port: n, tracer: tracer}, nil
}

// send delivers the letter before ctx ends.
func (m *mailer) send(ctx context.Context, l letter) error {
	return inSpan(ctx, m.tracer, "SMTP send", func(ctx context.Context) error { return m.deliver(ctx, l) },
		semconv.ServerAddress(m.host), semconv.ServerPort(m.port), semconv.NetworkProtocolName("smtp"))
}

// deliver sends the letter over a connection of its own.
func (m *mailer) deliver(ctx context.Context, l letter) error {
	msg := mail.NewMsg()
	if err := msg.FromFormat("Afterglow shop", shopAddress); err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	to := netmail.Address{Name: l.toName, Address: l.to} // its String escapes what a name may have
	if err := msg.AddTo(to.String()); err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	msg.Subject(l.subject)
	msg.SetDate()
	if l.id != "" {
		msg.SetMessageIDWithValue(l.id)
	} else {
		msg.SetMessageID()
	}
	if id := cmp.Or(l.traceID, traceIDOf(requestOf(ctx))); id != "" {
		msg.SetGenHeader(traceIDHeader, id)
	}
	msg.SetBodyString(mail.TypeTextPlain, strings.ReplaceAll(l.body, "\n", "\r\n"))

	// The client watches ctx while it dials only; a server that stops
	// answering later is cut off by closing the connection under it.
	stop := func() bool { return true }
	dial := func(dialCtx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(dialCtx, network, addr)
		if err == nil {
			stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
		}
		return conn, err
	}
	client, err := mail.NewClient(m.host, mail.WithPort(m.port), mail.WithHELO("shop.example"),
		mail.WithTLSPolicy(mail.TLSOpportunistic), mail.WithoutNoop(), mail.WithDialContextFunc(dial))
	if err != nil {
		return fmt.Errorf("send mail: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	stop()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("send mail: %w", context.Cause(ctx))
	default:
		return fmt.Errorf("send mail: %w", err)
	}
}
