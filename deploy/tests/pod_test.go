package tests

import (
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"time"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// pods says what is wrong with the pods.
func (m *manifests) pods() (problems []string) {
	for _, d := range m.deployments {
		spec := d.Spec.Template.Spec
		found := restricted(spec)
		for _, c := range spec.Containers {
			found = append(found, m.container(d, c)...)
		}
		if c := shopOf(d); c != nil {
			found = append(found, m.shop(d, *c)...)
		}
		for _, f := range found {
			problems = append(problems, d.Name+": "+f)
		}
	}
	return problems
}

// restricted says what the Pod Security Standard of that name, and a little more, forbids.
func restricted(spec core.PodSpec) (problems []string) {
	want := func(ok bool, what string) {
		if !ok {
			problems = append(problems, what)
		}
	}
	s := spec.SecurityContext
	want(s != nil && s.RunAsNonRoot != nil && *s.RunAsNonRoot && s.RunAsUser != nil && *s.RunAsUser > 0, "may run as root")
	want(s != nil && s.SeccompProfile != nil && s.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault, "has no seccomp profile")
	want(spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken, "has a token of the API")
	for _, c := range spec.Containers {
		s := c.SecurityContext
		want(s != nil && s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation, "may gain privileges")
		want(s != nil && s.ReadOnlyRootFilesystem != nil && *s.ReadOnlyRootFilesystem, "may write to its root")
		want(s != nil && s.Capabilities != nil && slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) && len(s.Capabilities.Add) == 0, "has capabilities")
	}
	return problems
}

// container says what is wrong with any container.
func (m *manifests) container(d *apps.Deployment, c core.Container) (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for name, p := range map[string]*core.Probe{"readiness": c.ReadinessProbe, "startup": c.StartupProbe, "liveness": c.LivenessProbe} {
		if p == nil {
			continue
		}
		if p.HTTPGet != nil && !hasPort(d, p.HTTPGet.Port) {
			problem("the %s probe asks port %s, which is none of the pod's", name, p.HTTPGet.Port.String())
		}
	}
	if c.ReadinessProbe == nil {
		problem("is ready before it listens")
	}
	for _, v := range c.VolumeMounts {
		if !slices.ContainsFunc(d.Spec.Template.Spec.Volumes, func(o core.Volume) bool { return o.Name == v.Name }) {
			problem("mounts the volume %s, which it does not have", v.Name)
		}
	}
	if !isWritable(d, c, "/tmp") {
		problem("has no /tmp that it may write to")
	}
	if c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() || c.Resources.Limits.Memory().IsZero() {
		problem("does not say what it needs")
	}
	values, missing := m.environment(c)
	problems = append(problems, missing...)
	for _, arg := range c.Args {
		if _, unknown := expand(arg, values); len(unknown) > 0 {
			problem("argument %s: nothing sets %s", arg, unknown)
		}
	}
	return problems
}

// isWritable reports whether a path is in a volume that the container may write to.
func isWritable(d *apps.Deployment, c core.Container, file string) bool {
	for _, v := range c.VolumeMounts {
		if v.ReadOnly || file != v.MountPath && !strings.HasPrefix(file, v.MountPath+"/") {
			continue
		}
		for _, o := range d.Spec.Template.Spec.Volumes {
			if o.Name == v.Name && (o.EmptyDir != nil || o.PersistentVolumeClaim != nil) {
				return true
			}
		}
	}
	return false
}

