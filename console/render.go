package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// page is what a template is given: the view, and what belongs to the response.
type shown struct {
	View view
	Head *Head
	Base string
}

// pageTemplates are the pages, each with the layout and the parts.
var pageTemplates = sync.OnceValue(func() map[string]*template.Template {
	all := make(map[string]*template.Template)
	shared := template.Must(template.New("").Funcs(functionsOfTemplates).ParseFS(files, "templates/layout.html", "templates/parts.html"))
	for name := range builders {
		all[name] = template.Must(template.Must(shared.Clone()).ParseFS(files, "templates/"+name+".html"))
	}
	return all
})

// getPage answers with a page, in the format that the address or the client asks for.
func (c *Console) getPage(w http.ResponseWriter, r *http.Request, a address) {
	v, status := builders[a.leaf](c, queryOf(r.URL.Query()), true)
	if status != 0 {
		fail(w, status, "there is no such "+map[string]string{
			"callback": "callback", "run": "callback, or it has ended and nobody had asked for its stack", "failure": "failure any more", "letters": "queue",
		}[a.leaf])
		return
	}
	format := a.format
	if format == "" {
		format = negotiate(r)
	}
	body, kind, err := write(v, format, a.base)
	if err != nil {
		fail(w, http.StatusInternalServerError, clean(err.Error(), maxError))
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Add("Vary", "Accept, User-Agent")
	_, _ = w.Write(body) // a client that left needs no answer
}

// negotiate returns the format for a client that does not say one in the address.
func negotiate(r *http.Request) string {
	accept := r.Header.Get("Accept")
	switch {
	case strings.Contains(accept, "text/html"):
		return "html"
	case strings.Contains(accept, "application/json"):
		return "json"
	case strings.Contains(accept, "text/plain"):
		return "txt"
	}
	agent := r.UserAgent()
	if strings.HasPrefix(agent, "curl/") || strings.HasPrefix(agent, "Wget/") || strings.HasPrefix(agent, "HTTPie/") {
		return "txt"
	}
	return "html"
}

// write writes a view.
func write(v view, format, base string) (body []byte, kind string, err error) {
	switch format {
	case "json":
		body, err = json.MarshalIndent(v, "", "  ")
		return append(body, '\n'), "application/json", err
	case "txt":
		w := new(textWriter)
		w.head(v.head())
		v.text(w)
		w.end()
		return w.out.Bytes(), "text/plain; charset=utf-8", nil
	}
	var out bytes.Buffer
	err = pageTemplates()[v.head().Page].ExecuteTemplate(&out, "layout", shown{v, v.head(), base})
	return out.Bytes(), "text/html; charset=utf-8", err
}

// functionsOfTemplates are what templates can call.
var functionsOfTemplates = template.FuncMap{
	"count":   func(n any) string { return countAny(n) },
	"rate":    rate,
	"percent": percent,
	"page":    page,
	"dash":    or,
	"timeout": timeout,
	"request": requestText,
	"words":   wordsOf,
	"state":   stateOf,
	"states":  stateText,
	"version": version,
	"spark":   spark,
	"bars":    bars,
	"bar":     bar,
	"ago": func(h *Head, t time.Time) template.HTML {
		if t.IsZero() {
			return `<span class="none">never</span>`
		}
		text := human(max(h.Now.Sub(t), 0)) + " ago"
		if h.Now.Sub(t) < time.Second {
			text = "now"
		}
		return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, t.UTC().Format(time.RFC3339Nano), t.Format(time.DateTime), text)) //nolint:gosec // numbers and units
	},
	"short": func(id string) string { return string([]rune(id)[:min(8, len([]rune(id)))]) },
	"clock": func(t time.Time) string { return t.Format(time.TimeOnly) },
	"trace": func(h *Head, id string) string {
		if h.console.cfg.TraceURL == "" || id == "" {
			return ""
		}
		return strings.ReplaceAll(h.console.cfg.TraceURL, tracePlace, template.URLQueryEscaper(id))
	},
	"func":  func(name string) string { return name[strings.LastIndexByte(name, '/')+1:] },
	"link":  func(h *Head, key, value string) string { return h.link(key, value) },
	"human": human,
	"tab": func(h *Head, href, text, pages string) tab {
		return tab{href, text, slices.Contains(strings.Fields(pages), h.Page)}
	},
	"both":   func(h *Head, v any) both { return both{h, v} },
	"things": func(n int, one string) string { return things(n, one) },
	"upper":  func(s string) string { return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):] },
}

