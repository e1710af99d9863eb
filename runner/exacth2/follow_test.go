package exacth2

import (
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

// when notes what WhenEnded has told.
func when(c *Conn, number uint32) (told *[]bool) {
	told = new([]bool)
	c.WhenEnded(number, func(whole bool) { *told = append(*told, whole) })
	return told
}

func requireTold(t *testing.T, told *[]bool, want ...bool) {
	t.Helper()
	if len(*told) != len(want) || len(want) == 1 && (*told)[0] != want[0] {
		t.Fatalf("told %v, not %v", *told, want)
	}
}

func TestAFollowedConnectionTellsTheEndOfItsStreams(t *testing.T) {
	k, c := followed(t)
	k.asks(1)
	k.server(frameData, 0, 1, 'x')
	told := when(c, 1)
	requireTold(t, told)
	k.ends(1)
	requireTold(t, told, true)
	k.resets(1) // means nothing any more
	requireTold(t, told, true)
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
	told := when(c, 1)
	k.resets(1)
	requireTold(t, told, false)
}

// The handler of the second stream returns when the connection has been closed, and that of
// the third one whose response had left before.
func TestAFollowedConnectionTellsOfItsEnd(t *testing.T) {
	k, c := followed(t)
	k.asks(1)
	k.asks(3)
	k.asks(5)
	k.ends(5)
	told := when(c, 1)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	requireTold(t, told, false)
	requireTold(t, when(c, 3), false)
	requireTold(t, when(c, 5), true)
	k.remembers(0, 0)
}

// gRPC announces the end of a connection, and takes the streams that are on their way.
func TestAFollowedConnectionTakesStreamsAfterGOAWAY(t *testing.T) {
	k, c := followed(t)
	k.server(frameGoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	k.asks(1)
	told := when(c, 1)
	requireTold(t, told)
	k.ends(1)
	requireTold(t, told, true)
}

func TestAFollowedStreamIsHeldForMaxHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, c := followed(t)
		k.asks(1)
		told := when(c, 1)
		time.Sleep(MaxHold - time.Nanosecond)
		synctest.Wait()
		requireTold(t, told)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		requireTold(t, told, false)
	})
}
