package lint

import (
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/internal/mask"
	"github.com/executionerhq/executioner/internal/run"
	"github.com/executionerhq/executioner/internal/workflow"
)

const secretHint = "hand it in from outside: inherit it, or write ${NAME}"

// secrets finds passwords and tokens that stand in the file. It never shows them.
func secrets(l *linter) {
	finder := secretFinder{linter: l, url: regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@"'$]*:([^\s/@"'$]+)@`)}
	if literal(l.Mail.Password) {
		l.report(-1, "smtp_password", secretHint, "smtp_password stands in the file")
	}
	finder.vars("", l.Env)
	l.each(func(i int, j *workflow.Job) {
		finder.vars(j.ID, j.Env)
		finder.command(i, j)
	})
}

type secretFinder struct {
	*linter
	url *regexp.Regexp
}

// literal reports whether a value of the file is one, and no reference to another.
func literal(value string) bool {
	return strings.TrimSpace(value) != "" && !strings.Contains(value, "$")
}

func (s *secretFinder) vars(job run.JobID, vars []workflow.Var) {
	for _, v := range vars {
		at := s.Origin.Member(job, "env_variables", v.Name)
		switch {
		case mask.SecretName(v.Name) && literal(v.Value) && !isPath(v.Value) && !isWord(v.Value):
			s.add(Error, job, at, secretHint, "the value of %s stands in the file", v.Name)
		case s.url.MatchString(v.Value):
			s.add(Error, job, at, secretHint, "%s has a URL with a password", v.Name)
		}
	}
}

// isPath reports whether a value only says where a secret is.
func isPath(value string) bool {
	return strings.HasPrefix(value, "/") || strings.HasPrefix(value, "~/") || strings.HasPrefix(value, "./")
}

// isWord reports whether a value is a switch or number, and no secret.
func isWord(value string) bool {
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "none", "null", "0", "1":
		return true
	}
	return false
}

func (s *secretFinder) command(i int, j *workflow.Job) {
	if at := s.url.FindStringSubmatchIndex(j.Command); at != nil {
		s.add(Error, j.ID, s.Origin.Within(j.ID, j.Command, at[0]), secretHint, "its command has a URL with a password")
		return
	}
	file := s.script(i).file
	if file == nil {
		return
	}
	said := false
	syntax.Walk(file, func(node syntax.Node) bool {
		call, ok := node.(*syntax.CallExpr)
		if !ok || said {
			return !said
		}
		if what, at := secretIn(call); what != "" {
			said = true
			s.add(Error, j.ID, s.Origin.Within(j.ID, j.Command, int(at.Offset())), secretHint, "its command has a secret in plain text (%s)", what)
		}
		return true
	})
}

// secretIn says which part of a call is a secret: an assignment, or an option.
func secretIn(call *syntax.CallExpr) (string, syntax.Pos) {
	for _, a := range call.Assigns {
		if a.Name != nil && a.Value != nil && mask.SecretName(a.Name.Value) {
			if value, known := plainWord(a.Value); known && value != "" && !isPath(value) && !isWord(value) {
				return a.Name.Value + "=…", a.Pos()
			}
		}
	}
	if len(call.Args) == 0 {
		return "", syntax.Pos{}
	}
	program, _ := plainWord(call.Args[0])
	program = program[strings.LastIndexByte(program, '/')+1:]
	for n, arg := range call.Args[1:] {
		text, known := plainWord(arg)
		var next string
		if n+2 < len(call.Args) {
			if word, ok := plainWord(call.Args[n+2]); ok {
				next = word
			}
		}
		if known && secretOption(program, text, next) {
			return shownOption(text), arg.Pos()
		}
	}
	return "", syntax.Pos{}
}

// shownOption names an option without its value.
func shownOption(text string) string {
	name, _, _ := strings.Cut(text, "=")
	switch {
	case !strings.HasPrefix(name, "-"):
		return "a header"
	case !strings.HasPrefix(name, "--"):
		name = name[:2]
	}
	return name + " …"
}

// secretOption reports whether an argument is, or announces, a secret.
func secretOption(program, arg, next string) bool {
	if name, value, has := strings.Cut(arg, "="); strings.HasPrefix(name, "--") && secretFlag(name[2:]) {
		if !has {
			value = next
		}
		return value != "" && !strings.HasPrefix(value, "-") && !isPath(value) && !isWord(value)
	}
	switch program {
	case "mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump":
		return strings.HasPrefix(arg, "-p") && len(arg) > 2 && !strings.HasPrefix(arg, "--")
	case "sshpass":
		return strings.HasPrefix(arg, "-p") && (len(arg) > 2 || next != "")
	case "curl", "wget":
		if arg == "-u" || arg == "--user" {
			_, password, has := strings.Cut(next, ":")
			return has && password != ""
		}
		_, value, has := strings.Cut(strings.ToLower(arg), "authorization: ")
		return has && (strings.HasPrefix(value, "bearer ") || strings.HasPrefix(value, "basic "))
	}
	return false
}

// secretFlag reports whether a long option's value is a secret, and not a file's name.
func secretFlag(name string) bool {
	name = strings.ToLower(name)
	for _, end := range []string{"-file", "-path", "-stdin", "-env", "-command", "-id", "-name", "-from-env"} {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	for _, word := range []string{"password", "passwd", "secret", "token", "api-key", "apikey", "access-key"} {
		if strings.HasSuffix(name, word) {
			return true
		}
	}
	return name == "pass" || name == "pwd"
}
