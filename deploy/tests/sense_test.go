package tests

import (
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

func TestThePartsOfTheManifestsFitEachOther(t *testing.T) {
	for name := range kustomizations {
		m := build(t, name)
		require.Empty(t, m.wiring(), name)
		require.Empty(t, m.pods(), name)
	}
}

func TestTheShopTakesItsArguments(t *testing.T) {
	for name := range kustomizations {
		m := build(t, name)
		shops := 0
		for _, d := range m.deployments {
			if c := shopOf(d); c != nil {
				values, _ := m.environment(*c)
				var args, env []string
				for _, arg := range c.Args {
					expanded, _ := expand(arg, values)
					args = append(args, expanded)
				}
				for key, value := range values {
					env = append(env, key+"="+value)
				}
				require.Empty(t, refused(t, args, env), "%s: %s", name, d.Name)
				shops++
			}
		}
		require.Equal(t, 2, shops, name)
	}
}

// Each mistake is one that would be noticed in a cluster only, some of them during a
// deploy only.
func TestMistakesInTheManifestsAreFound(t *testing.T) {
	web := func(m *manifests) *core.Container {
		for _, d := range m.deployments {
			if c := shopOf(d); c != nil && flagOf(c.Args, "role") == "web" {
				return c
			}
		}
		return nil
	}
	seconds := int64(60)
	for says, mistake := range map[string]func(*manifests){
		"selects the pods of 0 deployments": func(m *manifests) { m.deployments[0].Spec.Template.Labels = nil },
		"selects no pod":                    func(m *manifests) { m.services[0].Spec.Selector["app.kubernetes.io/name"] = "other" },
		"leads to port web":                 func(m *manifests) { m.services[0].Spec.Ports[0].TargetPort = intstr.FromString("web") },
		"lets all of them go, or none":      func(m *manifests) { m.budgets[0].Spec.MaxUnavailable.IntVal = 2 },
		"and no pod has it":                 func(m *manifests) { m.policies[0].Spec.Ingress[0].Ports[0].Port.StrVal = "web" },
		"reads a port":                      func(m *manifests) { *m.podMonitors[0].Spec.PodMetricsEndpoints[0].Port = "metrics" },
		"for the job":                       func(m *manifests) { m.podMonitors[0].Spec.JobLabel = "app" },
		"has no target":                     func(m *manifests) { m.autoscalers[0].Spec.ScaleTargetRef.Name = "worker" },
		"takes back what": func(m *manifests) {
			m.deployments[slices.IndexFunc(m.deployments, isWorker)].Spec.Replicas = new(int32)
		},
		"may run as root":                    func(m *manifests) { m.deployments[0].Spec.Template.Spec.SecurityContext.RunAsNonRoot = nil },
		"may write to its root":              func(m *manifests) { web(m).SecurityContext.ReadOnlyRootFilesystem = nil },
		"has capabilities":                   func(m *manifests) { web(m).SecurityContext.Capabilities.Drop = nil },
		"the readiness probe asks port 9090": func(m *manifests) { web(m).ReadinessProbe.HTTPGet.Port = intstr.FromInt32(9090) },
		"is ready before it listens":         func(m *manifests) { web(m).ReadinessProbe = nil },
		"has no /tmp":                        func(m *manifests) { web(m).VolumeMounts = nil },
		"does not say what it needs":         func(m *manifests) { web(m).Resources.Limits = nil },
		"nothing sets [$(SHOP_MAIL)]":        func(m *manifests) { web(m).Args = append(web(m).Args, "-smtp=$(SHOP_MAIL)") },
		"no key url":                         func(m *manifests) { web(m).Env[0].ValueFrom.SecretKeyRef.Key = "url" },
		"from what is not there":             func(m *manifests) { m.configMaps[0].Name = "other" },
		"-addr=0.0.0.0:80, which is not":     func(m *manifests) { web(m).Args[1] = "-addr=0.0.0.0:80" },
		"-db=/data/shop.db is where":         func(m *manifests) { web(m).Args = append(web(m).Args, "-db=/data/shop.db") },
		"before load balancers have noticed": func(m *manifests) { web(m).Lifecycle = nil },
		"is killed before it has ended: it may take 1m7s": func(m *manifests) {
			for _, d := range m.deployments {
				d.Spec.Template.Spec.TerminationGracePeriodSeconds = &seconds
			}
		},
		"-linger ends before the last scrape": func(m *manifests) { m.podMonitors[0].Spec.PodMetricsEndpoints[0].Interval = "30s" },
		"GOMEMLIMIT=230MiB is not": func(m *manifests) {
			web(m).Resources.Limits = core.ResourceList{core.ResourceMemory: *web(m).Resources.Limits.Memory()}
			q := web(m).Resources.Limits[core.ResourceMemory]
			q.Add(q)
			web(m).Resources.Limits[core.ResourceMemory] = q
		},
		"takes all processors": func(m *manifests) {
			web(m).Env = slices.DeleteFunc(web(m).Env, func(e core.EnvVar) bool { return e.Name == "GOMAXPROCS" })
		},
	} {
		m := build(t, "overlays/example")
		mistake(m)
		found := append(m.wiring(), m.pods()...)
		require.True(t, slices.ContainsFunc(found, regexp.MustCompile(regexp.QuoteMeta(says)).MatchString), "%s: found %q", says, found)
	}
}

var hostPort = regexp.MustCompile(`([a-z0-9.-]+):(\d+)`)

func TestTheNetworkPolicyLetsTheShopReachWhatItIsToldOf(t *testing.T) {
	m := build(t, "overlays/example")
	open := make(map[string]bool)
	for _, rule := range m.policies[slices.IndexFunc(m.policies, isOfShop)].Spec.Egress {
		for _, port := range rule.Ports {
			open[port.Port.String()] = true
		}
	}
	reached := 0
	for _, d := range m.deployments {
		c := shopOf(d)
		if c == nil {
			continue
		}
		values, _ := m.environment(*c)
		for name, value := range values {
			for _, address := range hostPort.FindAllStringSubmatch(value, -1) {
				require.True(t, open[address[2]], "%s=%s", name, value)
				reached++
				for _, s := range m.services {
					if s.Name == address[1] {
						require.Equal(t, address[2], strconv.Itoa(int(s.Spec.Ports[0].Port)), "%s=%s", name, value)
					}
				}
			}
		}
	}
	require.GreaterOrEqual(t, reached, 8, "the database, the mail server, spans and records, of web and worker")
}

func TestTheAutoscalerAsksForAMetricThatTheAdapterMakesOfOurs(t *testing.T) {
	var values struct {
		Rules struct {
			External []struct {
				SeriesQuery, MetricsQuery string
				Name                      struct{ As string }
				Resources                 struct {
					Overrides map[string]struct{ Resource string }
				}
			}
		}
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(readFile(t, manifestsDir+"/components/autoscaling/adapter-rules.yaml")), &values))
	require.Len(t, values.Rules.External, 1)
	rule := values.Rules.External[0]
	m := build(t, "with-autoscaling")
	require.Equal(t, rule.Name.As, m.autoscalers[0].Spec.Metrics[0].External.Metric.Name)
	require.Equal(t, "namespace", rule.Resources.Overrides["namespace"].Resource)
	schema := readFile(t, "telemetry/SCHEMA.md")
	names := regexp.MustCompile(`afterglow_\w+`).FindAllString(rule.SeriesQuery+rule.MetricsQuery, -1)
	require.Len(t, names, 3)
	for _, name := range names {
		require.Contains(t, schema, "`"+name+"`")
	}
}

func TestTheDatabaseHasConnectionsForAllProcesses(t *testing.T) {
	number := func(text, pattern string) int {
		match := regexp.MustCompile(pattern).FindStringSubmatch(text)
		require.NotNil(t, match, pattern)
		n, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		return n
	}
	// Beside the pool, one connection listens and one writes heartbeats.
	each := number(readFile(t, "examples/shop/database.go"), `const maxPostgresConns = (\d+)`) + 2
	allowed := number(readFile(t, manifestsDir+"/overlays/example/postgres.yaml"), `max_connections=(\d+)`)
	m := build(t, "overlays/example")
	processes := 0
	for _, d := range m.deployments {
		if shopOf(d) == nil {
			continue
		}
		replicas := m.leastReplicas(d)
		for _, a := range m.autoscalers {
			if a.Spec.ScaleTargetRef.Name == d.Name {
				replicas = int(a.Spec.MaxReplicas)
			}
		}
		processes += replicas + d.Spec.Strategy.RollingUpdate.MaxSurge.IntValue()
	}
	require.Greater(t, processes, 4)
	require.Less(t, processes*each, allowed-3, "%d processes with %d connections; three are for superusers", processes, each)
}
