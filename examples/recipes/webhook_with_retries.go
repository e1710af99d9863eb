package recipes

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Webhook tells a partner of an order. It tries again while that makes sense, and when the
// partner says so.
type Webhook struct {
	URL    string
	Client *http.Client
}

// longestWait bounds what a partner can ask for. A callback that waits takes a place.
const longestWait = 10 * time.Minute

// After asks for the delivery. It makes up to ten attempts: within some minutes, or
// later if the partner asks for it.
func (h *Webhook) After(ctx context.Context, id string, body []byte) error {
	return runner.After(ctx, "order.webhook", func(ctx context.Context) error { return h.deliver(ctx, id, body) },
		runner.Timeout(5*time.Second), // of each attempt
		runner.RetryBackoff(10, runner.Exponential(time.Second, time.Minute)),
		runner.Ref("order "+id))
}

func (h *Webhook) deliver(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return runner.Permanent(err)
	}
	// An attempt whose answer was lost has been delivered. The key lets the partner see that.
	req.Header.Set("Idempotency-Key", "order-"+id)
	res, err := h.Client.Do(req)
	if err != nil {
		return err // the partner is down, or slow: wait as the backoff says
	}
	defer res.Body.Close()
	if res.StatusCode < 300 {
		return nil
	}
	err = fmt.Errorf("order %s: the partner answers %s", id, res.Status)
	switch wait, ok := retryAfter(res.Header, time.Now()); {
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		if ok {
			return runner.RetryIn(err, min(wait, longestWait))
		}
		return err
	default:
		return runner.Permanent(err) // 400, 404, 410: the next answer will be the same
	}
}

// retryAfter reads the Retry-After header: seconds, or a date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(0, min(seconds, int(longestWait/time.Second)))) * time.Second, true
	}
	date, err := http.ParseTime(value)
	return date.Sub(now), err == nil
}
