package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionJSON is the object of `version --json`.
type versionJSON struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
}

// version returns the module's version, or the commit that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: `  godwit version --json`,
		Args:    argCount(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := versionJSON{version(), runtime.Version(), runtime.GOOS, runtime.GOARCH}
			if a.json {
				return a.print(v)
			}
			return a.printf("godwit %s, %s, %s/%s\n", v.Version, v.Go, v.OS, v.Arch)
		},
	}
}
