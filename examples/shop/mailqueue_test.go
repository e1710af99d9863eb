package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// onEachDatabase runs a test on SQLite and on Postgres, with the DSN of an empty database.
func onEachDatabase(t *testing.T, test func(t *testing.T, dsn string)) {
	for name, dsn := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return sqlite.Scheme + filepath.Join(t.TempDir(), "shop.db") },
		"postgres": pgtest.DSN,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, dsn(t))
		})
	}
}

// openShop opens a shop that serves nothing, with these flags.
func openShop(t *testing.T, flags ...string) *shop {
	t.Helper()
	cfg, err := parseConfig((&testShop{}).somewhere(flags), io.Discard)
	require.NoError(t, err)
	s, err := open(t.Context(), cfg, io.Discard, new(output))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.close()) })
	return s
}

// number returns the number that a query of the shop's database yields.
func (s *shop) number(t *testing.T, query string) (n int) {
	t.Helper()
	require.NoError(t, s.store.read.QueryRowContext(t.Context(), query).Scan(&n), query)
	return n
}

func adas(t *testing.T) *order {
	t.Helper()
	o, err := decode[orderInput](t, adasOrder).order()
	require.NoError(t, err)
	return o
}

func TestAnOrderAndTheTaskOfItsMailExistBothOrNeither(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, dsn string) {
		s := openShop(t, "-role", "web", "-durable", dsn)
		counts := func() [3]int {
			return [3]int{
				s.number(t, `SELECT count(*) FROM orders`), s.number(t, `SELECT count(*) FROM mails`),
				s.number(t, `SELECT count(*) FROM river_job WHERE kind = 'order.email.customer'`),
			}
		}
		errTooLate := errors.New("something else fails after the task was written")
		lost := adas(t)
		err := s.store.addOrder(t.Context(), lost, func(ctx context.Context, tx *sql.Tx) (int64, error) {
			_, err := s.enqueueMail(ctx, lost)(ctx, tx)
			return 0, errors.Join(err, errTooLate)
		})
		require.Equal(t, errTooLate.Error(), err.Error())
		require.Equal(t, [3]int{}, counts(), "rolled back")

		kept := adas(t)
		require.NoError(t, s.store.addOrder(t.Context(), kept, s.enqueueMail(t.Context(), kept)))
		require.Equal(t, [3]int{1, 1, 1}, counts(), "committed")
	})
}

func TestAMailIsSentOnceHoweverOftenItsTaskRuns(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, dsn string) {
		server := startMailServer(t)
		s := openShop(t, "-role", "web", "-durable", dsn, "-smtp", server.addr())
		o := adas(t)
		require.NoError(t, s.store.addOrder(t.Context(), o, s.enqueueMail(t.Context(), o)))
		for range 3 {
			require.NoError(t, s.mailOrder(t.Context(), mailTask{Order: o.ID}))
		}
		require.Equal(t, []string{o.ID}, server.ids())

		err := s.store.addOrder(t.Context(), o, s.enqueueMail(t.Context(), o))
		require.Error(t, err, "the order is there")
		added, err := s.queue.task.Enqueue(t.Context(), s.queue, mailTask{Order: o.ID}, durable.Unique(o.ID))
		require.NoError(t, err)
		require.True(t, added.Duplicate, "one task for each order")
	})
}

func TestTheMailOfAShopThatIsKilledAfterItsAnswerIsSentByAWorker(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, dsn string) {
		server := startMailServer(t)
		web, cmd := startProgram(t, "-role", "web", "-durable", dsn, "-smtp", server.addr())
		got := web.order()
		require.NoError(t, cmd.Process.Kill())
		web.exit(cmd)
		require.Empty(t, server.ids())

		worker := startShop(t, "-role", "worker", "-durable", dsn, "-smtp", server.addr())
		require.Eventually(t, func() bool { return len(server.ids()) > 0 }, patience, 10*time.Millisecond)
		require.NoError(t, worker.stop(), "by which all that it runs has ended")
		require.Equal(t, []string{got.ID}, server.ids())

		again := startShop(t, "-role", "web", "-durable", dsn, "-smtp", server.addr())
		state := again.state(got.ID)
		require.True(t, state.Forgotten, "what was in memory is lost")
		require.Len(t, state.After, 1)
		require.Equal(t, "success", state.After[0].Outcome, "what became of the mail is in the database")
		require.True(t, state.Complete)
		require.Contains(t, again.get(again.url+"/orders/"+got.ID).body, "Confirmation mail, durable")
	})
}

// longerThanDead is more than the thirty seconds within which the tasks of a dead worker run again.
const longerThanDead = 45 * time.Second

func TestTheMailOfAWorkerThatIsKilledInTheMiddleIsSentByAnother(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, dsn string) {
		first, second := startMailServer(t), startMailServer(t)
		first.holds = make(chan struct{}) // mails that it has begun to take
		web := startShop(t, "-role", "web", "-durable", dsn)
		worker, cmd := startProgram(t, "-role", "worker", "-durable", dsn, "-smtp", first.addr())
		got := web.order()
		select {
		case first.holds <- struct{}{}:
		case <-time.After(patience):
			require.Fail(t, "the worker sends no mail")
		}
		require.Equal(t, "running", web.mailStep(got.ID).State)
		require.NoError(t, cmd.Process.Kill())
		worker.exit(cmd)

		startShop(t, "-role", "worker", "-durable", dsn, "-smtp", second.addr())
		require.Eventually(t, func() bool { return web.mailStep(got.ID).Done }, longerThanDead, 50*time.Millisecond)
		require.Equal(t, "success", web.mailStep(got.ID).Outcome)
		require.Equal(t, 2, web.mailStep(got.ID).Attempt)
		require.Equal(t, []string{got.ID}, second.ids())
		require.Empty(t, first.ids())
	})
}

