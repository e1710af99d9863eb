package pgtest

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// Server is a Postgres of one test's own, which the test may stop and start again.
type Server struct {
	t testing.TB
	c *cluster
}

// Own starts a server, which ends with the test.
func Own(t testing.TB) *Server {
	t.Helper()
	c, err := start()
	require.NoError(t, err, "Postgres: make setup installs it")
	s := &Server{t, c}
	t.Cleanup(func() {
		s.Stop()
		require.NoError(t, os.RemoveAll(c.dir))
	})
	return s
}

// DSN returns the DSN of a database on the server.
func (s *Server) DSN() string { return s.c.dsn("postgres") }

// Stop ends the server and its connections. A server that is stopped stays so.
func (s *Server) Stop() {
	s.t.Helper()
	select {
	case <-s.c.exited:
	default:
		require.NoError(s.t, s.c.server.Process.Signal(syscall.SIGINT))
		<-s.c.exited
	}
}

// Start starts a server that is stopped, with what it has written.
func (s *Server) Start() {
	s.t.Helper()
	attr, err := s.c.asUser()
	require.NoError(s.t, err)
	require.NoError(s.t, s.c.serve(attr))
}

// Program returns the path of one of Postgres's programs, as psql.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := binary(name)
	require.NoError(t, err, "Postgres: make setup installs it")
	return path
}
