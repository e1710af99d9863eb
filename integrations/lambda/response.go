package lambdaafter

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// Response is what [Handler] gives to aws-lambda-go. Its methods are for aws-lambda-go alone.
type Response struct {
	io.Reader
	contentType string
	inner       io.Closer // nil: none
	sent        func()
}

// errNotJSON makes aws-lambda-go send what the response reads, as that of a function URL does.
var errNotJSON = errors.New("lambdaafter: not JSON")

// newResponse returns the response for what a function has returned. sent is called when the platform has
// accepted it.
func newResponse(out any, sent func()) (*Response, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(out)
	if reader, ok := out.(io.Reader); ok && (err != nil || bytes.HasPrefix(buf.Bytes(), []byte("{}"))) {
		r := &Response{Reader: reader, contentType: "application/octet-stream", sent: sent}
		if typed, ok := out.(interface{ ContentType() string }); ok {
			r.contentType = typed.ContentType()
		}
		r.inner, _ = out.(io.Closer)
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	buf.Truncate(buf.Len() - 1) // the encoder's line feed
	return &Response{Reader: &buf, contentType: "application/json", sent: sent}, nil
}

// MarshalJSON implements [json.Marshaler].
func (*Response) MarshalJSON() ([]byte, error) { return nil, errNotJSON }

// ContentType is what aws-lambda-go asks for.
func (r *Response) ContentType() string { return r.contentType }

// Close is called when the platform has accepted the response. It returns when the callbacks have ended.
func (r *Response) Close() (err error) {
	if r.inner != nil {
		err = r.inner.Close()
	}
	r.sent()
	return err
}
