package config

import (
	"bytes"
	"os"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// Secret says where a secret is: in a variable of the environment or in a file. A file
// of settings never holds one itself.
type Secret struct {
	Env  string `yaml:"env"`
	File string `yaml:"file"`
}

// Given reports whether the secret has a place.
func (s Secret) Given() bool { return s.Env != "" || s.File != "" }

// Value reads the secret, without the line end that editors add to files. A fault of code
// InvalidConfig says where it should have been.
func (s Secret) Value(environ []string) (string, error) {
	switch {
	case s.Env != "" && s.File != "":
		return "", fault.New(fault.InvalidConfig, "a secret has env %s and file %s", s.Env, s.File).WithHint("keep one of them")
	case s.Env != "":
		for _, v := range environ {
			if value, ok := strings.CutPrefix(v, s.Env+"="); ok && value != "" {
				return value, nil
			}
		}
		return "", fault.New(fault.InvalidConfig, "the variable %s, which is to hold a secret, is not set", s.Env)
	case s.File != "":
		data, err := os.ReadFile(s.File)
		if err != nil {
			return "", fault.Wrap(err, fault.InvalidConfig, "a secret can't be read")
		}
		return string(bytes.TrimRight(data, "\r\n")), nil
	}
	return "", nil
}
