package tests

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// runService is a Service of Knative, as Cloud Run takes it. Knative's own types have the
// containers of Kubernetes, too.
type runService struct {
	meta.TypeMeta   `json:",inline"`
	meta.ObjectMeta `json:"metadata"`

	Spec struct {
		Template struct {
			meta.ObjectMeta `json:"metadata"`

			Spec struct {
				ContainerConcurrency int64            `json:"containerConcurrency"`
				TimeoutSeconds       int64            `json:"timeoutSeconds"`
				ServiceAccountName   string           `json:"serviceAccountName"`
				Containers           []core.Container `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
}

const runFile = "deploy/cloudrun/service.yaml"

// What Cloud Run documents: it kills ten seconds after SIGTERM.
const runGrace = 10 * time.Second

func TestTheCloudRunServiceKeepsTheCPUAndEndsInTenSeconds(t *testing.T) {
	var s runService
	require.NoError(t, yaml.UnmarshalStrict([]byte(readFile(t, runFile)), &s))
	require.Equal(t, "serving.knative.dev/v1", s.APIVersion)
	require.Equal(t, "Service", s.Kind)
	require.Equal(t, "false", s.Spec.Template.Annotations["run.googleapis.com/cpu-throttling"], "callbacks run when there is no request")
	require.NotEqual(t, "0", s.Spec.Template.Annotations["autoscaling.knative.dev/minScale"])
	require.Len(t, s.Spec.Template.Spec.Containers, 1)
	c := s.Spec.Template.Spec.Containers[0]
	require.Empty(t, refused(t, c.Args, []string{"SHOP_DURABLE=postgres://shop@db/shop"}))
	for _, arg := range c.Args {
		require.NotRegexp(t, variable, arg, "no document promises that Cloud Run replaces variables")
	}
	require.Less(t, durationOf(c.Args, "not-ready", 0)+durationOf(c.Args, "drain", defaultDrain)+durationOf(c.Args, "linger", 0)+closeTime, runGrace)
	require.Len(t, c.Ports, 1, "Cloud Run has one port")
	require.True(t, strings.HasSuffix(flagOf(c.Args, "addr"), ":8080"))
	require.EqualValues(t, 8080, c.Ports[0].ContainerPort)
	require.Equal(t, c.Ports[0].ContainerPort, c.StartupProbe.HTTPGet.Port.IntVal)
	require.Equal(t, "SHOP_DURABLE", c.Env[0].Name)
	require.NotNil(t, c.Env[0].ValueFrom.SecretKeyRef)
	soft, err := resource.ParseQuantity(strings.TrimSuffix(c.Env[1].Value, "B"))
	require.NoError(t, err)
	require.InDelta(t, 0.9, float64(soft.Value())/float64(c.Resources.Limits.Memory().Value()), 0.05)

	broken := regexp.MustCompile(`timeoutSeconds: 60`).ReplaceAllString(readFile(t, runFile), "timeoutSecond: 60")
	require.ErrorContains(t, yaml.UnmarshalStrict([]byte(broken), &s), "timeoutSecond")
}
