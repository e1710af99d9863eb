package web

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Load is what is to be put on a server.
type Load struct {
	Addr        string
	Connections int
	Warm, For   time.Duration // what happens in Warm is not counted
	Mallocs     bool          // whether the server counts its allocations
}

// Seen is what the clients saw.
type Seen struct {
	For       time.Duration // how long they counted
	Requests  int
	PerSecond float64
	P50, P99  time.Duration
	Allocs    float64 // the server's, for each request; 0 if it does not count them
}

// errNoAnswer is that nothing was answered in the time that counts.
var errNoAnswer = errors.New("web: no request was answered in time")

// longest is the time after which a machine is not too busy to answer: it does not.
const longest = time.Minute

// Run keeps every connection busy: each sends its next request when it has the
// answer to the last. Any answer but a 200 is an error, and so there are no
// figures of a server that refuses work. A machine that is too busy to answer
// anything in l.For is asked again, for twice as long.
func (l Load) Run() (Seen, error) {
	seen, err := l.once()
	for errors.Is(err, errNoAnswer) && 0 < l.For && l.For < longest {
		l.For *= 2
		seen, err = l.once()
	}
	return seen, err
}

func (l Load) once() (Seen, error) {
	start := time.Now()
	counted, end := start.Add(l.Warm), start.Add(l.Warm+l.For)
	took := make([][]time.Duration, l.Connections)
	failed := make([]error, l.Connections)
	var clients sync.WaitGroup
	var answered atomic.Int64
	for i := range l.Connections {
		clients.Go(func() { took[i], failed[i] = l.client(counted, end, &answered) })
	}
	allocs, err := l.allocs(counted, end, &answered)
	clients.Wait()
	if err := errors.Join(append(failed, err)...); err != nil {
		return Seen{}, err
	}
	all := slices.Concat(took...)
	if len(all) == 0 {
		return Seen{}, errNoAnswer
	}
	slices.Sort(all)
	return Seen{
		For:       l.For,
		Requests:  len(all),
		PerSecond: float64(len(all)) / l.For.Seconds(),
		P50:       all[len(all)/2],
		P99:       all[len(all)*99/100],
		Allocs:    allocs,
	}, nil
}

// allocs is how many allocations the server makes for each request, from counted
// to end, while the load goes on: as many callbacks are under way then as before.
// The requests are those between the two readings, which a busy machine delays.
func (l Load) allocs(counted, end time.Time, answered *atomic.Int64) (float64, error) {
	if !l.Mallocs {
		return 0, nil
	}
	var mallocs, requests [2]float64
	for i, moment := range []time.Time{counted, end} {
		time.Sleep(time.Until(moment))
		n, err := l.mallocs()
		if err != nil {
			return 0, err
		}
		mallocs[i], requests[i] = n, float64(answered.Load())
	}
	if requests[1] == requests[0] {
		return 0, errNoAnswer
	}
	return (mallocs[1] - mallocs[0]) / (requests[1] - requests[0]), nil
}

// mallocs asks the server how many allocations it has made so far.
func (l Load) mallocs() (float64, error) {
	resp, err := http.Get("http://" + l.Addr + MallocsPath) //nolint:noctx // of a server of ours, on loopback
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return 0, err
	}
	return strconv.ParseFloat(string(body), 64)
}

// client is one connection. It speaks just enough HTTP, as net/http's client
// would take more of the machine than the server that is measured.
func (l Load) client(counted, end time.Time, answered *atomic.Int64) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", l.Addr) //nolint:noctx // to a server of ours, on loopback
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	request := []byte("POST " + Path + " HTTP/1.1\r\nHost: " + l.Addr + "\r\nContent-Length: 0\r\n\r\n")
	response := bufio.NewReader(conn)
	var took []time.Duration
	for {
		sent := time.Now()
		if sent.After(end) {
			return took, nil
		}
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		if err := readResponse(response); err != nil {
			return nil, err
		}
		answered.Add(1)
		if sent.After(counted) {
			took = append(took, time.Since(sent))
		}
	}
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("content-length: ")
	chunked       = []byte("transfer-encoding: chunked")
)

// readResponse reads one response that has a Content-Length or is chunked.
func readResponse(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, statusOK) {
		return fmt.Errorf("web: the server answered %q", status)
	}
	length, inChunks := -1, false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if hasFold(line, contentLength) {
			if length, err = strconv.Atoi(string(line[len(contentLength):])); err != nil {
				return err
			}
		}
		inChunks = inChunks || hasFold(line, chunked)
	}
	if inChunks {
		return readChunks(r)
	}
	if length < 0 {
		return errors.New("web: the response has no Content-Length and no chunks")
	}
	_, err = r.Discard(length)
	return err
}

func hasFold(line, prefix []byte) bool {
	return len(line) >= len(prefix) && bytes.EqualFold(line[:len(prefix)], prefix)
}

// readChunks reads a chunked body without trailers.
func readChunks(r *bufio.Reader) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimRight(line, "\r\n")), 16, 32)
		if err != nil {
			return err
		}
		if _, err := r.Discard(int(size) + len("\r\n")); err != nil || size == 0 {
			return err
		}
	}
}
