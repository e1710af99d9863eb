package rules_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The address of a pod says little, and its name is in no description by itself.
func TestAnAlertThatNamesAnInstanceNamesItsPodAndLeadsToIt(t *testing.T) {
	const instance, pod = "{{ $labels.instance }}", "{{ with $labels.pod }} ({{ . }}){{ end }}"
	named := 0
	for _, r := range alerts(t) {
		description := r.Annotations["description"]
		if !strings.Contains(description, instance) {
			continue
		}
		named++
		require.Equal(t, strings.Count(description, instance), strings.Count(description, instance+pod), r.Alert)
		if strings.Contains(r.Annotations["dashboard_url"], "var-instance=") {
			require.Contains(t, r.Annotations["dashboard_url"], "{{ with $labels.pod }}&var-pod={{ . | urlquery }}{{ end }}", r.Alert)
		}
	}
	require.Greater(t, named, 8)
}
