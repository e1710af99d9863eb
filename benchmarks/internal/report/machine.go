package report

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is where the figures come from.
type Machine struct {
	CPU   string
	Cores int
	Go    string
	OS    string
	Load  string // how busy it was before the first run; "" if the system does not say
}

// ThisMachine asks the system.
func ThisMachine() Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load, _, _ = strings.Cut(string(b), " ")
	}
	return m
}

// busy reports whether other work had more than the machine's cores.
func (m Machine) busy() bool {
	load, err := strconv.ParseFloat(m.Load, 64)
	return err == nil && load > float64(m.Cores)
}

func (m Machine) String() string {
	s := fmt.Sprintf("%d cores of %s, %s, %s", m.Cores, m.CPU, m.Go, m.OS)
	if m.Load != "" {
		s += fmt.Sprintf("; load average before the first run: %s", m.Load)
	}
	return s
}
