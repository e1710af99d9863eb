package tests

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/exacth2"
)

func only(t *testing.T, change func(*http.Protocols)) *http.Protocols {
	t.Helper()
	p := new(http.Protocols)
	change(p)
	return p
}

// http2.ConfigureServer of golang.org/x/net sets the entry, and so does Configure.
func TestConfigureLeavesAServerAloneThatHasItsOwnHTTP2(t *testing.T) {
	called := false
	srv := &http.Server{TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(*http.Server, *tls.Conn, http.Handler) { called = true },
	}}
	require.ErrorIs(t, exacth2.Configure(srv), exacth2.ErrTaken)
	require.Len(t, srv.TLSNextProto, 1)
	srv.TLSNextProto["h2"](nil, nil, nil)
	require.True(t, called)
	require.Nil(t, srv.TLSConfig)

	srv = new(http.Server)
	require.NoError(t, exacth2.Configure(srv))
	require.ErrorIs(t, exacth2.Configure(srv), exacth2.ErrTaken)
}

func TestConfigureLeavesAServerAloneThatSpeaksNoHTTP2(t *testing.T) {
	for name, srv := range map[string]*http.Server{
		"Protocols":    {Protocols: only(t, func(p *http.Protocols) { p.SetHTTP1(true) })},
		"TLSNextProto": {TLSNextProto: make(map[string]func(*http.Server, *tls.Conn, http.Handler))},
	} {
		require.NoError(t, exacth2.Configure(srv), name)
		require.Empty(t, srv.TLSNextProto, name)
		require.Nil(t, srv.TLSConfig, name)
	}
	t.Setenv("GODEBUG", "http2server=0")
	srv := new(http.Server)
	require.NoError(t, exacth2.Configure(srv))
	require.Empty(t, srv.TLSNextProto)
}

func TestConfigureWantsACipherSuiteThatHTTP2Requires(t *testing.T) {
	weak := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	srv := &http.Server{TLSConfig: &tls.Config{CipherSuites: weak}} //nolint:gosec // the default version is the question
	require.ErrorContains(t, exacth2.Configure(srv), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")
	require.Nil(t, srv.TLSNextProto)
	require.Empty(t, srv.TLSConfig.NextProtos)
	srv.TLSConfig.MinVersion = tls.VersionTLS13
	require.NoError(t, exacth2.Configure(srv))
}

func TestConfigureAddsTheProtocolsToTheTLSConfig(t *testing.T) {
	srv := &http.Server{TLSConfig: &tls.Config{NextProtos: []string{"other", "http/1.1"}, MinVersion: tls.VersionTLS12}}
	require.NoError(t, exacth2.Configure(srv))
	require.Equal(t, []string{"other", "http/1.1", "h2"}, srv.TLSConfig.NextProtos)
}

func TestConfigurePanicsWithoutAServer(t *testing.T) {
	require.Panics(t, func() { _ = exacth2.Configure(nil) })
}

// HTTP/1.1 on a configured server is what it was, and Bind is exact for it.
func TestAConfiguredServerServesHTTP1AsBefore(t *testing.T) {
	bind := with(runner.Bind)
	for _, when := range []option{bind, func(s *site) { s.last = append(s.last, bind) }} {
		r, b := newRunner(t, runner.Config{}), make(begins, 1)
		s := exact(t, kinds[1], r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if err := b.after(req.Context()); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, req.Proto)
		})), when)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the test's own certificate
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.addr, nil)
		require.NoError(t, err)
		res, err := client.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, "HTTP/1.1", string(body))
		require.NotZero(t, <-b)
		client.CloseIdleConnections()

		p := s.connect(t)
		end := p.end(p.get("/"))
		require.GreaterOrEqual(t, <-b, end)
	}
}

// httptest's server, and the client of net/http, as most tests of users have them.
func TestAServerOfHTTPTest(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ran := make(chan string, 1)
	srv := httptest.NewUnstartedServer(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := runner.After(req.Context(), "it", func(context.Context) error { ran <- req.Proto; return nil }); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "hello")
	})))
	srv.EnableHTTP2 = true
	require.NoError(t, exacth2.Configure(srv.Config))
	srv.StartTLS()
	defer srv.Close()
	for range 10 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		require.NoError(t, err)
		res, err := srv.Client().Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, "hello", string(body))
		require.Equal(t, "HTTP/2.0", <-ran)
	}
}
