package durable

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// closing is a store whose clients start at the very moment of Shutdown, where no database could be stopped.
type closing struct {
	store

	core    *core
	stopped bool
}

func (s *closing) worker(*lease) (workClient, error) { return s, nil }

func (s *closing) Start(context.Context) error {
	s.core.mu.Lock()
	defer s.core.mu.Unlock()
	s.core.draining = true
	return nil
}

func (s *closing) Stop(context.Context) error { return nil }

func (s *closing) StopAndCancel(context.Context) error {
	s.stopped = true
	return nil
}

func TestALeaseThatBeginsDuringShutdownIsStopped(t *testing.T) {
	c := &core{cfg: Config{DeadAfter: -1}}
	s := &closing{core: c}
	c.store = s
	_, err := c.newLease(t.Context())
	require.ErrorIs(t, err, ErrClosed)
	require.Nil(t, c.current())
	require.NoError(t, c.awaitLeaving(t.Context()))
	require.True(t, s.stopped)
}
