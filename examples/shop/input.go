package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// inputError is a client's mistake, in words for the client.
type inputError struct {
	status  int
	message string
}

func (e *inputError) Error() string { return e.message }

func invalid(format string, args ...any) error {
	return &inputError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// maxBody is plenty for an order. Servers hold requests to it.
const maxBody = 16 << 10

// readJSON decodes the one JSON value in the request's body into v.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return &inputError{http.StatusUnsupportedMediaType, "send Content-Type: application/json"}
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, err = dec.Token(); err == nil {
			return invalid("send one JSON object and nothing after it")
		}
		if errors.Is(err, io.EOF) {
			requestRead(w)
			return nil
		}
	}
	return bodyError(err)
}

// readForm reads the fields in the request's body.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, bodyError(err)
		}
		return nil, invalid("the form could not be read")
	}
	requestRead(w)
	return r.PostForm, nil
}

// bodyError says what is wrong with a body that could not be read.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &tooLarge):
		return &inputError{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	case errors.As(err, &wrongType):
		return invalid("%s: send a %s", wrongType.Field, wrongType.Type)
	case errors.Is(err, io.EOF):
		return invalid("the body is empty: send a JSON object")
	default:
		return invalid("bad JSON: %s", shorten(strings.TrimPrefix(err.Error(), "json: ")))
	}
}

// modeOf is the mode a client asks for: ?mode= comes before what the body says.
func modeOf(r *http.Request, body string) string {
	return cmp.Or(r.URL.Query().Get("mode"), body)
}

// parseName trims the name of a person.
func parseName(s string) (string, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "", errors.New("say who you are")
	case utf8.RuneCountInString(s) > 100:
		return "", errors.New("use at most 100 characters")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return "", errors.New("use no line breaks or control characters")
	}
	return s, nil
}

// parseEmail accepts a bare address. A line break in it would add headers to
// the mail that is sent to it.
func parseEmail(s string) (string, error) {
	s = strings.Trim(s, " ")
	switch {
	case s == "":
		return "", errors.New("fill in a mail address")
	case len(s) > 254:
		return "", errors.New("use at most 254 characters")
	case strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }):
		return "", errors.New("use plain ASCII without line breaks or control characters")
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return "", errors.New("use a plain address, as in ada@example.org")
	}
	return s, nil
}

// shorten keeps what a client sent from filling its own error.
func shorten(s string) string {
	const most = 60
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
