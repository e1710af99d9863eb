package tests

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

// tasks is a durable queue in memory.
type tasks struct {
	mu      sync.Mutex
	dead    int      // guarded by mu
	reads   int      // guarded by mu
	retried []string // guarded by mu
}

func newTasks(n int) *tasks {
	return &tasks{dead: n}
}

const deadError = "no such template: " + script

func letter(i int) console.DeadLetter {
	return console.DeadLetter{
		ID: fmt.Sprint(i), Name: "order.receipt", Queue: "default", Ref: fmt.Sprintf("order %d", i), Attempts: 10,
		Enqueued: time.Now(), Ended: time.Now(), Error: deadError, Stack: "main.receipt\n\t/src/receipt.go:88",
	}
}

func (q *tasks) durable() console.Durable {
	return console.Durable{
		Name: "tasks",
		Queues: func(context.Context) ([]console.DurableQueue, error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.reads++
			return []console.DurableQueue{{Name: "default", States: []console.DurableState{
				{State: "due", Count: 3, Age: 2 * time.Minute}, {State: "dead", Count: min(q.dead, 100_000), More: q.dead > 100_000},
			}}}, nil
		},
		Groups: func(context.Context) (console.DeadGroups, error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			if q.dead == 0 {
				return console.DeadGroups{}, nil
			}
			return console.DeadGroups{Looked: min(q.dead, 10_000), More: q.dead > 10_000, Groups: []console.DeadGroup{
				{ID: "g1", Name: "order.receipt", Error: deadError, Count: min(q.dead, 10_000), First: time.Now(), Last: time.Now()},
			}}, nil
		},
		Letters: func(_ context.Context, group, after string, limit int) (console.DeadLetters, error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			from := 0
			_, _ = fmt.Sscan(after, &from)
			if group != "g1" || from > q.dead {
				return console.DeadLetters{}, errors.New("no such group")
			}
			to := min(from+limit, q.dead)
			page := console.DeadLetters{}
			for i := from; i < to; i++ {
				page.Tasks = append(page.Tasks, letter(i))
			}
			if to < q.dead {
				page.Next = fmt.Sprint(to)
			}
			return page, nil
		},
		Retry: func(_ context.Context, group, task string) (int, bool, error) {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.retried = append(q.retried, group+"|"+task)
			n := min(q.dead, 1000)
			q.dead -= n
			return n, q.dead > 0, nil
		},
	}
}

func post(h http.Handler, target string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func TestDurableQueuesShowDepthAgeAndDeadLetters(t *testing.T) {
	c := newConsole(t, console.Config{Durable: []console.Durable{newTasks(60).durable()}})
	page := get(t, c, "/durable")
	for _, want := range []string{"tasks", "the oldest for 2 min", "60", "order.receipt", "no such template: &lt;script&gt;", "Actions are off"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "<button type=\"submit\">Retry")
	o := look(t, c)
	v, ok := o.of("60 dead letters of tasks")
	require.True(t, ok)
	require.Contains(t, get(t, c, "/"+v.Link), "receipt.go:88", "from the first page to the line: one click")
	_, ok = o.of("has been due for 2 min")
	require.True(t, ok)

	type letters struct {
		Tasks []struct{ ID string }
		Next  string
	}
	first := getJSON[letters](t, c, "/letters.json?queue=tasks&group=g1")
	require.Len(t, first.Tasks, 25)
	second := getJSON[letters](t, c, "/letters.json?queue=tasks&group=g1&after="+first.Next)
	require.Equal(t, "25", second.Tasks[0].ID)
	third := getJSON[letters](t, c, "/letters.json?queue=tasks&group=g1&after="+second.Next)
	require.Len(t, third.Tasks, 10)
	require.Empty(t, third.Next)
	require.Contains(t, get(t, c, "/letters?queue=tasks&group=other"), "no such group")
}

func TestPagesAnswerInASecondWithAMillionDeadLetters(t *testing.T) {
	c := newConsole(t, console.Config{Durable: []console.Durable{newTasks(1_000_000).durable()}})
	for _, target := range []string{"/", "/durable", "/durable.txt", "/durable.json", "/letters?queue=tasks&group=g1", "/letters?queue=tasks&group=g1&after=999990"} {
		start := time.Now()
		get(t, c, target)
		require.Less(t, time.Since(start), time.Second, target)
	}
}

func TestAStoreThatHangsHoldsUpNoPage(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	d := newTasks(1).durable()
	hang := func() { <-release }
	d.Queues = func(context.Context) ([]console.DurableQueue, error) { hang(); return nil, nil }
	d.Letters = func(context.Context, string, string, int) (console.DeadLetters, error) {
		hang()
		return console.DeadLetters{}, nil
	}
	c := newConsole(t, console.Config{Durable: []console.Durable{d}})
	for _, target := range []string{"/", "/durable", "/letters?queue=tasks&group=g1"} {
		start := time.Now()
		get(t, c, target)
		require.Less(t, time.Since(start), 2*time.Second, target)
	}
}

func TestAStoreThatFailsOrPanicsCostsItsPart(t *testing.T) {
	for name, queues := range map[string]func(context.Context) ([]console.DurableQueue, error){
		"fails": func(context.Context) ([]console.DurableQueue, error) {
			return nil, errors.New("database is locked " + script)
		},
		"panics": func(context.Context) ([]console.DurableQueue, error) { panic("database is locked " + script) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newTasks(1).durable()
			d.Queues = queues
			c := newConsole(t, console.Config{Durable: []console.Durable{d}})
			newRunner(t, c, runner.Config{})
			page := get(t, c, "/durable")
			require.Contains(t, page, "database is locked &lt;script&gt;")
			_, ok := look(t, c).of("tasks cannot be read")
			require.True(t, ok)
		})
	}
}

func TestTheStoreIsReadAtMostOnceInTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTasks(1)
		c := newConsole(t, console.Config{Durable: []console.Durable{q.durable()}})
		time.Sleep(time.Minute)
		require.Zero(t, q.reads, "nobody looks")
		for range 100 {
			get(t, c, "/durable")
			time.Sleep(100 * time.Millisecond)
		}
		require.InDelta(t, 5, q.reads, 1)
	})
}

var group1 = url.Values{"queue": {"tasks"}, "group": {"g1"}}

func TestActionsAreRefusedWhileTheyAreOff(t *testing.T) {
	q := newTasks(5)
	var audited []console.Action
	c := newConsole(t, console.Config{Durable: []console.Durable{q.durable()}, OnAction: func(_ context.Context, a console.Action) { audited = append(audited, a) }})
	w := post(c, "/retry", group1)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.Contains(t, w.Body.String(), "Config.Actions")
	require.Empty(t, q.retried)
	require.Empty(t, audited)
}

func TestActionsFromAnotherSiteAreRefused(t *testing.T) {
	for _, actions := range []bool{false, true} {
		q := newTasks(5)
		c := newConsole(t, console.Config{Actions: actions, Durable: []console.Durable{q.durable()}})
		for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
			w := post(c, "/retry", group1, headers...)
			require.Equal(t, http.StatusForbidden, w.Code, headers)
			require.Contains(t, w.Body.String(), "another site")
		}
		require.Empty(t, q.retried)
	}
}

type userKey struct{}

func TestActionsAreDoneAndAudited(t *testing.T) {
	q := newTasks(2500)
	var audited []console.Action
	var users []any
	c := newConsole(t, console.Config{Actions: true, Durable: []console.Durable{q.durable()}, OnAction: func(ctx context.Context, a console.Action) {
		audited = append(audited, a)
		users = append(users, ctx.Value(userKey{}))
	}})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, "ada")))
	})
	require.Contains(t, get(t, c, "/durable"), "<button type=\"submit\">Retry")
	w := post(h, "/retry", group1, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
	require.Equal(t, "durable?more=1&queue=tasks&retried=1000", w.Header().Get("Location"), "relative")
	require.Contains(t, get(t, c, "/"+w.Header().Get("Location")), "1,000 dead letters will run again. There are more: retry once more.")
	w = post(h, "/retry", url.Values{"queue": {"tasks"}, "task": {"7"}})
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, []string{"g1|", "|7"}, q.retried)
	require.Equal(t, []any{"ada", "ada"}, users)
	require.Equal(t, "retry", audited[0].Name)
	require.Equal(t, "tasks", audited[0].Queue)
	require.Equal(t, "g1", audited[0].Group)
	require.Equal(t, 1000, audited[0].Changed)
	require.True(t, audited[0].More)
	require.Equal(t, "7", audited[1].Task)
	require.NotEmpty(t, audited[1].RemoteAddr)
	require.Contains(t, get(t, c, "/durable"), "500", "the page shows it at once")
}

func TestActionsThatMakeNoSense(t *testing.T) {
	q := newTasks(1)
	d := q.durable()
	c := newConsole(t, console.Config{Actions: true, Durable: []console.Durable{d, {Name: "fixed", Queues: d.Queues}}})
	for form, want := range map[string]int{
		"":                           http.StatusNotFound,
		"queue=no&group=g1":          http.StatusNotFound,
		"queue=fixed&group=g1":       http.StatusNotFound,
		"queue=tasks":                http.StatusBadRequest,
		"queue=tasks&group=a&task=b": http.StatusBadRequest,
		"queue=tasks&group=" + strings.Repeat("a", 1000):    http.StatusBadRequest,
		"queue=tasks&group=" + strings.Repeat("a", 100_000): http.StatusBadRequest,
	} {
		values, err := url.ParseQuery(form)
		require.NoError(t, err)
		require.Equal(t, want, post(c, "/retry", values).Code, form[:min(len(form), 40)])
	}
	require.Equal(t, http.StatusNotFound, post(c, "/retry?queue=tasks&group=g1", nil).Code, "what is in the address does not count")
	require.Empty(t, q.retried)
}

func TestAnActionThatFailsIsAuditedToo(t *testing.T) {
	d := newTasks(1).durable()
	d.Retry = func(context.Context, string, string) (int, bool, error) { panic("boom") }
	var audited []console.Action
	c := newConsole(t, console.Config{Actions: true, Durable: []console.Durable{d}, OnAction: func(_ context.Context, a console.Action) { audited = append(audited, a) }})
	w := post(c, "/retry", group1)
	require.Equal(t, http.StatusBadGateway, w.Code)
	require.Len(t, audited, 1)
	require.ErrorContains(t, audited[0].Err, "boom")
}
