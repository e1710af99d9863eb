package telemetry

import "runtime/debug"

const modulePath = "github.com/afterglow-go/afterglow"

// version is the version of this module in the running program, "(devel)" in
// a checkout, "unknown" if the program does not say.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == modulePath && m.Version != "" {
			return m.Version
		}
	}
	return "unknown"
}