func TestTheOrderTellsWhatBecomesOfItsDurableMail(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, dsn string) {
		web := startShop(t, "-role", "web", "-durable", dsn)
		got := web.order()
		require.Eventually(t, func() bool {
			left := 0
			for _, st := range web.state(got.ID).After {
				if !st.Done {
					left++
				}
			}
			return left == 1
		}, patience, 10*time.Millisecond)
		require.Equal(t, "waiting", web.mailStep(got.ID).State, "no worker is there")

		worker := startShop(t, "-role", "worker", "-durable", dsn, "-smtp-delay", "0s", "-faults", "order.email.customer=error:1")
		require.Eventually(t, func() bool { return web.mailStep(got.ID).Error != "" }, patience, 10*time.Millisecond)
		require.Contains(t, web.mailStep(got.ID).Error, "injected fault")
		require.False(t, web.mailStep(got.ID).Done, "another attempt follows")
		require.Contains(t, web.get(web.url+"/orders/"+got.ID).body, "failed: injected fault")

		require.Equal(t, http.StatusOK, worker.do(worker.request(http.MethodPut, worker.ops+"/faults", "")).status)
		state := web.complete(got.ID)
		require.Len(t, state.After, 6)
		require.Empty(t, web.mailStep(got.ID).Error)
		require.Contains(t, worker.get(worker.ops+"/inbox?to=ada@example.org").body, got.ID, "the mail came to the worker's own inbox")
		require.Contains(t, worker.get(worker.ops+"/inbox").body, got.TraceID, "and leads to the request's trace")
	})
}

func TestAWorkerHasNoPagesAndTelemetryOfItsOwn(t *testing.T) {
	dsn := sqlite.Scheme + filepath.Join(t.TempDir(), "shop.db")
	worker := startShop(t, "-role", "worker", "-durable", dsn, "-smtp-delay", "0s")
	require.Empty(t, worker.url)
	require.Equal(t, "ready\n", worker.get(worker.ops+"/readyz").body)
	web := startShop(t, "-role", "web", "-durable", dsn)
	web.complete(web.order().ID)
	require.Equal(t, 1, worker.metrics().count("afterglow_callbacks_total", "callback", nameEmailCustomer, "outcome", "success"))
	require.Zero(t, web.metrics().count("afterglow_callbacks_total", "callback", nameEmailCustomer, "outcome", "success"))
	require.Equal(t, 1, web.metrics().count("afterglow_asked_total", "callback", nameEmailCustomer))
	require.Contains(t, worker.get(worker.ops+"/traces?name=process+"+nameEmailCustomer).body, `"consumer"`)
	for _, s := range []*testShop{web, worker} {
		require.Contains(t, s.stdout.String(), s.ops+consolePath)
		require.Contains(t, s.get(s.ops+consolePath+"durable").body, "mails")
	}
	require.NoError(t, worker.stop())
	require.Contains(t, worker.stdout.String(), "Closing: no more tasks")
}

func TestOneProcessTakesOrdersAndSendsTheirMails(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, dsn string) {
		s := startShop(t, "-durable", dsn, "-smtp-delay", "0s")
		for _, mode := range []string{"after", "inline"} {
			got := decode[placed](t, s.post("/api/orders?mode="+mode, adasOrder).body)
			for _, st := range s.complete(got.ID).After {
				require.Equal(t, "success", st.Outcome, st.Name)
				require.Equal(t, mode == "after" && st.Name == nameEmailCustomer, st.Durable, st.Name)
			}
		}
		require.NoError(t, s.stop())
		require.Contains(t, s.stdout.String(), "runner durable drained in")
	})
}

// state returns what the shop says of an order.
func (s *testShop) state(id string) orderState {
	s.t.Helper()
	return decode[orderState](s.t, s.get(s.url+"/api/orders/"+id).body)
}

// mailStep returns what the shop says of the mail of an order.
func (s *testShop) mailStep(id string) (mail step) {
	s.t.Helper()
	for _, st := range s.state(id).After {
		if st.Name == nameEmailCustomer {
			mail = st
		}
	}
	return mail
}

// mailServer takes mails, outside the processes that a test kills.
type mailServer struct {
	listener net.Listener
	holds    chan struct{} // nil: mails are taken; otherwise they are held, and sent back at the end
	ends     chan struct{}

	mu   sync.Mutex
	sent []string // guarded by mu: the Message-ID of each mail to Ada
}

func startMailServer(t *testing.T) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m := &mailServer{listener: l, ends: make(chan struct{})}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{server: m}, nil }))
	server.ErrorLog = log.New(io.Discard, "", 0)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // until it is closed
	}()
	t.Cleanup(func() {
		close(m.ends)
		require.NoError(t, server.Close())
		<-served
	})
	return m
}

func (m *mailServer) addr() string { return m.listener.Addr().String() }

// ids returns the orders whose mails to Ada have come.
func (m *mailServer) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var orders []string
	for _, id := range m.sent {
		orders = append(orders, strings.TrimSuffix(strings.Trim(id, "<>"), "@shop.example"))
	}
	return orders
}

type mailSession struct {
	server *mailServer
	to     string
}

func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *mailSession) Reset()                               {}
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil || s.to != "ada@example.org" {
		return err
	}
	if s.server.holds != nil {
		select {
		case <-s.server.holds:
		case <-s.server.ends:
		}
		<-s.server.ends
		return errors.New("the test is over")
	}
	id := ""
	for line := range strings.Lines(string(raw)) {
		if value, found := strings.CutPrefix(line, "Message-ID: "); found {
			id = strings.TrimSpace(value)
		}
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.sent = append(s.server.sent, id)
	return nil
}
