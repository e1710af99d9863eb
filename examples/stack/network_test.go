package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// listens says on which ports each container listens, by its configuration or,
// where that says nothing, by what its program does.
func listens(t *testing.T, project *types.Project) map[string][]string {
	t.Helper()
	find := func(text, pattern string) []string {
		var ports []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			ports = append(ports, m[1])
		}
		require.NotEmpty(t, ports, pattern)
		return ports
	}
	flags := func(service string) string { return strings.Join(project.Services[service].Command, "\n") }
	return map[string][]string{
		"shop":         find(flags("shop"), `(?m)^-(?:addr|ops)=0\.0\.0\.0:(\d+)$`),
		"worker1":      find(flags("worker1"), `(?m)^-ops=0\.0\.0\.0:(\d+)$`),
		"worker2":      find(flags("worker2"), `(?m)^-ops=0\.0\.0\.0:(\d+)$`),
		"alerts":       find(flags("alerts"), `(?m)^-addr=0\.0\.0\.0:(\d+)$`),
		"jaeger":       find(readFile(t, jaegerFile), `_PORT:-(\d+)\}`),
		"loki":         find(readFile(t, "deploy/loki/loki.yaml"), `http_listen_port: (\d+)`),
		"prometheus":   {"9090"},
		"alertmanager": {"9093"},
		"grafana":      {"3000"},
		"mailpit":      {"1025", "8025"},
		"postgres":     {"5432"},
	}
}

var (
	address = regexp.MustCompile(`\b([a-z]+\d?):(\d{4,5})\b`)
	local   = regexp.MustCompile(`(?:127\.0\.0\.1|localhost):(\d{4,5})`)
)

func TestTheContainersFindEachOther(t *testing.T) {
	project := loadCompose(t)
	ports := listens(t, project)
	text := make(map[string]string) // of what a container is given, by service
	for _, service := range project.Services {
		for _, port := range service.Ports {
			require.Contains(t, ports[service.Name], strconv.Itoa(int(port.Target)), "%s publishes a port on which it listens", service.Name)
		}
		check := local.FindStringSubmatch(strings.Join(service.HealthCheck.Test, " "))
		if check != nil {
			require.Contains(t, ports[service.Name], check[1], "%s is asked where it listens", service.Name)
		}
		given := strings.Join(service.Command, "\n")
		for _, value := range service.Environment {
			given += "\n" + *value
		}
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				for _, file := range filesBelow(t, volume.Source) {
					if name := filepath.ToSlash(file); !strings.Contains(name, "dashboards/grafana") && !strings.Contains(name, "/tests/") {
						b, err := os.ReadFile(file)
						require.NoError(t, err)
						given += "\n" + string(b)
					}
				}
			}
		}
		text[service.Name] = given
	}
	found := 0
	for name, given := range text {
		for _, m := range address.FindAllStringSubmatch(given, -1) {
			if m[1] == "localhost" {
				continue
			}
			require.Contains(t, ports[m[1]], m[2], "the configuration of %s names %s", name, m[0])
			found++
		}
	}
	require.GreaterOrEqual(t, found, 10, "addresses are found at all")
	for name, needs := range map[string][]string{
		"shop": {"jaeger", "loki", "mailpit", "postgres"}, "worker1": {"jaeger", "loki", "mailpit", "postgres"},
		"worker2": {"jaeger", "loki", "mailpit", "postgres"}, "prometheus": {"shop", "alertmanager"},
		"alertmanager": {"alerts"}, "grafana": {"prometheus", "alertmanager", "jaeger", "loki"},
	} {
		for _, other := range needs {
			require.Contains(t, project.Services[name].DependsOn, other, name)
			require.Contains(t, hostsIn(text[name]), other, "%s knows the address of %s", name, other)
		}
	}
}

// hostsIn lists the hosts of the addresses in a text.
func hostsIn(text string) (hosts []string) {
	for _, m := range address.FindAllStringSubmatch(text, -1) {
		hosts = append(hosts, m[1])
	}
	return hosts
}
