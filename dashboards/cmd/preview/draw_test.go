package main

import (
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// answers are what a server that stands for Prometheus answers: to each query
// that contains a text, series of labels with one value at all times.
type answers map[string][]answer

type answer struct {
	labels map[string]string
	value  float64
}

// source starts that server, and one that stands for Jaeger.
func (a answers) source(t *testing.T) *source {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result := []any{}
		for text, series := range a {
			if !strings.Contains(r.FormValue("query"), text) {
				continue
			}
			for _, one := range series {
				metric := map[string]any{"metric": one.labels}
				if at := r.FormValue("time"); at != "" {
					metric["value"] = []any{json.Number(at), fmt.Sprint(one.value)}
				} else {
					var values []any
					start, end := number(t, r.FormValue("start")), number(t, r.FormValue("end"))
					for at := start; at <= end; at += number(t, r.FormValue("step")) {
						values = append(values, []any{at, fmt.Sprint(one.value)})
					}
					metric["values"] = values
				}
				result = append(result, metric)
			}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"result": result}})
	}))
	t.Cleanup(server.Close)
	jaeger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data": [{"traceID": "a727216fa298a6", "processes": {"p": {"serviceName": "shop"}},
			"spans": [{"operationName": "process a", "startTime": 1780000000123456, "duration": 10000000, "processID": "p"}]}]}`)
	}))
	t.Cleanup(jaeger.Close)
	s := newSource(server.URL, 10*time.Minute, 15*time.Second)
	s.jaeger = jaeger.URL
	return s
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	v, err := json.Number(s).Float64()
	require.NoError(t, err)
	return v
}

// draw draws a panel as it was when faults were seen in Grafana (board faulty),
// or as it is.
func draw(t *testing.T, s *source, name, title string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/faulty.json")
	if name != "faulty" {
		text, err = fs.ReadFile(dashboards.Grafana, "grafana/"+name+".json")
	}
	require.NoError(t, err)
	page, err := preview(t.Context(), text, s, variables{"job": "shop", "callback": "a"})
	require.NoError(t, err)
	_, panel, found := strings.Cut(string(page), "<h2>"+html.EscapeString(title)+"</h2>")
	require.True(t, found, title)
	panel, _, _ = strings.Cut(panel, "</div></div>\n<div class=")
	require.NotContains(t, panel, `class="failed"`)
	return panel
}

const (
	drawnGreen  = "#56A64B"
	drawnRed    = "#E02F44"
	drawnOrange = "#FF780A"
)

func TestAStateTimelineColoredByThresholdsForgetsItsWords(t *testing.T) {
	s := answers{"ALERTS": {{map[string]string{"alertname": "Critical"}, 2}, {map[string]string{"alertname": "Warning"}, 1}}}.source(t)
	faulty, mended := draw(t, s, "faulty", "Alerts"), draw(t, s, "overview", "Alerts")
	require.Contains(t, faulty, "-∞+")
	require.Contains(t, faulty, drawnGreen)
	require.NotContains(t, faulty, drawnRed)
	require.NotContains(t, mended, "∞")
	require.NotContains(t, mended, drawnGreen)
	require.Contains(t, mended, drawnRed)
	require.Contains(t, mended, drawnOrange)
}

func TestAnInstanceThatIsDownIsRed(t *testing.T) {
	s := answers{"up{": {{map[string]string{"instance": "a:1"}, 0}}}.source(t)
	require.NotContains(t, draw(t, s, "faulty", "Scrapes"), drawnRed)
	mended := draw(t, s, "runtime", "Scrapes")
	require.Contains(t, mended, drawnRed)
	require.Contains(t, mended, ">down<")
}

func TestAnEmptyStateTimelineSaysNothingOfIt(t *testing.T) {
	s := answers{"or on () ": {{map[string]string{"alertname": "none fires"}, 0}}}.source(t)
	require.Contains(t, draw(t, s, "faulty", "Alerts"), "Data does not have a time field")
	mended := draw(t, s, "overview", "Alerts")
	require.Contains(t, mended, "none fires")
	require.Contains(t, mended, drawnGreen)
}

func TestNoValueHasTheColorOfTheLowestThresholdUnlessItIsMapped(t *testing.T) {
	s := answers{}.source(t)
	require.Contains(t, draw(t, s, "faulty", "Stuck"), "background:"+drawnGreen+";font-size:34px\">no data<")
	require.Contains(t, draw(t, s, "runtime", "Stuck"), "background:#6e6e6e;font-size:34px\">no data<")
}

var mark1 = regexp.MustCompile(`<i style="background:([^"]+)">`)

