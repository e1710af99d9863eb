package console

import (
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed assets templates
var files embed.FS

// builders make the pages, by the last part of their address. asked is false where a page
// is made again and again for those who look: then it reads no stack, and waits for no
// store.
var builders = map[string]func(c *Console, q query, asked bool) (view, int){
	"overview": func(c *Console, q query, asked bool) (view, int) { return c.overview(q, asked) },
	"callback": func(c *Console, q query, _ bool) (view, int) { return c.callback(q) },
	"running":  func(c *Console, q query, _ bool) (view, int) { return c.running(q) },
	"run":      func(c *Console, q query, asked bool) (view, int) { return c.run(q, asked) },
	"failures": func(c *Console, q query, _ bool) (view, int) { return c.failuresPage(q) },
	"failure":  func(c *Console, q query, _ bool) (view, int) { return c.failure(q) },
	"left":     func(c *Console, q query, _ bool) (view, int) { return c.left(q) },
	"drains":   func(c *Console, q query, _ bool) (view, int) { return c.drains(q) },
	"durable":  func(c *Console, q query, asked bool) (view, int) { return c.durablePage(q, asked) },
	"letters":  func(c *Console, q query, _ bool) (view, int) { return c.letters(q) },
}

// streamed are the pages that are updated live. Those that read every stack of the program
// are not.
var streamed = []string{"overview", "callback", "running", "run", "failures", "failure", "drains", "durable"}

// address is where a request wants to go.
type address struct {
	leaf   string // "failures", "assets/console.js"; "" is the first page without a slash
	format string // "html", "txt" or "json"
	base   string // of relative links, if it must be said; empty: it is right as it is
}

// routes returns the handler. The console's own addresses are all in one directory, so
// every link is relative, and the console need not know where it is mounted.
func (c *Console) routes() http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusForbidden, "this request came from another site")
	}))
	retry := guard.Handler(http.HandlerFunc(c.postRetry))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		a, ok := locate(r)
		switch {
		case !ok:
			fail(w, http.StatusNotFound, "there is no such page")
		case a.leaf == "retry":
			if allow(w, r, http.MethodPost) {
				retry.ServeHTTP(w, r)
			}
		case !allow(w, r, http.MethodGet, http.MethodHead):
		case a.leaf == "":
			redirectInto(w, r)
		case strings.HasPrefix(a.leaf, "assets/"):
			serveAsset(w, r, strings.TrimPrefix(a.leaf, "assets/"))
		case a.leaf == "series":
			c.getSeries(w, r)
		case a.leaf == "stream":
			c.hub.getStream(w, r)
		case a.leaf == "bundle":
			c.getBundle(w, r)
		default:
			c.getPage(w, r, a)
		}
	})
}

// secure sets the headers of every response.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

// fail answers with an error in words.
func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%d: %s\n", status, message)
}

// allow reports whether the method is one of those, and answers if it is not.
func allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	fail(w, http.StatusMethodNotAllowed, "use "+strings.Join(methods, " or "))
	return false
}

// locate finds the console's own part of an address. Behind ServeMux, the pattern says
// where that begins. With http.StripPrefix, it is all. With another router, it is the last
// part, whatever comes before.
func locate(r *http.Request) (a address, ok bool) {
	rest, known := afterPattern(r.Pattern, r.URL.Path)
	if a, ok = parseAddress(rest); !ok && !known {
		dir, leaf := path.Split(r.URL.Path)
		if strings.HasSuffix(dir, "/assets/") {
			leaf = "assets/" + leaf
		}
		a, ok = parseAddress("/" + leaf)
	}
	if ok && a.leaf == "overview" && r.URL.Path == "/" {
		a.base = forwardedBase(r)
	}
	return a, ok
}

// afterPattern returns what follows the part of a path that a pattern of ServeMux has
// matched. If the path does not begin with that, it was stripped, and all of it is ours.
func afterPattern(pattern, p string) (rest string, known bool) {
	slash := strings.IndexByte(pattern, '/')
	if slash < 0 {
		return p, false
	}
	want := strings.Split(pattern[slash:], "/")
	if last := want[len(want)-1]; last == "" || strings.HasPrefix(last, "{") {
		want = want[:len(want)-1]
	}
	have := strings.SplitN(p, "/", len(want)+1)
	if len(have) < len(want) {
		return p, true
	}
	for i, segment := range want {
		if segment != have[i] && !strings.HasPrefix(segment, "{") {
			return p, true
		}
	}
	if len(have) == len(want) {
		return "", true // the prefix itself, without a slash
	}
	return "/" + have[len(want)], true
}

// parseAddress reads the console's own part of a path.
func parseAddress(rest string) (a address, ok bool) {
	leaf, hasSlash := strings.CutPrefix(rest, "/")
	switch {
	case !hasSlash && rest == "":
		return address{}, true
	case leaf == "":
		return address{leaf: "overview"}, true
	case slices.Contains([]string{"retry", "series", "stream", "bundle"}, leaf):
		return address{leaf: leaf}, true
	case strings.HasPrefix(leaf, "assets/"):
		_, err := fs.Stat(files, leaf)
		return address{leaf: leaf}, err == nil && fs.ValidPath(leaf)
	}
	name, format, hasFormat := strings.Cut(leaf, ".")
	if builders[name] == nil || hasFormat && format != "txt" && format != "json" {
		return address{}, false
	}
	return address{leaf: name, format: format}, true
}

// redirectInto leads from the console's directory without a slash to the one with it, by
// a relative address, as the console does not know where it is.
func redirectInto(w http.ResponseWriter, r *http.Request) {
	uri, _, _ := strings.Cut(r.RequestURI, "?")
	last := path.Base(uri)
	if last == "/" || last == "." {
		last = path.Base("/" + strings.Trim(forwardedPrefix(r), "/"))
	}
	if last == "/" || last == "." || last == ".." || strings.Contains(last, ":") {
		fail(w, http.StatusNotFound, "there is no such page: end the address with a slash")
		return
	}
	w.Header().Set("Location", last+"/")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

// forwardedPrefix returns what a proxy says it has stripped from the path; empty if it says
// nothing, or something that is no path.
func forwardedPrefix(r *http.Request) string {
	prefix, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Prefix"), ",")
	prefix = strings.TrimSpace(prefix)
	if len(prefix) > maxRoute || !strings.HasPrefix(prefix, "/") {
		return ""
	}
	for _, c := range prefix {
		if !strings.ContainsRune("/-._~", c) && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return path.Clean(prefix)
}

// forwardedBase returns the base of relative links behind a proxy that strips a prefix: a
// browser may have asked for the prefix without a slash at its end, which only the proxy
// knows. It climbs to the root first, as a browser does not climb higher.
func forwardedBase(r *http.Request) string {
	prefix := strings.Trim(forwardedPrefix(r), "/")
	if prefix == "" {
		return ""
	}
	return strings.Repeat("../", strings.Count(prefix, "/")+1) + prefix + "/"
}

// serveAsset serves a file, which a browser may keep if it is asked for by its version.
func serveAsset(w http.ResponseWriter, r *http.Request, name string) {
	if r.URL.Query().Get("v") == version() {
		w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	}
	http.ServeFileFS(w, r, files, "assets/"+name)
}

// version changes with the files.
var version = sync.OnceValue(func() string {
	h := fnv.New64a()
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		_, _ = h.Write(b)
		return err
	})
	return fmt.Sprintf("%x", h.Sum64())
})
