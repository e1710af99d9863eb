package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// mailServer is the dependency that gets slow in some scenarios. A fault that the shop
// injects itself is in no span of its own, but what a mail server takes is.
type mailServer struct {
	addr  string
	ctx   context.Context // ends deliveries when the server ends
	slow  atomic.Pointer[slowMails]
	agent *smtp.Server
}

// slowMails are those with a text in them.
type slowMails struct {
	text string
	take time.Duration
}

func startMailServer(t *testing.T) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	m := &mailServer{addr: l.Addr().String(), ctx: ctx}
	m.slow.Store(&slowMails{})
	m.agent = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return mailSession{m}, nil }))
	ended := make(chan error, 1)
	go func() { ended <- m.agent.Serve(l) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, m.agent.Close())
		if err := <-ended; !errors.Is(err, smtp.ErrServerClosed) {
			require.NoError(t, err)
		}
	})
	return m
}

// mailSession takes mails from one client.
type mailSession struct{ server *mailServer }

func (mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (mailSession) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (mailSession) Reset()                               {}
func (mailSession) Logout() error                        { return nil }

func (s mailSession) Data(r io.Reader) error {
	mail, err := io.ReadAll(r)
	slow := s.server.slow.Load()
	if err != nil || slow.take == 0 || !strings.Contains(string(mail), slow.text) {
		return err
	}
	timer := time.NewTimer(slow.take)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.server.ctx.Done():
	}
	return nil
}

// The texts by which mails are told apart.
const (
	welcomeMails = "Welcome to the Afterglow shop" // of signup.email
	orderMails   = "Subject: Your order"           // of order.email.customer
)
