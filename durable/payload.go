package durable

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
)

// wrapper carries a payload that a database does not take as it is.
type wrapper struct {
	Value  json.RawMessage `json:"afterglow.value,omitempty"`  // not an object: River's drivers take nothing else
	Bytes  []byte          `json:"afterglow.bytes,omitempty"`  // see isRefused
	Broken string          `json:"afterglow.broken,omitempty"` // never in the database
}

// wrapperStart begins each wrapper, also as Postgres writes it.
var wrapperStart = []byte(`{"afterglow.`)

var brokenStart = []byte(`{"afterglow.broken"`)

func encode(name string, in any) ([]byte, error) {
	payload, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("durable: task %s: its payload does not encode as JSON: %w", name, err)
	}
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("durable: task %s: %w: it has %d", name, ErrPayloadTooLarge, len(payload))
	}
	switch {
	case isRefused(payload):
		return json.Marshal(wrapper{Bytes: payload})
	case payload[0] != '{' || bytes.HasPrefix(payload, wrapperStart):
		return json.Marshal(wrapper{Value: payload})
	default:
		return payload, nil
	}
}

var (
	// nulOrSurrogate is what Postgres takes in no text. Surrogates that are a pair are in here too.
	nulOrSurrogate = regexp.MustCompile(`\\u(0000|[dD][89a-fA-F])`)
	// hugeExponent is that of a number which has too many digits for Postgres.
	hugeExponent = regexp.MustCompile(`(^|[:,\[])-?[0-9.]+[eE][+-]?[0-9]{5}`)
)

// maxDepth is how deep a payload may be nested, so that SQLite takes it: it allows for a thousand levels.
const maxDepth = 900

// isRefused reports whether a database may refuse a payload that is JSON.
func isRefused(payload []byte) bool {
	return bytes.Contains(payload, []byte(`\u`)) && nulOrSurrogate.Match(payload) ||
		len(payload) > 6 && hasExponent(payload) && hugeExponent.Match(payload) || depth(payload) > maxDepth
}

// hasExponent reports whether five digits follow an e, which is rare.
func hasExponent(payload []byte) bool {
	digits, afterE := 0, false
	for _, c := range payload {
		switch {
		case c == 'e' || c == 'E':
			digits, afterE = 0, true
		case c >= '0' && c <= '9' && afterE:
			if digits++; digits == 5 {
				return true
			}
		case c != '+' && c != '-':
			afterE = false
		}
	}
	return false
}

// depth returns how many brackets of a JSON value are open at once, or more: it counts those in texts as well.
func depth(payload []byte) (most int) {
	n := 0
	for _, c := range payload {
		switch c {
		case '{', '[':
			n++
			most = max(most, n)
		case '}', ']':
			n--
		}
	}
	return most
}

// broken returns a payload that does not decode, in place of a row that somebody has written by hand and that is not even JSON.
func broken(why error) []byte {
	payload, err := json.Marshal(wrapper{Broken: cmp.Or(textOf(why), "not JSON")})
	if err != nil { // texts always encode
		return nil
	}
	return payload
}

// unwrapped returns a payload as it was encoded.
func unwrapped(payload []byte) []byte {
	if !bytes.HasPrefix(payload, wrapperStart) {
		return payload
	}
	var w wrapper
	switch err := json.Unmarshal(payload, &w); {
	case err != nil:
		return payload
	case w.Bytes != nil:
		return w.Bytes
	case w.Value != nil:
		return w.Value
	default:
		return payload
	}
}

func decode(name string, payload []byte, in any) error {
	if bytes.HasPrefix(payload, brokenStart) {
		var w wrapper
		_ = json.Unmarshal(payload, &w) // made by broken
		return &DecodeError{Task: name, Err: errors.New(w.Broken)}
	}
	if err := json.Unmarshal(unwrapped(payload), in); err != nil {
		return &DecodeError{Task: name, Err: err}
	}
	return nil
}
