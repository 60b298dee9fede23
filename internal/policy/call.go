package policy

import (
	"path"
	"strings"
)

// call is a program with its arguments.
type call struct {
	program word
	name    string // the program's name without its directory; empty when it can't be known
	args    []word
}

// wrapper describes a program that runs the rest of its arguments.
type wrapper struct {
	values string // its short options that take a value
	skip   int    // its own arguments before the command
	vars   bool   // NAME=VALUE may come before the command
}

func wrapperOf(name string) (wrapper, bool) {
	switch name {
	case "sudo":
		return wrapper{values: "ugpCcrtThDR", vars: true}, true
	case "doas":
		return wrapper{values: "uC"}, true
	case "env":
		return wrapper{values: "uCS", vars: true}, true
	case "xargs":
		return wrapper{values: "aEdILnPs"}, true
	case "timeout":
		return wrapper{values: "ks", skip: 1}, true
	case "nice", "ionice", "chrt":
		return wrapper{values: "ncp"}, true
	case "stdbuf":
		return wrapper{values: "ioe"}, true
	case "exec":
		return wrapper{values: "a"}, true
	case "time":
		return wrapper{values: "fo"}, true
	case "flock", "chroot", "taskset":
		return wrapper{values: "wE", skip: 1}, true
	case "watch":
		return wrapper{values: "n"}, true
	case "nohup", "setsid", "command", "builtin", "busybox":
		return wrapper{}, true
	}
	return wrapper{}, false
}

// unwrap returns a call and the calls within it: "sudo env X=1 sh -c 'rm x'" is a
// call of sudo, of env, of sh; the text for sh is read on its own.
func (r *reviewer) unwrap(args []word) []call {
	var all []call
	for len(args) > 0 {
		c := call{program: args[0], args: args[1:]}
		if c.program.known() {
			_, c.name = splitPath(c.program.text)
		}
		if len(all) > 0 && r.whitelisted(c.program) {
			return all
		}
		all = append(all, c)
		w, ok := wrapperOf(c.name)
		if !ok {
			break
		}
		args = w.rest(c.args)
	}
	if len(all) > 0 && all[len(all)-1].name == "find" {
		all = append(all, r.findExec(all[len(all)-1].args)...)
	}
	return all
}

// rest returns the command that a wrapper runs.
func (w wrapper) rest(args []word) []word {
	skip := w.skip
	for len(args) > 0 {
		a := args[0].text
		switch {
		case a == "--":
		case len(a) > 1 && a[0] == '-':
			if a[1] != '-' && strings.IndexByte(w.values, a[len(a)-1]) >= 0 && len(a) == 2 && len(args) > 1 {
				args = args[1:]
			}
		case w.vars && isAssignment(a):
		case skip > 0:
			skip--
		default:
			return args
		}
		args = args[1:]
	}
	return nil
}

func isAssignment(a string) bool {
	name, _, ok := strings.Cut(a, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// findExec returns the calls that find makes for what it finds.
func (r *reviewer) findExec(args []word) []call {
	var all []call
	for i := 0; i < len(args); i++ {
		switch args[i].text {
		case "-exec", "-execdir", "-ok", "-okdir":
			end := i + 1
			for end < len(args) && args[end].text != ";" && args[end].text != "+" {
				end++
			}
			all = append(all, r.unwrap(args[i+1:end])...)
			i = end
		}
	}
	return all
}

// script returns the text that a shell (or su, eval, trap) is told to run.
func (c call) script() (string, bool) {
	switch {
	case c.name == "eval":
		return joined(c.args), len(c.args) > 0
	case c.name == "trap":
		return first(c.args)
	case isShell(c.name), c.name == "su", c.name == "flock":
		for i, a := range c.args {
			if isShort(a.text) && strings.HasSuffix(a.text, "c") || a.text == "--command" {
				return first(c.args[i+1:])
			}
		}
	}
	return "", false
}

// first returns the first of args as a text for a shell.
func first(args []word) (string, bool) {
	if len(args) == 0 {
		return "", false
	}
	return joined(args[:1]), true
}

// readsScript reports whether an interpreter gets its program from its input.
func readsScript(c call) bool {
	for _, a := range c.args {
		switch {
		case a.text == "-" || a.text == "-s" || a.text == "/dev/stdin":
			return true
		case isShort(a.text) && strings.ContainsAny(a.text, "cme"):
			if !isShell(c.name) || strings.Contains(a.text, "c") {
				return false
			}
		case !strings.HasPrefix(a.text, "-"):
			return false
		}
	}
	return true
}

// isShort reports whether a is a group of short options.
func isShort(a string) bool { return len(a) > 1 && a[0] == '-' && a[1] != '-' }

// has reports whether one of the arguments is a group with one of these short
// options, or one of the long ones.
func (c call) has(short string, long ...string) bool {
	for _, a := range c.args {
		if a.text == "--" {
			return false
		}
		if isShort(a.text) && strings.ContainsAny(a.text[1:], short) {
			return true
		}
		for _, l := range long {
			if a.text == l || strings.HasPrefix(a.text, l+"=") {
				return true
			}
		}
	}
	return false
}

// operands returns the arguments that are no options.
func (c call) operands() []word {
	var all []word
	options := true
	for _, a := range c.args {
		switch {
		case options && a.text == "--":
			options = false
		case options && len(a.text) > 1 && a.text[0] == '-':
		default:
			all = append(all, a)
		}
	}
	return all
}

func splitPath(p string) (dir, name string) {
	if !strings.Contains(p, "/") {
		return "", p
	}
	p = path.Clean(p)
	return path.Dir(p), path.Base(p)
}

func isShell(name string) bool {
	switch name {
	case "sh", "bash", "dash", "zsh", "ksh", "ash", "mksh", "rbash":
		return true
	}
	return false
}

func isInterpreter(name string) bool {
	if isShell(name) {
		return true
	}
	for _, base := range []string{"python", "perl", "ruby", "node", "php"} {
		if rest, ok := strings.CutPrefix(name, base); ok && strings.Trim(rest, "0123456789.") == "" {
			return true
		}
	}
	return false
}

func isDownloader(name string) bool { return name == "curl" || name == "wget" || name == "fetch" }
