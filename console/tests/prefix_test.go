package tests

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

// mounts are the ways to mount a console: the handler, and the address of its first page
// as a browser sees it.
func mounts(c *console.Console) map[string]struct {
	handler http.Handler
	page    string
} {
	kept := http.NewServeMux()
	kept.Handle("/debug/afterglow/", c)
	keptForGET := http.NewServeMux()
	keptForGET.Handle("GET /debug/afterglow/", c)
	stripped := http.NewServeMux()
	stripped.Handle("/debug/afterglow/", http.StripPrefix("/debug/afterglow", c))
	wild := http.NewServeMux()
	wild.Handle("/{tenant}/console/{rest...}", c)
	// Another router sets no pattern.
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/ops/") {
			c.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	})
	// A proxy that strips a prefix and says so.
	proxy := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, "/ops/shop")
		if !ok || rest != "" && rest[0] != '/' {
			http.NotFound(w, r)
			return
		}
		inner := r.Clone(r.Context())
		inner.URL.Path = "/" + strings.TrimPrefix(rest, "/")
		inner.RequestURI = inner.URL.RequestURI()
		inner.Header.Set("X-Forwarded-Prefix", "/ops/shop")
		inner.Pattern = ""
		c.ServeHTTP(w, inner)
	})
	return map[string]struct {
		handler http.Handler
		page    string
	}{
		"at the root":              {c, "/"},
		"prefix kept":              {kept, "/debug/afterglow/"},
		"prefix kept, for GET":     {keptForGET, "/debug/afterglow/"},
		"prefix stripped":          {stripped, "/debug/afterglow/"},
		"wildcards":                {wild, "/acme/console/"},
		"another router":           {other, "/ops/console/"},
		"X-Forwarded-Prefix":       {proxy, "/ops/shop/"},
		"the same without a slash": {proxy, "/ops/shop"},
	}
}

var (
	reference = regexp.MustCompile(`(?:href|src|action|data-series)="([^"]*)"`)
	baseOf    = regexp.MustCompile(`<base href="([^"]*)">`)
)

func TestEveryLinkWorksWhereverTheConsoleIsMounted(t *testing.T) {
	c, r := setup(t, runner.Config{})
	require.NoError(t, r.Go(t.Context(), "order.email", fails))
	g := newGate(t)
	require.NoError(t, r.Go(t.Context(), "odd/../name?&%2f", g.hangHere))
	<-g.entered
	require.Eventually(t, func() bool { return len(look(t, c).Callbacks) == 2 && len(failuresOf(t, c, "")) == 1 }, 5*waitForTick, waitForTick/100)
	for name, m := range mounts(c) {
		t.Run(name, func(t *testing.T) {
			origin := "http://example.com"
			todo, seen := []string{origin + m.page}, map[string]bool{}
			for len(todo) > 0 {
				at := todo[0]
				todo = todo[1:]
				if seen[at] {
					continue
				}
				seen[at] = true
				if strings.Contains(at, "/bundle") {
					continue
				}
				w := ask(m.handler, http.MethodGet, at, "Accept", "text/html")
				require.Equal(t, http.StatusOK, w.Code, at)
				if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
					continue
				}
				base, err := url.Parse(at)
				require.NoError(t, err)
				if b := baseOf.FindStringSubmatch(w.Body.String()); b != nil {
					require.False(t, strings.HasPrefix(b[1], "/"), "a base from the root")
					base, err = base.Parse(b[1])
					require.NoError(t, err)
				}
				for _, ref := range reference.FindAllStringSubmatch(w.Body.String(), -1) {
					require.False(t, strings.HasPrefix(ref[1], "/"), "%s links to %s, from the root", at, ref[1])
					to, err := base.Parse(strings.ReplaceAll(ref[1], "&amp;", "&"))
					require.NoError(t, err)
					to.Fragment = ""
					require.Equal(t, "example.com", to.Host)
					if len(seen) < 120 && to.Query().Get("sort") == "" && to.Query().Get("range") == "" {
						todo = append(todo, to.String())
					}
				}
			}
			require.Greater(t, len(seen), 15)
		})
	}
}

func TestWithoutTheSlashThePageLeadsToTheOneWithIt(t *testing.T) {
	c, _ := setup(t, runner.Config{})
	exact := http.NewServeMux()
	exact.Handle("/debug/afterglow", c)
	exact.Handle("/stripped", http.StripPrefix("/stripped", c))
	for path, want := range map[string]string{"/debug/afterglow": "afterglow/", "/stripped": "stripped/"} {
		w := ask(exact, http.MethodGet, path)
		require.Equal(t, http.StatusTemporaryRedirect, w.Code, path)
		require.Equal(t, want, w.Header().Get("Location"), "relative")
	}
}

func TestPagesThatDoNotExistUnderAPrefix(t *testing.T) {
	c, _ := setup(t, runner.Config{})
	mux := http.NewServeMux()
	mux.Handle("/debug/afterglow/", c)
	for _, path := range []string{"/debug/afterglow/nonsense", "/debug/afterglow/a/failures", "/debug/afterglow/assets/no.js", "/debug/afterglow/failures/"} {
		require.Equal(t, http.StatusNotFound, ask(mux, http.MethodGet, path).Code, path)
	}
}

func TestAForwardedPrefixThatIsNoPathIsIgnored(t *testing.T) {
	c, _ := setup(t, runner.Config{})
	for _, prefix := range []string{"//evil.example", "https://evil.example", `/"><script>`, "javascript:alert(1)", "/" + strings.Repeat("a", 1000), "/../..", "evil"} {
		req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		req.Header.Set("X-Forwarded-Prefix", prefix)
		w := httptest.NewRecorder()
		c.ServeHTTP(w, req)
		base := baseOf.FindStringSubmatch(w.Body.String())
		if base == nil {
			continue
		}
		to, err := url.Parse("http://example.com/x/")
		require.NoError(t, err)
		to, err = to.Parse(base[1])
		require.NoError(t, err)
		require.Equal(t, "example.com", to.Host, prefix)
	}
}
