package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

const repository = "../.."

// loadCompose reads docker-compose.yml as docker compose does; keys that it
// does not know are errors.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(repository, "docker-compose.yml")}, cli.WithWorkingDirectory(repository))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(b)
}

func TestTheComposeFileIsCompleteAndSafe(t *testing.T) {
	project := loadCompose(t)
	for _, service := range project.Services {
		t.Run(service.Name, func(t *testing.T) {
			_, tag, _ := strings.Cut(service.Image, ":")
			require.Regexp(t, `^(v?\d+\.\d+(\.\d+)?(-busybox)?|local)$`, tag, "a version, or built here")
			// Two builds of one image at a time make one of them fail.
			require.Equal(t, service.Name == "shop", service.Build != nil, "one service builds")
			require.Equal(t, service.Image == project.Services["shop"].Image, tag == "local", service.Image)

			require.NotNil(t, service.HealthCheck)
			require.Equal(t, "CMD", service.HealthCheck.Test[0], "without a shell: not all images have one")
			require.NotNil(t, service.HealthCheck.Interval)
			require.Positive(t, service.MemLimit)
			require.NotEmpty(t, service.Restart)
			require.False(t, service.Privileged)
			require.Empty(t, service.NetworkMode, "one that is in another's network is cut off when the other is replaced")

			for _, port := range service.Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "%v", port)
			}
			for _, volume := range service.Volumes {
				if volume.Type == types.VolumeTypeBind {
					require.NotEmpty(t, filesBelow(t, volume.Source))
					require.True(t, volume.ReadOnly, "%s", volume.Source)
				} else {
					require.Contains(t, project.Volumes, volume.Source)
				}
			}
			for name, dependency := range service.DependsOn {
				require.Contains(t, project.Services, name)
				require.Equal(t, types.ServiceConditionHealthy, dependency.Condition, name)
			}
			for name, value := range service.Environment {
				require.NotRegexp(t, `(?i)password|secret|token`, name, "%v", value)
			}
		})
	}
}

// filesBelow lists the files of a directory, or the file itself.
func filesBelow(t *testing.T, path string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(path, func(file string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, file)
		}
		return err
	}))
	return files
}
