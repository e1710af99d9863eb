// Package nextjs builds and runs an application of Next.js whose one route does
// what those of package web do: it answers, and three callbacks of 50 ms follow.
package nextjs

import (
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed package.json app
var source embed.FS

// Server is the application at work.
type Server struct {
	Addr   string
	dir    string
	cmd    *exec.Cmd
	exited chan error
}

// Start installs and builds the application in a temporary directory, which
// takes about a minute and needs npm, and serves it on the loopback interface.
func Start() (*Server, error) {
	dir, err := os.MkdirTemp("", "afterglow-nextjs-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, exited: make(chan error, 1)}
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("nextjs: %w", err), os.RemoveAll(dir))
	}
	return s, nil
}

func (s *Server) start() error {
	if err := os.CopyFS(s.dir, source); err != nil {
		return err
	}
	if err := s.command("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts").Run(); err != nil {
		return err
	}
	next := filepath.Join("node_modules", "next", "dist", "bin", "next")
	if err := s.command("node", next, "build").Run(); err != nil {
		return err
	}
	var err error
	if s.Addr, err = freeAddr(); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return err
	}
	s.cmd = s.command("node", next, "start", "-H", host, "-p", port)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() { s.exited <- s.cmd.Wait() }()
	return s.ready()
}

// command writes what it prints to stderr: stdout is for the tables.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // commands of ours; Stop ends the server
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "NEXT_TELEMETRY_DISABLED=1", "NODE_ENV=production")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd
}

// ready returns when the server accepts connections.
func (s *Server) ready() error {
	for deadline := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", s.Addr) //nolint:noctx // on loopback
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			return errors.Join(err, s.end())
		}
		select {
		case err := <-s.exited:
			return fmt.Errorf("the server ended before it listened: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the server and removes the application.
func (s *Server) Stop() error { return errors.Join(s.end(), os.RemoveAll(s.dir)) }

func (s *Server) end() error {
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	<-s.exited //nolint:errcheck // killed, which is its error
	return nil
}

// freeAddr is one that nothing listens at.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