// environment returns the variables that a container has, as far as the manifests say,
// and what they refer to and is not there.
func (m *manifests) environment(c core.Container) (values map[string]string, problems []string) {
	values = make(map[string]string)
	for _, from := range c.EnvFrom {
		i := -1
		if from.ConfigMapRef != nil {
			i = slices.IndexFunc(m.configMaps, func(o *core.ConfigMap) bool { return o.Name == from.ConfigMapRef.Name })
		}
		if i < 0 {
			problems = append(problems, "takes variables from what is not there")
			continue
		}
		for key, value := range m.configMaps[i].Data {
			values[key] = value
		}
	}
	own := make(map[string]string) // what values may refer to
	for _, e := range c.Env {
		value, unknown := expand(e.Value, own)
		if len(unknown) > 0 {
			problems = append(problems, fmt.Sprintf("variable %s: nothing before it sets %s", e.Name, unknown))
		}
		if from := e.ValueFrom; from != nil {
			switch {
			case from.FieldRef != nil:
				value = "of-the-pod"
			case from.SecretKeyRef != nil:
				var found bool
				if value, found = m.secret(from.SecretKeyRef.Name, from.SecretKeyRef.Key); !found {
					problems = append(problems, fmt.Sprintf("variable %s: no key %s in a Secret %s", e.Name, from.SecretKeyRef.Key, from.SecretKeyRef.Name))
				}
			default:
				problems = append(problems, "variable "+e.Name+": nothing checks where it is from")
			}
		}
		own[e.Name], values[e.Name] = value, value
	}
	return values, problems
}

func (m *manifests) secret(name, key string) (value string, found bool) {
	if name == outsideSecret {
		return "postgres://shop@db:5432/shop", key == "dsn"
	}
	for _, s := range m.secrets {
		if v, ok := s.Data[key]; ok && s.Name == name {
			return string(v), true
		}
	}
	return "", false
}

// outsideSecret is what the base asks its user for. A generated one has a suffix.
const outsideSecret = "shop-database"

// shop says what is wrong with a container of the shop.
func (m *manifests) shop(d *apps.Deployment, c core.Container) (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for flag, port := range map[string]string{"addr": "http", "ops": "ops"} {
		address := flagOf(c.Args, flag)
		i := slices.IndexFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == port })
		if address == "" && i < 0 && flagOf(c.Args, "role") == "worker" {
			continue
		}
		host, number, _ := net.SplitHostPort(address)
		if i < 0 || host != "0.0.0.0" || number != fmt.Sprint(c.Ports[i].ContainerPort) {
			problem("listens at -%s=%s, which is not the port %s", flag, address, port)
		}
	}
	for _, flag := range []string{"db", "flight"} {
		if file := flagOf(c.Args, flag); file != "" && (!path.IsAbs(file) || !isWritable(d, c, path.Clean(file))) {
			problem("-%s=%s is where the root is read-only", flag, file)
		}
	}

	var pause time.Duration
	if c.Lifecycle != nil && c.Lifecycle.PreStop != nil && c.Lifecycle.PreStop.Sleep != nil {
		pause = time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second
	}
	if len(c.Ports) > 1 && pause+durationOf(c.Args, "not-ready", 0) < 5*time.Second {
		problem("takes no more requests before load balancers have noticed")
	}
	need := pause + endTime(c.Args) + reserve
	if grace := d.Spec.Template.Spec.TerminationGracePeriodSeconds; grace == nil || time.Duration(*grace)*time.Second < need {
		problem("is killed before it has ended: it may take %v", need)
	}
	for _, interval := range m.intervals() {
		if durationOf(c.Args, "linger", 0) <= interval {
			problem("-linger ends before the last scrape")
		}
	}

	values, _ := m.environment(c)
	limit, err := resource.ParseQuantity(strings.TrimSuffix(values["GOMEMLIMIT"], "B"))
	if share := float64(limit.Value()) / float64(c.Resources.Limits.Memory().Value()); err != nil || share < 0.85 || share > 0.95 {
		problem("GOMEMLIMIT=%s is not nine tenths of its memory", values["GOMEMLIMIT"])
	}
	if values["GOMAXPROCS"] == "" && c.Resources.Limits.Cpu().IsZero() {
		problem("takes all processors of its node")
	}
	return problems
}

// intervals are those of the scrapes.
func (m *manifests) intervals() (all []time.Duration) {
	add := func(text string) {
		if d, err := time.ParseDuration(text); err == nil {
			all = append(all, d)
		}
	}
	for _, p := range m.podMonitors {
		for _, e := range p.Spec.PodMetricsEndpoints {
			add(string(e.Interval))
		}
	}
	for _, s := range m.serviceMonitors {
		for _, e := range s.Spec.Endpoints {
			add(string(e.Interval))
		}
	}
	return all
}