// tab is a link of the navigation.
type tab struct {
	Href, Text string
	Here       bool
}

// HasDurable reports whether there are durable queues.
func (h *Head) HasDurable() bool { return len(h.console.durables) > 0 }

// RunnerNames are the runners that a page can be narrowed to.
func (h *Head) RunnerNames() []string { return h.runners }

// CallbackNames are the callbacks that a page can be narrowed to.
func (h *Head) CallbackNames() []string { return h.names }

// Outcomes are what failures can be narrowed to.
func (h *Head) Outcomes() []string { return failureOutcomes }

// Filtered reports whether the page is narrowed.
func (h *Head) Filtered() bool {
	q := h.Query
	return q.Search != "" || q.Callback != "" || q.Outcome != "" || q.State != "" || h.Several && q.Runner != "" || q.Queue != ""
}

// Leaf is the page without a filter.
func (h *Head) Leaf() string {
	if h.Page == "overview" {
		return "./"
	}
	return h.Page
}

// Here is this page as it is.
func (h *Head) Here() string { return h.link("", "") }

// Form is this page in another format.
func (h *Head) Form(format string) string {
	_, q, _ := strings.Cut(h.link("", ""), "?")
	if q != "" {
		q = "?" + q
	}
	return h.Page + "." + format + q
}

// both is a value for a part that needs the head too.
type both struct {
	Head *Head
	V    any
}

func countAny(n any) string {
	switch n := n.(type) {
	case int:
		return count(n)
	case uint64:
		return count(n)
	case uint32:
		return count(n)
	default:
		return fmt.Sprint(n)
	}
}

// link is this page with another value of its filter; empty: without.
func (h *Head) link(key, value string) string {
	q := h.Query
	fields := map[string]*string{
		"runner": &q.Runner, "callback": &q.Callback, "outcome": &q.Outcome, "state": &q.State, "q": &q.Search, "sort": &q.Sort, "range": &q.Range,
	}
	if f := fields[key]; f != nil {
		*f = value
	}
	query := []string{"runner", q.Runner, "callback", q.Callback, "outcome", q.Outcome, "state", q.State, "q", q.Search, "sort", q.Sort, "range", q.Range, "id", q.ID, "queue", q.Queue, "group", q.Group}
	if key == "stacks" {
		query = append(query, "stacks", value)
	}
	name := h.Page
	if name == "overview" {
		name = "./"
	}
	return page(name, query...)
}

const sparkWidth, sparkHeight = 120, 24

// spark draws a line, if there is more than a dash to draw. It has no style of its own, as the page's
// policy allows none.
func spark(values []float64) template.HTML {
	if len(values) < sparkPoints/5 {
		return `<svg class="spark" viewBox="0 0 120 24" aria-hidden="true"></svg>`
	}
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	var line strings.Builder
	for i, v := range values {
		y := float64(sparkHeight - 2)
		if most > 0 {
			y -= v / most * (sparkHeight - 4)
		}
		fmt.Fprintf(&line, "%.1f,%.1f ", float64(sparkPoints-len(values)+i)*sparkWidth/(sparkPoints-1), y)
	}
	return template.HTML(`<svg class="spark" viewBox="0 0 120 24" preserveAspectRatio="none" aria-hidden="true"><polyline points="` + strings.TrimSpace(line.String()) + `"/></svg>`) //nolint:gosec // numbers
}

// bars draws a bar for each count.
func bars(counts []uint32) template.HTML {
	var most uint32 = 1
	for _, n := range counts {
		most = max(most, n)
	}
	var b strings.Builder
	b.WriteString(`<svg class="bars" viewBox="0 0 120 24" preserveAspectRatio="none" aria-hidden="true">`)
	width := float64(sparkWidth) / float64(max(len(counts), 1))
	for i, n := range counts {
		if n == 0 {
			continue
		}
		height := max(float64(n)/float64(most)*(sparkHeight-2), 2)
		fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, float64(i)*width+.5, sparkHeight-height, max(width-1, 1), height)
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) //nolint:gosec // numbers
}

// bar draws how much of something is used.
func bar(share float64) template.HTML {
	class := "bar"
	switch {
	case share >= almostFull:
		class += " full"
	case share >= nearShare:
		class += " near"
	}
	return template.HTML(fmt.Sprintf(`<svg class="%s" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="6"/><rect width="%.1f" height="6"/></svg>`, class, 100*min(max(share, 0), 1))) //nolint:gosec // numbers
}
