package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// maxMails bounds the mails kept, about 2 KB each.
const maxMails = 4000

// received is a mail that arrived.
type received struct {
	At      time.Time
	From    string
	To      string
	Name    string // of whom it is to, as the mail's head says; "" if it does not
	Subject string
	Body    string
	TraceID string // of the request it was sent for; "" if the mail's head says none
}

// inbox is the SMTP server in the process and the mails it took in.
type inbox struct {
	server   *smtp.Server
	listener net.Listener
	ctx      context.Context // ends deliveries when the inbox closes
	cancel   context.CancelFunc
	delay    time.Duration

	mu    sync.Mutex
	mails []received // guarded by mu: oldest first
	total int        // guarded by mu
}

// openInbox listens on a free port of the loopback interface.
func openInbox(delay time.Duration, errorLog *log.Logger) (*inbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &inbox{listener: l, delay: delay}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &delivery{inbox: b}, nil
	}))
	b.server.Domain = "shop.example"
	b.server.MaxMessageBytes = 1 << 20
	b.server.MaxRecipients = 10
	b.server.ReadTimeout = time.Minute
	b.server.WriteTimeout = time.Minute
	b.server.ErrorLog = errorLog
	return b, nil
}

func (b *inbox) addr() string { return b.listener.Addr().String() }

func (b *inbox) serve() error { return b.server.Serve(b.listener) }

func (b *inbox) close() error {
	b.cancel()
	return errors.Join(b.server.Close(), ignoreClosed(b.listener.Close()))
}

// newest returns up to limit mails, newest first, of those to the address (if
// not empty), and how many ever arrived.
func (b *inbox) newest(to string, limit int) (mails []received, total int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.mails) - 1; i >= 0 && len(mails) < limit; i-- {
		if to == "" || strings.EqualFold(b.mails[i].To, to) {
			mails = append(mails, b.mails[i])
		}
	}
	return mails, b.total
}

func (b *inbox) add(m received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total++
	if len(b.mails) == maxMails {
		b.mails = append(b.mails[:0], b.mails[maxMails/10:]...) // a tenth at once, so that it is rare
	}
	b.mails = append(b.mails, m)
}

// delivery is one SMTP session.
type delivery struct {
	inbox    *inbox
	from, to string
}

func (d *delivery) Mail(from string, _ *smtp.MailOptions) error { d.from = from; return nil }
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error   { d.to = to; return nil }
func (d *delivery) Reset()                                      { d.from, d.to = "", "" }
func (d *delivery) Logout() error                               { return nil }

// Data takes in one mail, in the time that a server on the internet would need.
func (d *delivery) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := parseMail(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	if err := wait(d.inbox.ctx, d.inbox.delay); err != nil {
		return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "the server is closing"}
	}
	m.At, m.From, m.To = time.Now(), d.from, d.to
	d.inbox.add(m)
	return nil
}

// parseMail reads a mail of one text part.
func parseMail(raw []byte) (received, error) {
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return received{}, fmt.Errorf("unreadable mail: %w", err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil {
		subject = msg.Header.Get("Subject")
	}
	body := msg.Body
	switch strings.ToLower(msg.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return received{}, fmt.Errorf("unreadable mail: %w", err)
	}
	to, err := msg.Header.AddressList("To")
	if err != nil {
		return received{}, fmt.Errorf("unreadable mail: To: %w", err)
	}
	return received{
		Name:    to[0].Name,
		Subject: subject,
		Body:    strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")),
		TraceID: msg.Header.Get(traceIDHeader),
	}, nil
}
