package exacth2

import "encoding/binary"

// preface is what a client sends before its first frame.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// What matters of RFC 9113, section 6.
const (
	frameHeader = 9 // bytes

	frameData         = 0x0
	frameHeaders      = 0x1
	frameResetStream  = 0x3
	framePushPromise  = 0x5
	frameGoAway       = 0x7
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagEndHeaders = 0x4
)

// frames follows the frames that go one way over a connection.
type frames struct {
	skip   int // bytes until the first frame
	head   [frameHeader]byte
	have   int     // bytes of head that have passed
	left   int     // bytes of the payload that have not passed, once head is whole
	begin  [4]byte // of the payload
	ending uint32  // stream that will have ended with the last CONTINUATION of its HEADERS; 0: none
}

// next consumes p up to the end of a frame, and returns the rest. ended reports whether a
// frame has ended. Then head is the header of that frame.
func (f *frames) next(p []byte) (rest []byte, ended bool) {
	if f.skip > 0 {
		n := min(f.skip, len(p))
		f.skip -= n
		return p[n:], false
	}
	if f.have < frameHeader {
		n := copy(f.head[f.have:], p)
		f.have += n
		p = p[n:]
		if f.have < frameHeader {
			return p, false
		}
		f.left = f.size()
	}
	n := min(f.left, len(p))
	if passed := f.size() - f.left; passed < len(f.begin) {
		copy(f.begin[passed:], p[:n])
	}
	f.left -= n
	p = p[n:]
	if f.left > 0 {
		return p, false
	}
	f.have = 0
	return p, true
}

// size is how many bytes the payload has.
func (f *frames) size() int { return int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2]) }

func (f *frames) kind() byte { return f.head[3] }

func (f *frames) has(flag byte) bool { return f.head[4]&flag != 0 }

// stream is the number of the frame's stream; 0 is the connection.
func (f *frames) stream() uint32 { return binary.BigEndian.Uint32(f.head[5:]) &^ (1 << 31) }

// promised is the number of the stream that a PUSH_PROMISE promises. net/http does not pad
// these frames.
func (f *frames) promised() uint32 { return binary.BigEndian.Uint32(f.begin[:]) &^ (1 << 31) }

// endsStream reports whether the frame that has just ended is the last of its stream's
// response.
func (f *frames) endsStream() bool {
	switch f.kind() {
	case frameData:
		return f.has(flagEndStream)
	case frameHeaders:
		f.ending = 0
		if f.has(flagEndStream) && !f.has(flagEndHeaders) {
			f.ending = f.stream()
			return false
		}
		return f.has(flagEndStream)
	case frameContinuation:
		if !f.has(flagEndHeaders) || f.ending != f.stream() {
			return false
		}
		f.ending = 0
		return true
	}
	return false
}
