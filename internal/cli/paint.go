package cli

import (
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/runs"
)

// paint colours text, or does not.
type paint bool

// paint colours when the output is a terminal and NO_COLOR (https://no-color.org) is not set.
func (c *command) paint() paint {
	return paint(c.Terminal() > 0 && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb")
}

func (p paint) with(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p paint) bold(s string) string   { return p.with("1", s) }
func (p paint) dim(s string) string    { return p.with("2", s) }
func (p paint) red(s string) string    { return p.with("31", s) }
func (p paint) green(s string) string  { return p.with("32", s) }
func (p paint) yellow(s string) string { return p.with("33", s) }

func (p paint) level(level, s string) string {
	switch level {
	case runs.LevelError:
		return p.red(s)
	case runs.LevelWarning:
		return p.yellow(s)
	default:
		return s
	}
}

func (p paint) state(s run.State, text string) string {
	switch s {
	case run.Success:
		return p.green(text)
	case run.Failed, run.Timeout:
		return p.red(text)
	case run.Skipped, run.Cancelled:
		return p.yellow(text)
	default:
		return text
	}
}
