package policy

import (
	"path"
	"strings"
)

func isSystemDir(dir string) bool {
	switch dir {
	case "/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin":
		return true
	}
	return false
}

// isBelow reports whether p is dir or in it.
func isBelow(p, dir string) bool {
	p, dir = path.Clean(p), path.Clean(dir)
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

// hasParent reports whether ".." is a part of a path in text, which may be an option
// like --file=../x or a list like /a:../b. In "a..b" it is not.
func hasParent(text string) bool {
	const borders = "/=:,@"
	for from := 0; ; {
		i := strings.Index(text[from:], "..")
		if i < 0 {
			return false
		}
		i += from
		end := i + 2
		if (i == 0 || strings.IndexByte(borders, text[i-1]) >= 0) &&
			(end == len(text) || strings.IndexByte(borders, text[end]) >= 0) {
			return true
		}
		from = i + 1
	}
}

// isSensitive reports whether text names a file with credentials.
func isSensitive(text string) bool {
	for _, name := range []string{
		"/etc/passwd", "/etc/shadow", "/etc/gshadow", ".ssh/id_", ".ssh/authorized_keys",
		"/.aws/credentials", "/.config/gcloud", "application_default_credentials.json", "/.azure/",
		"/.kube/config", "/.docker/config.json",
	} {
		if strings.Contains(text, name) {
			return true
		}
	}
	switch path.Base(text) {
	case "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519":
		return true
	}
	return false
}

// isSystemFile reports whether text is in /etc, /proc or /sys, or is a raw device.
func isSystemFile(text string) bool {
	if !strings.HasPrefix(text, "/") {
		return false
	}
	p := path.Clean(text)
	for _, dir := range []string{"/etc", "/proc", "/sys"} {
		if isBelow(p, dir) {
			return true
		}
	}
	device, ok := strings.CutPrefix(p, "/dev/")
	if !ok {
		return false
	}
	for _, prefix := range []string{
		"sd", "hd", "vd", "xvd", "nvme", "mmcblk", "dm-", "mapper/", "disk/", "md", "loop", "sr", "mem", "kmem", "port",
	} {
		if strings.HasPrefix(device, prefix) {
			return true
		}
	}
	return false
}

// whole drops what makes a directory all of its content: "/*", "/.", "//".
func whole(text string) string {
	t := strings.TrimSuffix(text, "*")
	if t == "" || len(t) < len(text) && !strings.HasSuffix(t, "/") {
		return text // "*" or "/var/log*"
	}
	return path.Clean(t)
}

// isRootOrHome reports whether text is / or a home directory, or all that is in one.
func isRootOrHome(text string) bool {
	switch p := whole(text); {
	case p == "/", p == home, p == "/root", p == "/home":
		return true
	case strings.HasPrefix(p, "/home/"), strings.HasPrefix(p, "/Users/"):
		return strings.Count(p, "/") == 2
	default:
		return len(p) > 1 && p[0] == '~' && !strings.Contains(p, "/")
	}
}

// isSystemTop reports whether text is one of the system's directories below /.
func isSystemTop(text string) bool {
	switch whole(text) {
	case "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/opt", "/proc", "/run", "/sbin",
		"/srv", "/sys", "/usr", "/var":
		return true
	}
	return false
}

// isStdout reports whether a file name stands for no file at all.
func isStdout(text string) bool {
	return text == "-" || strings.HasPrefix(text, "/dev/")
}
