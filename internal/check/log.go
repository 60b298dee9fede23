package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

func noORA() kind {
	return kind{Doc{
		"check_no_ora_errors",
		[]Param{{"log_file", "string", true, "a file, or a pattern with * ? [] that stands for files"}},
		"No line of the files may contain ORA-, and there must be a file.",
	}, lacksWords("ORA-")}
}

func noORAOrSP2() kind {
	return kind{Doc{
		"check_no_ora_or_sp2_errors",
		[]Param{{"log_file", "string", true, "a file, or a pattern with * ? [] that stands for files"}},
		"No line of the files may contain ORA- or SP2-, and there must be a file.",
	}, lacksWords("ORA-", "SP2-")}
}

func lacksWords(words ...string) func(context.Context, params, Input) string {
	return func(ctx context.Context, p params, in Input) string {
		needles := make([][]byte, len(words))
		for i, w := range words {
			needles[i] = []byte(w)
		}
		if _, problem := p.required("log_file"); problem != "" {
			return problem
		}
		found, problem := search(ctx, p, in, func(l *lines) (int, string, error) { return l.find(needles) })
		if problem != "" {
			return problem
		}
		return found
	}
}

func logMatches() kind {
	return kind{
		Doc{"log_matches", logParams(), "A line of the output must match the pattern."},
		func(ctx context.Context, p params, in Input) string {
			re, problem := pattern(p)
			if problem != "" {
				return problem
			}
			found, problem := search(ctx, p, in, func(l *lines) (int, string, error) { return l.match(re) })
			if problem == "" && found == "" {
				problem = "no line of " + place(p) + " matches " + re.String()
			}
			return problem
		},
	}
}

func logLacks() kind {
	return kind{
		Doc{"log_lacks", logParams(), "No line of the output may match the pattern."},
		func(ctx context.Context, p params, in Input) string {
			re, problem := pattern(p)
			if problem != "" {
				return problem
			}
			found, problem := search(ctx, p, in, func(l *lines) (int, string, error) { return l.match(re) })
			if problem != "" {
				return problem
			}
			return found
		},
	}
}

func logParams() []Param {
	return []Param{
		{"pattern", "string", true, "a regular expression (RE2) that is compared with each line"},
		{"log_file", "string", false, "a file, or a pattern with * ? [] that stands for files; the output of this try by default"},
	}
}

func pattern(p params) (*regexp.Regexp, string) {
	text, problem := p.required("pattern")
	if problem != "" {
		return nil, problem
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, "its parameter pattern is wrong: " + err.Error()
	}
	return re, ""
}

// place names what is searched, for a message.
func place(p params) string {
	if name := p.text("log_file"); name != "" {
		return name
	}
	return "the output"
}

// search looks in the files that log_file stands for, or in the output of this try,
// and returns the first place with its text; "" when there is none.
func search(ctx context.Context, p params, in Input, find func(*lines) (int, string, error)) (found, problem string) {
	name := p.text("log_file")
	if name == "" {
		output := part{path: in.Log, from: max(0, in.LogFrom), to: in.LogTo, shown: "line %d of the output"}
		return output.search(ctx, find)
	}
	files, err := expand(in.resolve(name))
	if err != nil {
		return "", "its parameter log_file is wrong: " + err.Error()
	}
	if len(files) == 0 {
		return "", "there is no file " + name
	}
	for _, path := range files {
		file := part{path: path, shown: strings.ReplaceAll(within(in.Dir, path), "%", "%%") + ":%d"}
		if found, problem := file.search(ctx, find); found != "" || problem != "" {
			return found, problem
		}
	}
	return "", ""
}

// expand returns the files that a pattern stands for, in order of their names. A
// file that has the pattern itself as its name is meant, and no other.
func expand(pattern string) ([]string, error) {
	if _, err := os.Lstat(pattern); err == nil {
		return []string{pattern}, nil
	}
	return filepath.Glob(pattern)
}

// within returns the path relative to dir when it is in it.
func within(dir, path string) string {
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// part is a part of a file.
type part struct {
	path     string
	from, to int64  // to 0 or less: the end of the file
	shown    string // how a line of it is named, with a verb for its number
}

// search returns the first line that find finds, with its place.
func (p part) search(ctx context.Context, find func(*lines) (int, string, error)) (found, problem string) {
	f, err := os.OpenFile(p.path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a named pipe must not hang us
	if err != nil {
		return "", fileProblem(p.path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return "", fileProblem(p.path, err)
	}
	to := p.to
	if to <= 0 {
		to = info.Size()
	}
	number, text, err := find(newLines(ctx, io.NewSectionReader(f, p.from, max(0, to-p.from))))
	if err != nil || number == 0 {
		return "", fileProblem(p.path, err)
	}
	return fmt.Sprintf(p.shown, number) + ": " + text, ""
}
