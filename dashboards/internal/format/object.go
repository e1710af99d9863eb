package format

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// Options are what a user may choose about objects of Kubernetes. See [DefaultOptions].
type Options struct {
	// Namespace is that of the objects. Empty: the namespace that kubectl applies them to.
	Namespace string

	// Labels are put on all objects, such as release=kube-prometheus-stack: an operator
	// takes only objects that have the labels which it selects.
	Labels map[string]string

	// Folder is the folder in Grafana that the dashboards go into.
	Folder string

	// Monitor is how Prometheus finds the processes: by MonitorPods, MonitorServices or MonitorNone.
	Monitor string

	// Selector are labels of the pods, or of the services, that are scraped at Port,
	// which is the name of a port.
	Selector map[string]string
	Port     string

	// Namespaces are those of the pods, or of the services. None: the monitor's own; "*": all.
	Namespaces []string

	// Cluster is a label that every scraped series has. "": none.
	Cluster string
}

// What is scraped.
const (
	MonitorPods     = "pod"
	MonitorServices = "service"
	MonitorNone     = "none"
)

// nameLabel is the label whose value is the job: traces and logs have it as service.name.
const nameLabel = "app.kubernetes.io/name"

// DefaultOptions are for the pods of the example shop.
func DefaultOptions() Options {
	return Options{
		Folder: "Afterglow", Monitor: MonitorPods, Port: "ops",
		Selector: map[string]string{nameLabel: "afterglow-shop"},
	}
}

var (
	dnsLabel   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	labelName  = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

func (o Options) validate() error {
	if o.Namespace != "" && !dnsLabel.MatchString(o.Namespace) {
		return fmt.Errorf("namespace %q: use the name of a namespace of Kubernetes", o.Namespace)
	}
	switch o.Monitor {
	case MonitorPods, MonitorServices, MonitorNone:
	default:
		return fmt.Errorf("monitor %q: use %s, %s or %s", o.Monitor, MonitorPods, MonitorServices, MonitorNone)
	}
	if o.Monitor != MonitorNone && len(o.Selector) == 0 {
		return fmt.Errorf("no labels select what is scraped: use some, such as %s=shop", nameLabel)
	}
	if o.Monitor != MonitorNone && o.Port == "" {
		return fmt.Errorf("the port is empty: use its name in the pod, or in the service")
	}
	for _, name := range o.Namespaces {
		if name != "*" && !dnsLabel.MatchString(name) || name == "*" && len(o.Namespaces) > 1 {
			return fmt.Errorf("namespaces %q: use names of namespaces, or * alone", o.Namespaces)
		}
	}
	for _, labels := range []map[string]string{o.Labels, o.Selector} {
		for name, value := range labels {
			if !labelName.MatchString(name) || !labelValue.MatchString(value) {
				return fmt.Errorf("label %s=%s: Kubernetes takes letters, digits and -_. in it", name, value)
			}
		}
	}
	return nil
}

// object is one of Kubernetes.
type object struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   metadata          `yaml:"metadata"`
	Spec       any               `yaml:"spec,omitempty"`
	Data       map[string]string `yaml:"data,omitempty"`
}

type metadata struct {
	Name        string            `yaml:"name"`
	Namespace   string            `yaml:"namespace,omitempty"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// metadata are those of one of the objects.
func (o Options) metadata(name string) metadata {
	labels := map[string]string{"app.kubernetes.io/part-of": "afterglow"}
	maps.Copy(labels, o.Labels)
	return metadata{Name: name, Namespace: o.Namespace, Labels: labels}
}

// monitoring is the API of Prometheus' operator.
const monitoring = "monitoring.coreos.com/"

const head = "# Written by cmd/generate: change that, or its flags.\n"

// manifest is the file of an object.
func manifest(content object) ([]byte, error) {
	b := bytes.NewBufferString(head)
	enc := yaml.NewEncoder(b)
	enc.SetIndent(2)
	err := enc.Encode(content)
	return b.Bytes(), err
}
