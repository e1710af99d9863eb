package alerts_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/internal/alerts"
)

// notification is as Alertmanager 0.31 posts it.
const notification = `{"receiver":"ticket","status":"firing","alerts":[
{"status":"firing","labels":{"alertname":"AfterglowPanics","severity":"warning","runner":"shop","callback":"order.webhook"},
 "annotations":{"summary":"Callback order.webhook panics","runbook_url":"https://example.org/RUNBOOK.md#afterglowpanics"},
 "startsAt":"2026-01-01T10:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://localhost:9090/graph","fingerprint":"a1"},
{"status":"resolved","labels":{"alertname":"AfterglowScrapeLost","severity":"warning"},"annotations":{},"fingerprint":"b2"}
],"version":"4"}`

func TestEachAlertOfANotificationIsTold(t *testing.T) {
	var told []alerts.Alert
	handler := alerts.Handler(func(a alerts.Alert) { told = append(told, a) })
	post := func(method, body string) int {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(method, "/", strings.NewReader(body)))
		return answer.Code
	}
	require.Equal(t, http.StatusOK, post(http.MethodPost, notification))
	require.Len(t, told, 2)
	require.Equal(t, "AfterglowPanics", told[0].Name())
	require.Equal(t, "ticket", told[0].Receiver)
	require.Equal(t, "FIRING   AfterglowPanics (warning) callback=order.webhook runner=shop\n"+
		"         Callback order.webhook panics\n         https://example.org/RUNBOOK.md#afterglowpanics", told[0].String())
	require.Equal(t, "RESOLVED AfterglowScrapeLost (warning)", told[1].String())

	require.Equal(t, http.StatusMethodNotAllowed, post(http.MethodGet, ""))
	require.Equal(t, http.StatusBadRequest, post(http.MethodPost, "hello"))
	require.Len(t, told, 2)
}

func TestOnlyChangesAreNews(t *testing.T) {
	var news alerts.News
	a := alerts.Alert{Fingerprint: "a1", Status: alerts.Firing}
	b := alerts.Alert{Fingerprint: "b2", Status: alerts.Firing}
	require.True(t, news.Is(a))
	require.True(t, news.Is(b))
	require.False(t, news.Is(a), "Alertmanager repeats itself")
	a.Status = alerts.Resolved
	require.True(t, news.Is(a))
	require.False(t, news.Is(b))
}
