package process

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// defaultPath is searched when the environment has no PATH, as execvp(3) does.
const defaultPath = "/bin:/usr/bin"

var errNotInPath = errors.New("not found in PATH")

// lookup finds the program. As in a shell, a file that is there but not executable is
// passed over, and only reported when nothing better comes.
func lookup(name, dir string, env []string) (string, error) {
	if name == "" {
		return "", syscall.ENOENT
	}
	if strings.Contains(name, "/") {
		return name, nil
	}
	found := errNotInPath
	for _, entry := range filepath.SplitList(searchPath(env)) {
		path := filepath.Join(entry, name)
		if !filepath.IsAbs(path) { // an empty or relative entry means the job's directory
			path = filepath.Join(dir, path)
		}
		switch err := executable(path); {
		case err == nil:
			return path, nil
		case errors.Is(err, syscall.EACCES):
			found = err
		}
	}
	return "", found
}

// executable returns nil for a regular file that may be executed.
func executable(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return syscall.EACCES
	}
	return unix.Access(path, unix.X_OK)
}

// searchPath returns the PATH of env; the last one counts, as for most programs that
// build environments by appending.
func searchPath(env []string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if path, ok := strings.CutPrefix(env[i], "PATH="); ok {
			return path
		}
	}
	return defaultPath
}
