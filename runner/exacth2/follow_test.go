package exacth2

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// followed is a talk of a server that is not net/http.
func followed(t *testing.T) (*talk, *Conn) {
	t.Helper()
	c := &script{}
	conn := Follow(c)
	k := &talk{t: t, conn: c, wire: &conn.wire}
	c.in = []byte(preface)
	k.read()
	return k, conn
}

// told is what WhenEnded has told, by whichever goroutine.
type told struct {
	mu  sync.Mutex
	all []bool // guarded by mu
}

func when(c *Conn, number uint32) *told {
	got := new(told)
	c.WhenEnded(number, func(whole bool) {
		got.mu.Lock()
		defer got.mu.Unlock()
		got.all = append(got.all, whole)
	})
	return got
}

func requireTold(t *testing.T, got *told, want ...bool) {
	t.Helper()
	got.mu.Lock()
	defer got.mu.Unlock()
	if !slices.Equal(got.all, want) {
		t.Fatalf("told %v, not %v", got.all, want)
	}
}

func TestAFollowedConnectionTellsTheEndOfItsStreams(t *testing.T) {
	k, c := followed(t)
	k.asks(1)
	k.server(frameData, 0, 1, 'x')
	got := when(c, 1)
	requireTold(t, got)
	k.ends(1)
	requireTold(t, got, true)
	k.resets(1) // means nothing any more
	requireTold(t, got, true)
	k.remembers(0, 0)
}

func TestAFollowedConnectionTellsAtOnceOfAStreamThatHasEnded(t *testing.T) {
	k, c := followed(t)
	k.asks(1)
	k.ends(1)
	requireTold(t, when(c, 1), true)

	k.asks(3)
	k.resets(3) // before its handler has returned
	requireTold(t, when(c, 3), false)
	k.remembers(0, 0)
}

func TestAFollowedConnectionTellsOfAReset(t *testing.T) {
	k, c := followed(t)
	k.asks(1)
	got := when(c, 1)
	k.resets(1)
	requireTold(t, got, false)
}

// The handler of the second stream returns when the connection has been closed, and that of
// the third one whose response had left before.
func TestAFollowedConnectionTellsOfItsEnd(t *testing.T) {
	k, c := followed(t)
	k.asks(1)
	k.asks(3)
	k.asks(5)
	k.ends(5)
	got := when(c, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	requireTold(t, got, false)
	requireTold(t, when(c, 3), false)
	requireTold(t, when(c, 5), true)
	k.remembers(0, 0)
}

// A server may have no limit of streams. Of those that were reset, or cut by the end of the
// connection, none is forgotten while its handler runs.
func TestAFollowedConnectionForgetsNoStreamWhoseHandlerRuns(t *testing.T) {
	const many = 2*maxEarly + 2
	for name, cut := range map[string]func(k *talk, c *Conn, number uint32){
		"reset": func(k *talk, _ *Conn, number uint32) { k.resets(number) },
		"closed": func(k *talk, c *Conn, _ uint32) {
			if err := c.Close(); err != nil {
				k.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			k, c := followed(t)
			for i := range uint32(many) {
				k.asks(1 + 2*i)
				c.Begin()
			}
			for i := range uint32(many) {
				cut(k, c, 1+2*i)
			}
			for i := range uint32(many) {
				requireTold(t, when(c, 1+2*i), false)
			}
			k.remembers(0, 0)
		})
	}
}

// The handler of stream 1 goes on for long after its reset. Those of others end.
func TestAFollowedConnectionRemembersAResetHoweverManyFollow(t *testing.T) {
	k, c := followed(t)
	k.asks(1)
	c.Begin()
	k.resets(1)
	for i := range uint32(4 * maxEarly) {
		k.asks(3 + 2*i)
		c.Begin()
		k.resets(3 + 2*i)
		requireTold(t, when(c, 3+2*i), false)
	}
	if len(k.wire.early.order) > 2*maxEarly {
		t.Fatalf("%d streams are kept for one", len(k.wire.early.order))
	}
	requireTold(t, when(c, 1), false)
	k.remembers(0, 0)
}

// Once the handlers have returned, there is room for no more than without them.
func TestAFollowedConnectionForgetsStreamsWithoutAHandler(t *testing.T) {
	k, c := followed(t)
	for i := range uint32(maxEarly) {
		k.asks(1 + 2*i)
		c.Begin()
		k.ends(1 + 2*i)
		requireTold(t, when(c, 1+2*i), true)
	}
	c.Begin()
	requireTold(t, when(c, 0), true)
	for i := range uint32(2 * maxEarly) {
		k.asks(1 + 2*(maxEarly+i))
		k.resets(1 + 2*(maxEarly+i))
	}
	k.remembers(0, maxEarly)
}

// gRPC announces the end of a connection, and takes the streams that are on their way.
func TestAFollowedConnectionTakesStreamsAfterGOAWAY(t *testing.T) {
	k, c := followed(t)
	k.server(frameGoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	k.asks(1)
	got := when(c, 1)
	requireTold(t, got)
	k.ends(1)
	requireTold(t, got, true)
}

func TestAFollowedStreamIsHeldForMaxHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, c := followed(t)
		k.asks(1)
		got := when(c, 1)
		time.Sleep(MaxHold - time.Nanosecond)
		synctest.Wait()
		requireTold(t, got)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		requireTold(t, got, false)
	})
}
