// Package alerts receives what Alertmanager sends to a webhook.
package alerts

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Alert is one of a notification, as Alertmanager tells it.
type Alert struct {
	Status       string // Firing or Resolved
	Labels       map[string]string
	Annotations  map[string]string
	StartsAt     time.Time
	EndsAt       time.Time
	GeneratorURL string
	Fingerprint  string // of the labels

	Receiver string `json:"-"` // the name of Alertmanager's receiver that sent it
}

// What Status can be.
const (
	Firing   = "firing"
	Resolved = "resolved"
)

// Name is the alert's name.
func (a Alert) Name() string { return a.Labels["alertname"] }

// String is two or three lines for people.
func (a Alert) String() string {
	var labels []string
	for name, value := range a.Labels {
		if name != "alertname" && name != "severity" {
			labels = append(labels, name+"="+value)
		}
	}
	slices.Sort(labels)
	s := strings.TrimSpace(fmt.Sprintf("%-8s %s (%s) %s", strings.ToUpper(a.Status), a.Name(), a.Labels["severity"], strings.Join(labels, " ")))
	if summary := a.Annotations["summary"]; summary != "" {
		s += "\n         " + summary
	}
	if runbook := a.Annotations["runbook_url"]; runbook != "" && a.Status == Firing {
		s += "\n         " + runbook
	}
	return s
}

// News tells what has not been told before: Alertmanager repeats itself.
type News struct {
	mu   sync.Mutex
	told map[string]string // status by fingerprint; guarded by mu
}

// Is reports whether the alert fires or is resolved since the last call.
func (n *News) Is(a Alert) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told == nil {
		n.told = make(map[string]string)
	}
	before := n.told[a.Fingerprint]
	n.told[a.Fingerprint] = a.Status
	return before != a.Status
}

// maxBody bounds one notification.
const maxBody = 4 << 20

// Handler calls each with every alert of every notification that is posted to
// it, from the requests' goroutines.
func Handler(each func(Alert)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "use POST", http.StatusMethodNotAllowed)
			return
		}
		var body struct {
			Receiver string
			Alerts   []Alert
		}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, a := range body.Alerts {
			a.Receiver = body.Receiver
			each(a)
		}
	})
}