func TestByNameAllMarksOfALegendHaveOneColor(t *testing.T) {
	s := answers{"callback_duration": {{map[string]string{"callback": "a"}, 1}, {map[string]string{"callback": "b"}, 2}}}.source(t)
	colors := func(panel string) (marks [][]string, lines int) {
		marks = mark1.FindAllStringSubmatch(panel, -1)
		require.Len(t, marks, 2)
		for _, m := range marks {
			lines += strings.Count(panel, `stroke="`+m[1]+`" stroke-linecap`)
		}
		return marks, lines
	}
	marks, _ := colors(draw(t, s, "faulty", "Run time p99, by callback"))
	require.Equal(t, marks[0][1], marks[1][1])
	marks, lines := colors(draw(t, s, "overview", "Run time p99, by callback"))
	require.NotEqual(t, marks[0][1], marks[1][1])
	require.Equal(t, 2, lines, "each line has the color of its mark")
}

func TestWhatIsAtZeroAllDayHasAnAxisToAHundredUnlessItEndsSoftly(t *testing.T) {
	s := answers{"retries": {{map[string]string{"callback": "a"}, 0}}}.source(t)
	require.Contains(t, draw(t, s, "faulty", "Retries"), ">100 ops/s<")
	require.Contains(t, draw(t, s, "overview", "Retries"), ">0.1 ops/s<")
}

func TestAnAnnotationThatLastsTintsEveryPanel(t *testing.T) {
	const tint = `fill="` + drawnRed + `" fill-opacity=".2"`
	s := answers{"ALERTS": {{map[string]string{"alertname": "A"}, 1}}, "retries": {{map[string]string{"callback": "a"}, 0}}}.source(t)
	require.Contains(t, draw(t, s, "faulty", "Retries"), tint)
	require.NotContains(t, draw(t, s, "callback", "Retries"), tint)
}

func TestATableOfTracesHasRoomForItsColumns(t *testing.T) {
	s := answers{}.source(t)
	faulty, mended := draw(t, s, "faulty", "Its failed traces"), draw(t, s, "callback", "Its failed traces")
	width := regexp.MustCompile(`<th style="width:(\d+)px[^>]*>Start time<`)
	require.Contains(t, faulty, "shop: process a")
	require.NotContains(t, mended, "shop: process a", "it is the same in each row")
	require.Contains(t, mended, "a727216fa298a6")
	require.Equal(t, "178", width.FindStringSubmatch(mended)[1], "that is what milliseconds need")
}

func TestARowOfATableIsWhatAllQueriesSayOfItTheWorstFirst(t *testing.T) {
	of := func(callback string, value float64) answer {
		return answer{map[string]string{"callback": callback, "runner": "r"}, value}
	}
	s := answers{
		`sum by (cluster, namespace, runner, callback) (rate(afterglow_callbacks_total{cluster=~".*", namespace=~".*", job="shop", pod=~".*", instance=~".*", runner=~".*", callback=~"a", outcome=~"error`: {of("good", 0), of("bad", 2)},
		"sum by (cluster, namespace, runner, callback) (rate(afterglow_asked_total": {of("good", 7), of("bad", 3)},
		"sum by (cluster, namespace, runner, callback) (afterglow_callbacks_stuck":  {of("bad", 1)},
	}.source(t)
	panel := draw(t, s, "overview", "Callbacks")
	rows := strings.Split(panel, "<tr>")
	require.Len(t, rows, 4, "the heads and two callbacks")
	require.Regexp(t, `class="link"[^>]*>bad<.*background:`+drawnRed+`;[^>]*>2 ops/s<.*>3 ops/s<.*background:`+drawnRed+`;[^>]*>1<`, rows[2])
	require.Regexp(t, `class="link"[^>]*>good<.*background:transparent">0 ops/s<.*>7 ops/s<.*background:transparent">–<`, rows[3])
}

