package durable

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// wrapper carries a payload that is no JSON object: River's drivers take nothing else.
type wrapper struct {
	Value json.RawMessage `json:"afterglow.value"`
}

var wrapperStart = []byte(`{"afterglow.value":`)

func encode(name string, in any) ([]byte, error) {
	payload, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("durable: task %s: its payload does not encode as JSON: %w", name, err)
	}
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("durable: task %s: %w: it has %d", name, ErrPayloadTooLarge, len(payload))
	}
	if payload[0] == '{' {
		return payload, nil
	}
	return append(append(bytes.Clone(wrapperStart), payload...), '}'), nil
}

// unwrapped returns a payload as it was encoded.
func unwrapped(payload []byte) []byte {
	if !bytes.Contains(payload[:min(len(payload), len(wrapperStart)+1)], wrapperStart[:len(wrapperStart)-1]) {
		return payload
	}
	var w wrapper
	if json.Unmarshal(payload, &w) != nil || w.Value == nil {
		return payload
	}
	return w.Value
}

func decode(name string, payload []byte, in any) error {
	if err := json.Unmarshal(unwrapped(payload), in); err != nil {
		return &DecodeError{Task: name, Err: err}
	}
	return nil
}
