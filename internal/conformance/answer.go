package conformance

import (
	"io"
	"net/http"
)

// answer is a response that has been read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request and reads its response.
func (e *env) do(client *http.Client, method, target string, body io.Reader, header ...string) (answer, error) {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), method, target, body)
	if err != nil {
		e.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(all)}, err
}

// get is do for a request that must succeed with the given status.
func (e *env) get(client *http.Client, path string, status int, header ...string) string {
	e.Helper()
	got, err := e.do(client, http.MethodGet, e.url(client, path), nil, header...)
	if err != nil {
		e.Fatal(err)
	}
	if got.status != status {
		e.Errorf("the status is %d, not %d", got.status, status)
	}
	return got.body
}

// open sends a request and leaves it to the caller to read the response.
func (e *env) open(client *http.Client, path string) io.ReadCloser {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.url(client, path), nil)
	if err != nil {
		e.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	return res.Body
}
