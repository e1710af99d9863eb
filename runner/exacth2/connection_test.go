package exacth2

import (
	"bytes"
	"crypto/tls"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// net/http reports the end of a connection once, and no document says so.
func TestASecondReportOfTheEndIsIgnored(t *testing.T) {
	c := &connection{user: new(http.Server), wire: newWire(&script{}, ""), over: make(chan struct{})}
	c.changed(nil, http.StateClosed)
	c.changed(nil, http.StateClosed)
	<-c.over
}

// What the package has to say stands where net/http says what goes wrong.
func TestAnUnknownNetHTTPIsReportedToTheServersErrorLog(t *testing.T) {
	var out, other bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&other, nil)))
	defer slog.SetDefault(before)
	user := &http.Server{ErrorLog: log.New(&out, "", 0)}
	s := new(server)
	served := 0
	for range 2 { // once for each server
		c := &connection{server: s, user: user, wire: newWire(&script{}, "")}
		c.handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })
		for range 2 {
			c.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		}
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); served != 4 || len(lines) != 1 ||
		!strings.Contains(lines[0], "exacth2: callbacks of HTTP/2 requests start when their handler has returned") ||
		!strings.Contains(lines[0], "*httptest.ResponseRecorder") {
		t.Errorf("%d requests, %q", served, lines)
	}
	out.Reset()
	s.serveCleartext(user, tls.Server(&script{}, nil), nil)
	if !strings.HasPrefix(out.String(), "exacth2: HTTP/2 without TLS is not served") {
		t.Errorf("%q", out.String())
	}
	if other.Len() > 0 {
		t.Errorf("slog.Default has it: %s", other.String())
	}
}
