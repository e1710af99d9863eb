package tests

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// both runs a client against a server without Configure and against one with it, and
// requires that it has seen the same.
func both[T any](t *testing.T, k kind, h func(t *testing.T) http.Handler, client func(t *testing.T, s *site) T, options ...option) T {
	t.Helper()
	want := client(t, plain(t, k, h(t), options...))
	got := client(t, exact(t, k, h(t), options...))
	require.Equal(t, want, got)
	return got
}

// answers is a handler that answers with each of responses by its path, and asks for a
// callback each time.
func answers(t *testing.T) http.Handler {
	r := newRunner(t, runner.Config{})
	return r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Date", "today")
		if err := runner.After(req.Context(), "it", func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		responses[strings.TrimPrefix(req.URL.Path, "/")].serve(w, req)
	}))
}

// paths are the names of responses as they can be asked for one after the other.
func paths() []string {
	var all []string
	for name := range responses {
		if name != "Connection: close" { // it would be the last
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return append(all, "Connection: close")
}

// greet reads what the server sends first, in the order of the kinds of frames: whether it
// adds to its window or acknowledges the client's settings first is a race in net/http.
func greet(p *peer) {
	p.send(frame{kind: ping, payload: make([]byte, 8)})
	p.until(of(0, ping))
	slices.SortFunc(p.seen, func(a, b frame) int { return cmp.Compare(int(a.kind)<<8|int(a.flags), int(b.kind)<<8|int(b.flags)) })
}

// The server sends the same frames with Configure and without.
func TestTheFramesAreThoseOfAServerWithoutConfigure(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		frames := both(t, k, answers, func(t *testing.T, s *site) []string {
			p := s.connect(t)
			greet(p)
			for _, path := range paths() {
				req := p.request(responses[path].method, strings.ReplaceAll("/"+path, " ", "%20"))
				p.send(req)
				p.until(ended(req.stream))
			}
			for p.seen[len(p.seen)-1].kind != goAway { // of Connection: close
				if slices.ContainsFunc(p.seen, of(0, goAway)) {
					break
				}
				_, err := p.read()
				require.NoError(t, err)
			}
			return described(p.seen)
		})
		require.Greater(t, len(frames), 2*len(responses))
	})
}

// described describes frames in the order of their streams: what a GOAWAY overtakes is a
// race in net/http.
func described(all []frame) []string {
	slices.SortStableFunc(all, func(a, b frame) int { return cmp.Compare(a.stream, b.stream) })
	lines := make([]string, len(all))
	for i, f := range all {
		lines[i] = fmt.Sprintf("stream %d, kind %d, flags %d, %d bytes: %x", f.stream, f.kind, f.flags, len(f.payload), sha256.Sum256(f.payload))
	}
	return lines
}

// The settings of http.Server reach HTTP/2.
func TestTheServersSettingsAreKept(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		first := func(t *testing.T, s *site) []string {
			p := s.connect(t)
			greet(p)
			return described(p.seen)
		}
		usual := both(t, k, answers, first)
		other := both(t, k, answers, first, with(func(srv *http.Server) {
			srv.MaxHeaderBytes = 50_000
			srv.HTTP2 = &http.HTTP2Config{
				MaxConcurrentStreams: 7, MaxDecoderHeaderTableSize: 5000, MaxReadFrameSize: 20_000,
				MaxReceiveBufferPerConnection: 100_000, MaxReceiveBufferPerStream: 90_000,
			}
		}))
		require.NotEqual(t, usual, other)
	})
}

// HTTP/2's own timeouts end a connection when they would without Configure.
func TestTheServersTimeoutsAreKept(t *testing.T) {
	for name, change := range map[string]func(*http.Server){
		"IdleTimeout": func(srv *http.Server) { srv.IdleTimeout = 3 * time.Second },
		"ReadTimeout": func(srv *http.Server) { srv.ReadTimeout = 4 * time.Second },
		"SendPingTimeout": func(srv *http.Server) {
			srv.HTTP2 = &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: time.Second}
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				ofTimeout(t, k, with(change))
			})
		})
	}
}

// ofTimeout requires that a connection on which nothing happens ends when it would without
// Configure.
func ofTimeout(t *testing.T, k kind, change option) {
	t.Helper()
	var lasted [2]time.Duration
	for i, configure := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, k, configure, answers(t), inMemory, change)
			p := s.connect(t)
			p.until(ended(p.get("/nothing")))
			begin := time.Now()
			for {
				if _, err := p.read(); err != nil {
					break
				}
			}
			lasted[i] = time.Since(begin)
			require.NoError(t, s.srv.Close())
		})
	}
	require.NotZero(t, lasted[0])
	require.Equal(t, lasted[0], lasted[1])
}

// The files of a form go when they go without Configure. (Go 1.27 leaves them, with HTTP/2.)
func TestTheFilesOfAFormAreRemoved(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		t.Setenv("TMPDIR", t.TempDir())
		name := ""
		done := make(chan struct{}, 1)
		open := func(req *http.Request) error {
			if err := req.ParseMultipartForm(0); err != nil {
				return err
			}
			f, err := req.MultipartForm.File["f"][0].Open()
			if err != nil {
				return err
			}
			name = f.(*os.File).Name()
			return f.Close()
		}
		h := func(t *testing.T) http.Handler {
			return newRunner(t, runner.Config{}).Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				defer func() { done <- struct{}{} }()
				if err := open(req); err != nil {
					t.Error(err)
				}
			}))
		}
		both(t, k, h, func(t *testing.T, s *site) bool {
			p := s.connect(t)
			f := p.request("POST", "/")
			f.flags &^= endStream
			const contentType = "multipart/form-data; boundary=b"
			f.payload = append(f.payload, 0x0f, 0x10, byte(len(contentType)))
			f.payload = append(f.payload, contentType...)
			body := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + strings.Repeat("x", 1000) + "\r\n--b--\r\n"
			p.send(f, frame{kind: data, flags: endStream, stream: f.stream, payload: []byte(body)})
			p.until(ended(f.stream))
			<-done
			_, err := os.Stat(name)
			return err == nil
		})
	})
}

// TLS that is too weak for HTTP/2 is refused in the words of net/http.
func TestACipherSuiteThatHTTP2ProhibitsIsRefused(t *testing.T) {
	weak := func(s *site) {
		s.ciphers = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		s.srv.TLSConfig.CipherSuites = append([]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, s.ciphers...)
	}
	first := func(t *testing.T, s *site) []frame {
		p := s.connect(t)
		f, err := p.read()
		require.NoError(t, err)
		_, err = p.read()
		if f.kind == goAway {
			require.Error(t, err)
		}
		return []frame{f}
	}
	tls12 := kinds[0]
	refused := both(t, tls12, answers, first, weak)
	require.Equal(t, byte(goAway), refused[0].kind)
	require.Equal(t, byte(codeInadequateSecurity), refused[0].payload[7])
	permitted := both(t, tls12, answers, first, weak, with(func(srv *http.Server) {
		srv.HTTP2 = &http.HTTP2Config{PermitProhibitedCipherSuites: true}
	}))
	require.Equal(t, byte(settings), permitted[0].kind)
	for _, suite := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256} {
		allowed := both(t, tls12, answers, first, func(s *site) { s.ciphers = []uint16{suite} })
		require.Equal(t, byte(settings), allowed[0].kind)
	}
}
