package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// parseTemplates reads the embedded pages.
func parseTemplates() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"ms":    lasted,
		"at":    at,
		"how":   how,
		"clock": func(t time.Time) string { return t.Format("15:04:05.000") },
	}).ParseFS(assets, "templates/*.html")
}

// lasted and at write times as the script does.
func lasted(ms float64) string {
	if ms < 0.05 {
		return "<0.1 ms"
	}
	return fmt.Sprintf("%.*f ms", precision(ms), ms)
}

func at(ms float64) string {
	if math.Abs(ms) < 0.05 {
		return "±0 ms"
	}
	return fmt.Sprintf("%+.*f ms", precision(ms), ms)
}

func precision(ms float64) int {
	if math.Abs(ms) < 10 {
		return 1
	}
	return 0
}

// outcomeWords are the outcomes as people say them; the script has the same.
var outcomeWords = map[string]string{
	runner.OutcomeSuccess.String(): "done", runner.OutcomeError.String(): "failed", runner.OutcomeTimeout.String(): "timed out",
	runner.OutcomePanic.String(): "panicked", runner.OutcomeAbandoned.String(): "given up",
	runner.OutcomeCoalesced.String(): "left to a newer one",
}

// how says how a step has ended, or how it stands.
func how(st step) string {
	if !st.Done {
		if st.Error == "" {
			return st.State
		}
		failure, _, _ := strings.Cut(st.Error, "\n")
		return fmt.Sprintf("%s, as attempt %d failed: %s", st.State, st.Attempt, failure)
	}
	took := fmt.Sprintf("%.*f ms", precision(st.TookMS), st.TookMS)
	if st.TookMS >= 1000 {
		took = fmt.Sprintf("%.1f s", st.TookMS/1000)
	}
	switch st.Outcome {
	case runner.OutcomeTimeout.String():
		return outcomeWords[st.Outcome] + " after " + took
	case runner.OutcomeCoalesced.String(): // it has not run
		return outcomeWords[st.Outcome]
	}
	return cmp.Or(outcomeWords[st.Outcome], st.Outcome) + " in " + took
}

// pageData is what every page may show.
type pageData struct {
	Title    string
	Shop     string // where its pages are, "" on themselves
	Ops      string
	Products []product
	Best     template.HTML
	Max      int
	Order    orderInput // the form's fields
	Error    string     // what is wrong with them
	Signup   signup     // likewise
	NoSignup string     // what is wrong with it
	Notice   string     // of the page as a whole
	Result   *resultData
	Inbox    *inboxData
	Traces   *tracesData
	Apart    bool // with -durable: other processes may do some of it
	HasInbox bool // that of the orders is here: not with -smtp, and not if a worker sends them
}

// resultData is an order that was placed.
type resultData struct {
	ID       string
	Message  string
	Mode     placeMode
	ServerMS float64
	Email    string
	TraceID  string // "" if its trace was not kept
	Mailed   bool
	Steps    []step
	Complete bool
}

type inboxData struct {
	To      string
	Real    string // where mails go instead, "" if they come here
	Mails   []received
	Total   int
	Hook    string // where webhooks go instead
	Notices []notice
	Noticed int
}

func (s *shop) page() pageData {
	return pageData{
		Title: "Afterglow shop", Ops: s.opsURL, Apart: s.queue != nil, HasInbox: s.inbox != nil && s.cfg.role != roleWeb, Products: catalog, Best: s.best.html(), Max: maxQuantity,
		Order: orderInput{Product: catalog[0].ID, Quantity: 1, Mode: string(modeAfter)},
	}
}

// sentence makes one of a message.
func sentence(message string) string {
	return strings.ToUpper(message[:1]) + message[1:] + "."
}

