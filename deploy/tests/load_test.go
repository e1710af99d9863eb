package tests

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const manifestsDir = "deploy/kubernetes"

// manifests are what one kustomization is built to.
type manifests struct {
	deployments     []*apps.Deployment
	services        []*core.Service
	configMaps      []*core.ConfigMap
	secrets         []*core.Secret
	budgets         []*policy.PodDisruptionBudget
	policies        []*networking.NetworkPolicy
	autoscalers     []*autoscaling.HorizontalPodAutoscaler
	podMonitors     []*monitoring.PodMonitor
	serviceMonitors []*monitoring.ServiceMonitor
}

// decoder takes the fields that the types have, each once, and no others.
func decoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, autoscaling.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	} {
		require.NoError(t, add(scheme))
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

// add decodes a stream of YAML documents.
func (m *manifests) add(d runtime.Decoder, stream string) error {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(stream)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		object, _, err := d.Decode(document, nil, nil)
		if err != nil {
			return err
		}
		switch o := object.(type) {
		case *apps.Deployment:
			m.deployments = append(m.deployments, o)
		case *core.Service:
			m.services = append(m.services, o)
		case *core.ConfigMap:
			m.configMaps = append(m.configMaps, o)
		case *core.Secret:
			m.secrets = append(m.secrets, o)
		case *policy.PodDisruptionBudget:
			m.budgets = append(m.budgets, o)
		case *networking.NetworkPolicy:
			m.policies = append(m.policies, o)
		case *autoscaling.HorizontalPodAutoscaler:
			m.autoscalers = append(m.autoscalers, o)
		case *monitoring.PodMonitor:
			m.podMonitors = append(m.podMonitors, o)
		case *monitoring.ServiceMonitor:
			m.serviceMonitors = append(m.serviceMonitors, o)
		case *core.Namespace:
		default:
			return errors.New("nothing checks objects of kind " + o.GetObjectKind().GroupVersionKind().Kind)
		}
	}
}

// kustomizations are what is built: what the repository has, and each component with the base.
var kustomizations = map[string]string{
	"base":             "",
	"overlays/example": "",
	"with-pod-monitor": "pod-monitor", "with-service-monitor": "service-monitor", "with-autoscaling": "autoscaling",
}

// build builds a kustomization as kubectl does.
func build(t *testing.T, name string) *manifests {
	t.Helper()
	files := filesys.MakeFsInMemory()
	root := filepath.Join(repository, filepath.FromSlash(manifestsDir))
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		return files.WriteFile("/"+path, text)
	}))
	if component := kustomizations[name]; component != "" {
		require.NoError(t, files.WriteFile("/"+name+"/kustomization.yaml", []byte("resources: [../base]\ncomponents: [../components/"+component+"]\n")))
	}
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "/"+name)
	require.NoError(t, err)
	text, err := resources.AsYaml()
	require.NoError(t, err)
	m := new(manifests)
	require.NoError(t, m.add(decoder(t), string(text)), "%s", text)
	require.NotEmpty(t, m.deployments)
	return m
}

func TestTheAPIKnowsEachFieldOfEachManifest(t *testing.T) {
	seen := 0
	root := filepath.Join(repository, filepath.FromSlash(manifestsDir))
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		switch {
		case entry.IsDir() || filepath.Ext(path) != ".yaml":
		case entry.Name() == "kustomization.yaml" || entry.Name() == "adapter-rules.yaml": // their own tests read them
		default:
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, new(manifests).add(decoder(t), string(text)), path)
			seen++
		}
		return nil
	}))
	require.GreaterOrEqual(t, seen, 10)
}

func TestUnknownFieldsAndFieldsThatAreThereTwiceAreFound(t *testing.T) {
	const pod = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      "
	for text, says := range map[string]string{
		pod + "terminationGracePeriod: 60\n":                                         "terminationGracePeriod",
		pod + "nodeName: a\n      nodeName: b\n":                                     "nodeName",
		pod + "terminationGracePeriodSeconds: 1m\n":                                  "terminationGracePeriodSeconds",
		"apiVersion: apps/v2\nkind: Deployment\n":                                    "apps/v2",
		"apiVersion: monitoring.coreos.com/v1\nkind: PodMonitor\nspec:\n  jobs: a\n": "jobs",
	} {
		require.ErrorContains(t, new(manifests).add(decoder(t), text), says)
	}
}

func TestKustomizeBuildsTheBaseTheOverlayAndEachComponent(t *testing.T) {
	for name := range kustomizations {
		m := build(t, name)
		require.GreaterOrEqual(t, len(m.deployments), 2, name)
	}
	require.Empty(t, build(t, "base").podMonitors, "the base needs the API of Kubernetes only")
	example := build(t, "overlays/example")
	require.Len(t, example.podMonitors, 1)
	require.Len(t, example.autoscalers, 1)
	require.Len(t, build(t, "with-service-monitor").serviceMonitors, 1)
	for _, d := range example.deployments {
		require.Equal(t, "shop", d.Namespace)
	}
}
