package tests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const page = "docs/kubernetes.md"

// The table of a deploy adds up what the manifest has.
func TestThePageHasTheSecondsOfTheManifest(t *testing.T) {
	text := readFile(t, page)
	for _, d := range build(t, "base").deployments {
		c := shopOf(d)
		if flagOf(c.Args, "role") != "web" {
			continue
		}
		at := time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
		row := func(format string) {
			require.Contains(t, text, fmt.Sprintf("\n| "+format+" |", int(at.Seconds())))
		}
		row("%d")
		part := durationOf(c.Args, "drain", 0) / 3
		at += part
		require.Contains(t, text, fmt.Sprintf("\n| %d to %d |", c.Lifecycle.PreStop.Sleep.Seconds, int(at.Seconds())))
		for _, next := range []time.Duration{part, part, flushTime, durationOf(c.Args, "linger", 0), closeTime} {
			at += next
			row("up to %d")
		}
		at = time.Duration(*d.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
		row("%d")
		return
	}
	require.Fail(t, "no web")
}

// What a user of KEDA copies asks for the same as the autoscaler.
func TestTheScaledObjectOfThePageScalesAsTheAutoscalerDoes(t *testing.T) {
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(readFile(t, page), -1)
	require.Len(t, blocks, 1)
	var object struct {
		APIVersion, Kind string
		Metadata         struct{ Name, Namespace string }
		Spec             struct {
			ScaleTargetRef                   struct{ Name string }
			MinReplicaCount, MaxReplicaCount int32
			Triggers                         []struct {
				Type, MetricType string
				Metadata         struct{ ServerAddress, Query, Threshold, IgnoreNullValues string }
			}
		}
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(blocks[0][1]), &object))
	a := build(t, "with-autoscaling").autoscalers[0]
	require.Equal(t, a.Spec.ScaleTargetRef.Name, object.Spec.ScaleTargetRef.Name)
	require.Equal(t, *a.Spec.MinReplicas, object.Spec.MinReplicaCount)
	require.Equal(t, a.Spec.MaxReplicas, object.Spec.MaxReplicaCount)
	require.Len(t, object.Spec.Triggers, 1)
	trigger := object.Spec.Triggers[0]
	require.Equal(t, string(a.Spec.Metrics[0].External.Target.Type), trigger.MetricType)
	require.Equal(t, a.Spec.Metrics[0].External.Target.Value.String(), trigger.Metadata.Threshold)

	adapter := readFile(t, manifestsDir+"/components/autoscaling/adapter-rules.yaml")
	_, query, found := strings.Cut(adapter, "metricsQuery: >-")
	require.True(t, found)
	same := strings.NewReplacer("max by (<<.GroupBy>>)", "max", "<<.LabelMatchers>>", `namespace="shop"`, " ", "", "\n", "")
	require.Equal(t, same.Replace(strings.ReplaceAll(query, " by (<<.GroupBy>>) ", "")), strings.ReplaceAll(trigger.Metadata.Query, " ", ""))
}
