package tests

import (
	"fmt"
	"slices"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// selected lists the deployments whose pods have the labels.
func (m *manifests) selected(selector labels.Selector) (found []*apps.Deployment) {
	for _, d := range m.deployments {
		if !selector.Empty() && selector.Matches(labels.Set(d.Spec.Template.Labels)) {
			found = append(found, d)
		}
	}
	return found
}

// selectorOf turns the API's selector into one that can be asked.
func selectorOf(s *meta.LabelSelector) labels.Selector {
	selector, err := meta.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

// hasPort reports whether a pod has a port of this name, or number.
func hasPort(d *apps.Deployment, port intstr.IntOrString) bool {
	return slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c core.Container) bool {
		return slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool {
			return p.Name == port.StrVal && port.Type == intstr.String || p.ContainerPort == port.IntVal && port.Type == intstr.Int
		})
	})
}

// wiring says what does not find what it is there for.
func (m *manifests) wiring() (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, d := range m.deployments {
		if found := m.selected(selectorOf(d.Spec.Selector)); len(found) != 1 || found[0] != d {
			problem("Deployment %s selects the pods of %d deployments instead of its own", d.Name, len(found))
		}
		for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
			if found := m.selected(selectorOf(spread.LabelSelector)); len(found) != 1 || found[0] != d {
				problem("Deployment %s spreads other pods", d.Name)
			}
		}
	}
	for _, s := range m.services {
		pods := m.selected(labels.SelectorFromSet(s.Spec.Selector))
		if len(pods) == 0 {
			problem("Service %s selects no pod", s.Name)
		}
		for _, d := range pods {
			for _, port := range s.Spec.Ports {
				if !hasPort(d, port.TargetPort) {
					problem("Service %s leads to port %s, and %s has none", s.Name, port.TargetPort.String(), d.Name)
				}
			}
		}
	}
	for _, b := range m.budgets {
		pods := m.selected(selectorOf(b.Spec.Selector))
		if len(pods) != 1 {
			problem("PodDisruptionBudget %s is for %d deployments", b.Name, len(pods))
			continue
		}
		replicas := m.leastReplicas(pods[0])
		if b.Spec.MaxUnavailable != nil && (b.Spec.MaxUnavailable.IntValue() < 1 || b.Spec.MaxUnavailable.IntValue() >= replicas) ||
			b.Spec.MinAvailable != nil && (b.Spec.MinAvailable.IntValue() < 1 || b.Spec.MinAvailable.IntValue() >= replicas) ||
			b.Spec.MaxUnavailable == nil && b.Spec.MinAvailable == nil {
			problem("PodDisruptionBudget %s of %d replicas lets all of them go, or none", b.Name, replicas)
		}
	}
	for _, p := range m.policies {
		pods := m.selected(selectorOf(&p.Spec.PodSelector))
		if len(pods) == 0 {
			problem("NetworkPolicy %s selects no pod", p.Name)
		}
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				if !slices.ContainsFunc(pods, func(d *apps.Deployment) bool { return hasPort(d, *port.Port) }) {
					problem("NetworkPolicy %s opens port %s, and no pod has it", p.Name, port.Port.String())
				}
			}
		}
	}
	return append(problems, m.watching()...)
}

// watching says which monitor or autoscaler does not find what it is there for.
func (m *manifests) watching() (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, p := range m.podMonitors {
		pods := m.selected(selectorOf(&p.Spec.Selector))
		if len(pods) < 2 {
			problem("PodMonitor %s finds %d deployments instead of web and worker", p.Name, len(pods))
		}
		for _, d := range pods {
			if d.Spec.Template.Labels[p.Spec.JobLabel] == "" {
				problem("pods of %s have no label %s for the job", d.Name, p.Spec.JobLabel)
			}
			for _, e := range p.Spec.PodMetricsEndpoints {
				if e.Port == nil || !hasPort(d, intstr.FromString(*e.Port)) {
					problem("PodMonitor %s reads a port that %s does not have", p.Name, d.Name)
				}
			}
		}
	}
	for _, s := range m.serviceMonitors {
		found := 0
		for _, service := range m.services {
			if !selectorOf(&s.Spec.Selector).Matches(labels.Set(service.Labels)) {
				continue
			}
			found++
			if !service.Spec.PublishNotReadyAddresses {
				problem("Service %s loses pods that end before their last scrape", service.Name)
			}
			if len(m.selected(labels.SelectorFromSet(service.Spec.Selector))) < 2 {
				problem("ServiceMonitor %s does not find web and worker", s.Name)
			}
			if service.Labels[s.Spec.JobLabel] == "" {
				problem("Service %s has no label %s for the job", service.Name, s.Spec.JobLabel)
			}
			for _, e := range s.Spec.Endpoints {
				if !slices.ContainsFunc(service.Spec.Ports, func(p core.ServicePort) bool { return p.Name == e.Port }) {
					problem("ServiceMonitor %s reads port %s, and Service %s has none", s.Name, e.Port, service.Name)
				}
			}
		}
		if found != 1 {
			problem("ServiceMonitor %s finds %d Services", s.Name, found)
		}
	}
	for _, a := range m.autoscalers {
		i := slices.IndexFunc(m.deployments, func(d *apps.Deployment) bool {
			target := a.Spec.ScaleTargetRef
			return target.Kind == "Deployment" && target.APIVersion == "apps/v1" && target.Name == d.Name
		})
		switch {
		case i < 0:
			problem("HorizontalPodAutoscaler %s has no target", a.Name)
		case m.deployments[i].Spec.Replicas != nil:
			problem("each apply takes back what HorizontalPodAutoscaler %s has decided", a.Name)
		}
	}
	return problems
}

// leastReplicas is how many pods a deployment has at least.
func (m *manifests) leastReplicas(d *apps.Deployment) int {
	for _, a := range m.autoscalers {
		if a.Spec.ScaleTargetRef.Name == d.Name && a.Spec.MinReplicas != nil {
			return int(*a.Spec.MinReplicas)
		}
	}
	if d.Spec.Replicas != nil {
		return int(*d.Spec.Replicas)
	}
	return 1
}
