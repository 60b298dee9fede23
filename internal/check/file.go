package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"time"
)

func fileExists() kind {
	return kind{Doc{
		"check_file_exists",
		[]Param{{"path", "string", true, "a file or directory"}},
		"The file must be there.",
	}, func(_ context.Context, p params, in Input) string {
		_, problem := stat(p, in)
		return problem
	}}
}

func fileFresh() kind {
	return kind{Doc{
		"file_fresh", []Param{
			{"path", "string", true, "a file"},
			{"max_age", "number", true, "seconds since it was last changed"},
		}, "The file must have been changed lately.",
	}, isFresh}
}

func isFresh(_ context.Context, p params, in Input) string {
	if _, problem := p.required("max_age"); problem != "" {
		return problem
	}
	limit, problem := p.number("max_age", 0)
	if problem != "" {
		return problem
	}
	info, problem := stat(p, in)
	if problem != "" {
		return problem
	}
	if age := in.Now.Sub(info.ModTime()); age > seconds(limit) {
		return fmt.Sprintf("%s was changed %v ago, max_age is %v", p.text("path"), age.Round(time.Second), seconds(limit))
	}
	return ""
}

func fileSize() kind {
	return kind{Doc{
		"file_size", []Param{
			{"path", "string", true, "a file"},
			{"min", "number", false, "bytes that it has at least; 0 by default"},
			{"max", "number", false, "bytes that it has at most; any number by default"},
		}, "The file must be there and have a size within the limits.",
	}, hasSize}
}

func hasSize(_ context.Context, p params, in Input) string {
	least, problem := p.number("min", 0)
	if problem != "" {
		return problem
	}
	most, problem := p.number("max", math.Inf(1))
	if problem != "" {
		return problem
	}
	info, problem := stat(p, in)
	if problem != "" {
		return problem
	}
	switch size := float64(info.Size()); {
	case !info.Mode().IsRegular():
		return p.text("path") + " is not a regular file"
	case size < least:
		return fmt.Sprintf("%s has %d bytes, min is %.0f", p.text("path"), info.Size(), least)
	case size > most:
		return fmt.Sprintf("%s has %d bytes, max is %.0f", p.text("path"), info.Size(), most)
	}
	return ""
}

// stat looks at the file that the parameter path names.
func stat(p params, in Input) (info fs.FileInfo, problem string) {
	path, problem := p.required("path")
	if problem != "" {
		return nil, problem
	}
	info, err := os.Stat(in.resolve(path))
	return info, fileProblem(path, err)
}

// fileProblem says what is wrong with a file, under the name that the user gave it.
func fileProblem(name string, err error) string {
	var pe *fs.PathError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, fs.ErrNotExist):
		return "there is no file " + name
	case errors.As(err, &pe):
		return name + ": " + pe.Err.Error()
	default:
		return name + ": " + err.Error()
	}
}
