package console

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// postRetry has dead letters run again: those of a group, or one task.
func (c *Console) postRetry(w http.ResponseWriter, r *http.Request) {
	if !c.cfg.Actions {
		fail(w, http.StatusForbidden, "actions are off (Config.Actions)")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		fail(w, http.StatusBadRequest, "the form cannot be read")
		return
	}
	d := c.durableOf(r.PostForm.Get("queue"))
	group, task := r.PostForm.Get("group"), r.PostForm.Get("task")
	switch {
	case d == nil || d.Retry == nil:
		fail(w, http.StatusNotFound, "there is no such queue, or it cannot retry")
		return
	case (group == "") == (task == "") || len(group) > maxQuery || len(task) > maxQuery:
		fail(w, http.StatusBadRequest, "say either a group or a task")
		return
	}
	a := Action{At: time.Now(), Name: "retry", Queue: d.Name, Group: group, Task: task, RemoteAddr: r.RemoteAddr}
	a.Err = d.call(context.WithoutCancel(r.Context()), func(ctx context.Context) (err error) {
		a.Changed, a.More, err = d.Retry(ctx, group, task)
		return err
	})
	c.audit(r.Context(), a)
	d.forget()
	if a.Err != nil {
		fail(w, http.StatusBadGateway, "it was not done: "+said(a.Err))
		return
	}
	done := []string{"queue", d.Name, "retried", strconv.Itoa(a.Changed)}
	if a.More {
		done = append(done, "more", "1")
	}
	w.Header().Set("Location", page("durable", done...))
	w.WriteHeader(http.StatusSeeOther)
}

// audit tells of an action that was tried.
func (c *Console) audit(ctx context.Context, a Action) {
	if c.cfg.OnAction != nil {
		c.cfg.OnAction(ctx, a)
		return
	}
	slog.InfoContext(ctx, "afterglow: console action", "action", a.Name, "queue", a.Queue, "group", a.Group, "task", a.Task,
		"changed", a.Changed, "more", a.More, "error", said(a.Err), "remote", a.RemoteAddr)
}
