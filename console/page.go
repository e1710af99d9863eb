package console

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Head is what every page has.
type Head struct {
	Title    string    `json:"title"`
	Page     string    `json:"page"`
	Now      time.Time `json:"now"`             // when the page was made
	At       time.Time `json:"at,omitzero"`     // when its figures were taken; zero: there are none
	Age      Seconds   `json:"age_seconds"`     // of the figures
	Stale    bool      `json:"stale"`           // they are older than three seconds
	Level    Level     `json:"level"`           // of the worst verdict
	Headline string    `json:"headline"`        // the verdict in a sentence
	Several  bool      `json:"several_runners"` // there is more than one
	Query    query     `json:"filter,omitzero"` // what the page was asked for

	console  *Console
	verdicts []Verdict
	runners  []string
	names    []string // of callbacks
}

// query is what a page is asked for: the filter in its address.
type query struct {
	Runner   string `json:"runner,omitempty"`
	Callback string `json:"callback,omitempty"`
	Outcome  string `json:"outcome,omitempty"`
	State    string `json:"state,omitempty"`
	Search   string `json:"q,omitempty"`
	Sort     string `json:"sort,omitempty"`
	Range    string `json:"range,omitempty"`
	Stacks   bool   `json:"stacks,omitempty"`
	Leaks    bool   `json:"leaks,omitempty"`
	ID       string `json:"id,omitempty"`
	Queue    string `json:"queue,omitempty"`
	Group    string `json:"group,omitempty"`
	After    string `json:"after,omitempty"`
	Retried  string `json:"retried,omitempty"` // how many dead letters were retried just now
	More     bool   `json:"more,omitempty"`    // and there are more of them
}

// maxQuery bounds a value of an address, in bytes.
const maxQuery = 512

func queryOf(v url.Values) query {
	get := func(key string) string {
		s := v.Get(key)
		return strings.ToValidUTF8(s[:min(len(s), maxQuery)], "")
	}
	return query{
		Runner: get("runner"), Callback: get("callback"), Outcome: get("outcome"), State: get("state"), Search: strings.TrimSpace(get("q")),
		Sort: get("sort"), Range: get("range"), Stacks: v.Has("stacks"), Leaks: v.Has("leaks"), ID: get("id"),
		Queue: get("queue"), Group: get("group"), After: get("after"), Retried: get("retried"), More: v.Has("more"),
	}
}

// matches reports whether one of the texts has what is searched for.
func (q query) matches(texts ...string) bool {
	if q.Search == "" {
		return true
	}
	search := strings.ToLower(q.Search)
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(strings.ToLower(s), search) })
}

// is reports whether a value is the one asked for, or none was.
func is(asked, value string) bool { return asked == "" || asked == value }

// view is a page, before it is written as HTML, text or JSON.
type view interface {
	head() *Head
	text(w *textWriter)
}

func (h *Head) head() *Head { return h }

// newHead returns the head of a page. mu is held.
func (c *Console) newHeadLocked(name string, q query) Head {
	at, wall := c.now()
	h := Head{Title: c.cfg.Title, Page: name, Now: wall, Level: OK, Query: q, Several: len(c.sources) > 1, console: c}
	var oldest time.Duration
	for _, s := range c.sources {
		h.runners = append(h.runners, s.name)
		if s.now == nil || s.isOverLocked() {
			continue
		}
		if age := s.ageLocked(at); age >= oldest {
			oldest, h.At, h.Age = age, s.wall, Seconds(age)
		}
		for i := range s.now.Callbacks {
			h.names = append(h.names, clean(s.now.Callbacks[i].Name, maxName))
		}
	}
	slices.Sort(h.names)
	h.names = slices.Compact(h.names)
	h.Stale = oldest > staleAfter
	h.verdicts = c.verdictsLocked()
	h.sum()
	return h
}

// sum says in one sentence what the verdicts say.
func (h *Head) sum() {
	if len(h.verdicts) > 0 && h.verdicts[0].Level != Note {
		h.Level, h.Headline = h.verdicts[0].Level, h.verdicts[0].Text
		return
	}
	switch {
	case len(h.runners) == 0:
		h.Headline = "No runner has joined yet"
	case len(h.verdicts) > 0:
		h.Headline = h.verdicts[0].Text
	default:
		h.Headline = "All is well"
	}
}
