package exacth2

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"
)

// These tests are beside the code, because no client decides which of two handlers begins
// first. They need the standard library only.

// script is a connection from which a test reads what it has written for the peer.
type script struct {
	net.Conn
	in             []byte
	writes, closes func() // called by Write and Close; nil: nothing
}

func (c *script) Read(p []byte) (n int, err error) {
	n = copy(p, c.in)
	c.in = c.in[n:]
	return n, nil
}

func (c *script) Write(p []byte) (int, error) {
	if c.writes != nil {
		c.writes()
	}
	return len(p), nil
}

func (c *script) Close() error {
	if c.closes != nil {
		c.closes()
	}
	return nil
}

// talk is a wire with both of its peers.
type talk struct {
	t    *testing.T
	conn *script
	wire *wire
}

func newTalk(t *testing.T) *talk {
	t.Helper()
	c := &script{}
	k := &talk{t: t, conn: c, wire: newWire(c, "")}
	c.in = []byte(preface)
	k.read()
	return k
}

func (k *talk) read() {
	k.t.Helper()
	for p := make([]byte, 7); len(k.conn.in) > 0; { // so that frames come in pieces
		if _, err := k.wire.Read(p); err != nil {
			k.t.Fatal(err)
		}
	}
}

func frameOf(kind, flags byte, stream uint32, payload ...byte) []byte {
	p := []byte{0, 0, byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(p, stream), payload...)
}

// client lets the client send a frame.
func (k *talk) client(kind, flags byte, stream uint32, payload ...byte) {
	k.t.Helper()
	k.conn.in = append(k.conn.in, frameOf(kind, flags, stream, payload...)...)
	k.read()
}

// server lets net/http send a frame.
func (k *talk) server(kind, flags byte, stream uint32, payload ...byte) {
	k.t.Helper()
	for _, b := range frameOf(kind, flags, stream, payload...) {
		if _, err := k.wire.Write([]byte{b}); err != nil {
			k.t.Fatal(err)
		}
	}
}

func (k *talk) asks(stream uint32) {
	k.client(frameHeaders, flagEndStream|flagEndHeaders, stream, 0x82)
}

func (k *talk) resets(stream uint32) { k.client(frameResetStream, 0, stream, 0, 0, 0, 8) }

func (k *talk) ends(stream uint32) {
	k.server(frameHeaders, flagEndStream|flagEndHeaders, stream, 0x88)
}

// begins lets the handler of a stream begin.
func (k *talk) begins(number uint32) *stream {
	s := &stream{Context: context.Background(), wire: k.wire, number: number}
	k.wire.open(s)
	return s
}

func (k *talk) remembers(streams, early int) {
	k.t.Helper()
	if len(k.wire.streams) != streams || len(k.wire.early.numbers) != early {
		k.t.Fatalf("%d streams and %d resets are remembered, not %d and %d", len(k.wire.streams), len(k.wire.early.numbers), streams, early)
	}
}

// served lets a request be served. Then both sides reset its stream.
func (k *talk) served(stream uint32) {
	k.t.Helper()
	k.asks(stream)
	s := k.begins(stream)
	k.ends(stream)
	k.wire.returned(s)
	if !s.over || !s.whole {
		k.t.Fatalf("stream %d has not ended", stream)
	}
	k.server(frameResetStream, 0, stream, 0, 0, 0, 0) // the body was not read
	k.resets(stream)
}

func TestAResetOfAStreamThatHasEndedIsNotRemembered(t *testing.T) {
	k := newTalk(t)
	for number := uint32(1); number < 1000; number += 2 {
		k.served(number)
	}
	k.remembers(0, 0)
}

func TestAResetIsRememberedUntilItsHandlerBegins(t *testing.T) {
	k := newTalk(t)
	k.asks(1)
	k.resets(1)
	for i := range uint32(2 * maxEarly) { // these do not make it forget
		k.served(3 + 2*i)
	}
	k.remembers(0, 1)
	if !k.begins(1).over {
		t.Fatal("forgotten")
	}
	k.remembers(0, 0)
}