// render writes a page only when all of it could be made.
func (s *shop) render(w http.ResponseWriter, r *http.Request, status int, name string, data pageData) {
	var buf bytes.Buffer
	if err := s.templates.ExecuteTemplate(&buf, name, data); err != nil {
		s.log.ErrorContext(r.Context(), "page failed", "page", name, "error", err)
		http.Error(w, "something went wrong in the shop", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes()) // a client that left needs no answer
}

// getIndex is GET /.
func (s *shop) getIndex(w http.ResponseWriter, r *http.Request) {
	data := s.page()
	switch q := r.URL.Query(); {
	case q.Has("welcome"):
		data.Notice = sentence(signupMessage)
	case q.Has("again"):
		data.Notice = sentence(signupAgain)
	}
	s.render(w, r, http.StatusOK, "index.html", data)
}

// getBestSellers is GET /bestsellers: the cached part of the page, for the
// script to show anew.
func (s *shop) getBestSellers(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(s.best.html())) // a client that left needs no answer
}

// postOrderForm is POST /orders, from a page without script.
func (s *shop) postOrderForm(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	in := s.page().Order
	form, err := readForm(w, r)
	if err == nil {
		in, err = orderFromForm(form)
	}
	var t *ticket
	if err == nil {
		t, err = s.placeOrder(r, in)
	}
	if err != nil { // the form again, filled in, with what is wrong
		status, message := s.explain(w, r, err)
		data := s.page()
		data.Order, data.Error = in, message
		s.render(w, r, status, "index.html", data)
		return
	}
	t.answer(time.Since(start))
	http.Redirect(w, r, "/orders/"+t.id, http.StatusSeeOther)
}

func orderFromForm(form url.Values) (orderInput, error) {
	in := orderInput{Name: form.Get("name"), Email: form.Get("email"), Product: form.Get("product"), Mode: form.Get("mode")}
	var err error
	if in.Quantity, err = strconv.Atoi(form.Get("quantity")); err != nil {
		return in, invalid("quantity: choose 1 to %d", maxQuantity)
	}
	return in, nil
}

// postSignupForm is POST /signup, from a page without script.
func (s *shop) postSignupForm(w http.ResponseWriter, r *http.Request) {
	var u signup
	var isNew bool
	form, err := readForm(w, r)
	if err == nil {
		u.Email = form.Get("email")
		_, isNew, err = s.signUp(r, u)
	}
	switch {
	case err != nil:
		status, message := s.explain(w, r, err)
		data := s.page()
		data.Signup, data.NoSignup = u, message
		s.render(w, r, status, "index.html", data)
	case isNew:
		http.Redirect(w, r, "/?welcome", http.StatusSeeOther)
	default:
		http.Redirect(w, r, "/?again", http.StatusSeeOther)
	}
}

// getOrderPage is GET /orders/{id}, where the form without script leads.
func (s *shop) getOrderPage(w http.ResponseWriter, r *http.Request) {
	o, err := s.store.order(r.Context(), r.PathValue("id"))
	var t *ticket
	if err == nil {
		t, err = s.ticketOf(r.Context(), o)
	}
	data := s.page()
	if err != nil {
		status, message := s.explain(w, r, err)
		data.Notice = sentence(message)
		s.render(w, r, status, "index.html", data)
		return
	}
	data.Title = orderMessage
	data.Result = &resultData{ID: o.ID, Message: orderMessage, Mode: o.Mode, Email: o.Email, Complete: true}
	if t != nil {
		data.Result.ServerMS = t.took()
		data.Result.TraceID = traceIDOf(t.request)
		data.Result.Steps, data.Result.Complete, _ = t.look()
		data.Result.Mailed = slices.ContainsFunc(data.Result.Steps, func(st step) bool {
			return st.Name == nameEmailCustomer && st.Outcome == runner.OutcomeSuccess.String()
		})
	}
	s.render(w, r, http.StatusOK, "order.html", data)
}

// getInbox is GET /inbox: the newest mails and webhooks; ?to= those to one
// address.
func (s *shop) getInbox(w http.ResponseWriter, r *http.Request) {
	data := s.page()
	data.Title = "Inbox"
	in := &inboxData{To: r.URL.Query().Get("to"), Real: s.cfg.smtp, Hook: s.cfg.webhook}
	if s.inbox != nil {
		in.Mails, in.Total = s.inbox.newest(in.To, 50)
	}
	if s.receiver != nil {
		in.Notices, in.Noticed = s.receiver.newest(10)
	}
	data.Inbox = in
	s.render(w, r, http.StatusOK, "inbox.html", data)
}