func TestALineOfTheLogSaysWhatWentWrongAndNoneOfItIsHighlighted(t *testing.T) {
	s := answers{}.source(t)
	at := time.Now().Add(-time.Minute).Format(time.RFC3339Nano)
	for _, message := range []string{
		names.LogFailed, names.LogPanicked, names.LogTimedOut, names.LogCanceled,
		names.LogDropped, names.LogAbandoned, names.LogStuck, names.LogRejected,
	} {
		r, ok := newRecord(fmt.Sprintf(`{"time": %q, "msg": %q, "callback": "a", "error": "no such host: callback timed out", "reason": "queue_full",
			"duration_seconds": 0.12345, "suppressed": 7, "function": "main.send (/src/mail.go:7)"}`, at, message))
		require.True(t, ok)
		s.records = []record{r}
		faulty, mended := draw(t, s, "faulty", "Its failures' logs"), draw(t, s, "callback", "Its failures' logs")
		require.Contains(t, faulty, "<mark>"+message)
		require.NotContains(t, faulty, "no such host")
		require.NotContains(t, mended, "<mark>")
		require.Contains(t, mended, "</b> "+strings.TrimPrefix(message, "callback ")+
			": no such host: callback timed out · queue_full · in main.send (/src/mail.go:7) · after 0.123 s · 7 more left out<")
	}
	r, ok := newRecord(fmt.Sprintf(`{"time": %q, "msg": "callback panicked", "callback": "a", "exception.message": "nil map",
		"exception.stacktrace": "main.(*shop).send(0x1, {0x2, 0x3})\n\t/src/shop/mail.go:131 +0x32b\nmain.main\n\t/src/main.go:7"}`, at))
	require.True(t, ok)
	s.records = []record{r}
	require.Contains(t, draw(t, s, "callback", "Its failures' logs"), "</b> panicked: nil map · at mail.go:131<")
	// By OTLP, the line is the message, and the fields are beside it.
	r, _ = newRecord(fmt.Sprintf(`{"time": %q, "callback": "a", "exception_message": "nil map"}`, at))
	r.line = names.LogPanicked
	s.records = []record{r}
	require.Contains(t, draw(t, s, "callback", "Its failures' logs"), "</b> panicked: nil map<")
	s.records = []record{{}}
	require.Contains(t, draw(t, s, "callback", "Its failures' logs"), "no failure is in the log")
}

func TestErrorsAreCountedWithoutTheirNumbers(t *testing.T) {
	s := answers{}.source(t)
	for i := range 3 {
		r, _ := newRecord(fmt.Sprintf(`{"time": %q, "msg": "callback failed", "callback": "a", "error": "order %d: no such host", "error.type": "*net.DNSError"}`,
			time.Now().Add(-time.Duration(2+i)*time.Minute).Format(time.RFC3339Nano), 100+i))
		s.records = append(s.records, r)
	}
	panel := draw(t, s, "overview", "What fails, by error")
	require.Equal(t, 2, strings.Count(panel, "<tr>"), "the head and one error")
	require.Regexp(t, `>a<.*>order #: no such host<.*>\*net.DNSError<.*>3<.*>4 minutes ago<.*>2 minutes ago<`, panel)
}

func TestWhatADrainLostIsNamed(t *testing.T) {
	s := answers{}.source(t)
	r, _ := newRecord(fmt.Sprintf(`{"time": %q, "msg": "drain finished", "runner": "shop", "pending": 24, "completed": 1, "lost": 23,
		"lost_callbacks": ["23 x order.email dropped"], "duration_seconds": 5}`, time.Now().Add(-time.Minute).Format(time.RFC3339Nano)))
	s.records = []record{r}
	require.Contains(t, draw(t, s, "runtime", "Drains, and what they lost"),
		"finished · runner shop · pending 24 · completed 1 · lost 23: [&#34;23 x order.email dropped&#34;] · took 5 s<")
}