// Handlers begin in any order.
func TestAResetIsRememberedAlthoughANewerHandlerHasBegun(t *testing.T) {
	k := newTalk(t)
	k.asks(1)
	k.asks(3)
	newer := k.begins(3)
	k.resets(1)
	if !k.begins(1).over || newer.over {
		t.Fatal("stream 1 was reset, and stream 3 was not")
	}
}

func TestAResetOfAPushedStreamIsRememberedUntilItsHandlerBegins(t *testing.T) {
	k := newTalk(t)
	k.asks(1)
	k.begins(1)
	k.server(framePushPromise, flagEndHeaders, 1, 0, 0, 0, 2, 0x82)
	k.resets(2)
	if !k.begins(2).over {
		t.Fatal("forgotten")
	}
	s := k.begins(4) // before its promise is written
	k.server(framePushPromise, flagEndHeaders, 1, 0, 0, 0, 4, 0x82)
	k.resets(4)
	if !s.over {
		t.Fatal("stream 4 was reset")
	}
	k.resets(4)
	k.ends(1)
	k.remembers(0, 0)
}

// net/http answers some requests by itself, and refuses others. Resets of those whose handlers
// never begin are remembered, but not all of them.
func TestStreamsWithoutAHandlerAreForgotten(t *testing.T) {
	k := newTalk(t)
	k.asks(1)
	k.ends(1) // 431
	k.remembers(0, 0)
	for i := range uint32(maxEarly + 10) {
		k.asks(3 + 2*i)
		k.server(frameResetStream, 0, 3+2*i, 0, 0, 0, 7) // refused
	}
	k.remembers(0, maxEarly)
	if k.begins(3).over || !k.begins(3+2*(maxEarly+9)).over {
		t.Fatal("the oldest is forgotten first")
	}
	k = newTalk(t)
	k.server(frameGoAway, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)
	for number := uint32(1); number < 100; number += 2 {
		k.asks(number) // net/http ignores it
	}
	k.remembers(0, 0)
}

// trailers are a second HEADERS of a stream.
func TestTrailersOfARequestBeginNothing(t *testing.T) {
	k := newTalk(t)
	k.client(frameHeaders, flagEndHeaders, 1, 0x82)
	k.begins(1)
	k.ends(1)
	k.client(frameHeaders, flagEndStream|flagEndHeaders, 1, 0x82)
	k.resets(1)
	k.remembers(0, 0)
}

// closed calls Close while a response goes on. It returns how often the end of the response
// was told before the connection's Close, and in all.
func (k *talk) closed(number uint32) (before, after int) {
	told := 0
	k.asks(number)
	k.begins(number).notify(func(whole bool) {
		if !whole {
			told++
		}
	})
	k.conn.closes = func() { before = told }
	_ = k.wire.Close()
	return before, told
}

func TestCloseEndsResponsesBeforeItWaitsForTheAlert(t *testing.T) {
	k := newTalk(t)
	k.ends(1)
	if before, after := k.closed(3); before != 1 || after != 1 {
		t.Fatal(before, after)
	}
	k.conn.writes = func() { t.Error("written after the end of all responses") }
	if n, err := k.wire.Write([]byte("late")); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Fatal(n, err)
	}
}

// The kernel may still get what is being written.
func TestCloseEndsResponsesAfterTheWriteThatItInterrupts(t *testing.T) {
	k := newTalk(t)
	k.conn.writes = func() {
		if before, after := k.closed(1); before != 0 || after != 1 {
			t.Error(before, after)
		}
	}
	if n, err := k.wire.Write([]byte{0}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
}

// Close may come too late to interrupt a write, and then wait for its alert.
func TestAWriteThatCloseDidNotInterruptEndsResponses(t *testing.T) {
	k := newTalk(t)
	told, closing, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	k.asks(1)
	k.begins(1).notify(func(bool) { close(told) })
	k.conn.closes = func() {
		close(closing)
		select {
		case <-told:
		case <-time.After(5 * time.Second):
			t.Error("not told while the alert waits")
		}
	}
	k.conn.writes = func() {
		go func() {
			defer close(closed)
			_ = k.wire.Close()
		}()
		<-closing
	}
	_, _ = k.wire.Write([]byte{0})
	<-closed
}
