package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestGrafanaIsProvisionedWithWhatItsDashboardsNeed(t *testing.T) {
	grafana := loadCompose(t).Services["grafana"]
	var sources struct {
		Datasources []struct {
			Name, UID, Type string
			JSONData        map[string]any `yaml:"jsonData"`
			IsDefault       bool           `yaml:"isDefault"`
		}
	}
	text := readFile(t, "deploy/grafana/provisioning/datasources/datasources.yml")
	if strings.Contains(text, "matcherType: label") {
		require.Regexp(t, `:(11\.([5-9]|\d\d)|1[2-9]\.\d+)\.\d+$`, grafana.Image, "its matcherRegex is a regexp since 11.5")
	}
	require.NotNil(t, grafana.Environment["GF_USERS_VIEWERS_CAN_EDIT"], "or the links to Explore lead viewers nowhere")
	require.Regexp(t, `:11\.`, grafana.Image, "later ones may no longer know GF_USERS_VIEWERS_CAN_EDIT: try it, then change this")
	require.NoError(t, yaml.Unmarshal([]byte(text), &sources))
	var uids, types []string
	for _, s := range sources.Datasources {
		uids, types = append(uids, s.UID), append(types, s.Type)
		require.Equal(t, s.Type == "prometheus", s.IsDefault, s.Name)
	}
	for _, m := range regexp.MustCompile(`datasourceUid: (\w+)`).FindAllStringSubmatch(text, -1) {
		require.Contains(t, uids, m[1])
	}
	for _, board := range dashboards(t) {
		for _, v := range board.Templating.List {
			if v.Type == "datasource" {
				require.Contains(t, types, v.Query, "%s: %s", board.UID, v.Name)
			}
		}
	}

	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "deploy/grafana/provisioning/dashboards/dashboards.yml")), &providers))
	require.Len(t, providers.Providers, 1)
	found, err := filepath.Glob(filepath.Join(mounted(t, grafana, providers.Providers[0].Options.Path), "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	home := mounted(t, grafana, *grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
	b, err := os.ReadFile(home)
	require.NoError(t, err)
	require.Contains(t, string(b), `"uid": "afterglow-overview"`)
}

// What the panels say of a job must hold for its spans and records, too.
func TestTheJobIsCalledAsTheService(t *testing.T) {
	m := regexp.MustCompile(`job_name: (\S+)`).FindAllStringSubmatch(readFile(t, prometheusFile), -1)
	require.Len(t, m, 1)
	require.Contains(t, readFile(t, "examples/shop/traces.go"), fmt.Sprintf("ServiceName:    %q", m[0][1]))
	require.Contains(t, readFile(t, "deploy/grafana/provisioning/datasources/datasources.yml"), fmt.Sprintf("service_name=%q", m[0][1]))
}
