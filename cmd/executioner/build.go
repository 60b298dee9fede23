package main

import (
	"runtime"
	"runtime/debug"

	"github.com/executionerhq/executioner/internal/cli"
)

// version is set by the linker for a release: -ldflags "-X main.version=1.2.3".
var version = "dev"

// build says which program this is, as far as the tool chain recorded it.
func build() cli.Build {
	b := cli.Build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		}
	}
	return b
}
