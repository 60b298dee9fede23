package workflow

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/run"
)

// Extract writes a file anew with some of its jobs only, in the file's own format.
// Comments are kept, those of the jobs that are left out go with them. keep is asked for
// each job of the file; jobs without an id of their own are kept, and so are those that
// run at the end of a run. The errors are those of Print.
func Extract(src Source, keep func(id run.JobID) bool) ([]byte, error) {
	t, err := readTree(src)
	if err != nil {
		return nil, err
	}
	if t.kind(0) != objectNode {
		return nil, fault.New(fault.InvalidWorkflow, "%s is not a workflow file: it must be an object", src.Name)
	}
	head, root := layoutOf(src, t)
	without(root, keep)
	text := printLayout(head, root)
	if _, err := readTree(Source{"extract.yaml", text}); err != nil { // an anchor went with its job
		root = layoutTree(t)
		without(root, keep)
		root.arrange()
		text = printLayout(nil, root)
	}
	return inFormat(text, FormatOf(src))
}

// layoutOf returns the arranged layout of a file, and its comments before everything.
func layoutOf(src Source, t *tree) ([]string, *layout) {
	var head []string
	var root *layout
	if t.yaml {
		root, head, _ = layoutYAML(trimBOM(src.Data))
	}
	if root == nil {
		root = layoutTree(t)
	}
	root.arrange()
	return head, root
}

// without takes the jobs out that are not to be kept.
func without(root *layout, keep func(id run.JobID) bool) {
	jobs := root.member("jobs")
	if jobs == nil || jobs.value.kind != listLayout {
		return
	}
	kept := jobs.value.items[:0]
	for _, it := range jobs.value.items {
		id := it.value.member("id")
		if id == nil || id.value.says == "" || keep(run.JobID(id.value.says)) {
			kept = append(kept, it)
		}
	}
	jobs.value.items = kept
}

// inFormat returns YAML text in another format, if it is another.
func inFormat(text []byte, to Format) ([]byte, error) {
	p, err := Print(Source{"text.yaml", text}, to)
	return p.Text, err
}

// RelativePaths returns the fields of a file that name other files by relative paths,
// which would mean others if the file stood elsewhere.
func RelativePaths(src Source) []string {
	t, err := readTree(src)
	if err != nil || t.kind(0) != objectNode {
		return nil
	}
	var found []string
	for key := uint32(1); key < t.next(0); key = t.next(key + 1) {
		name := strings.TrimPrefix(t.text(key), "+")
		switch name {
		case "include", "extends", "env_files", "rules":
			if t.relative(key + 1) {
				found = append(found, name)
			}
		case "jobs", "on_failure", "on_success":
			for job := key + 2; job < t.next(key+1); job = t.next(job) {
				found = t.relativeOfJob(job, found)
			}
		case "defaults":
			found = t.relativeOfJob(key+1, found)
		case "templates":
			if t.kind(key+1) == objectNode {
				for name := key + 2; name < t.next(key+1); name = t.next(name + 1) {
					found = t.relativeOfJob(name+1, found)
				}
			}
		}
	}
	return found
}

// relativeOfJob adds the fields of a job that name others by relative paths.
func (t *tree) relativeOfJob(job uint32, found []string) []string {
	for _, field := range []string{"env_files", "+env_files", "workflow"} {
		if v := t.jobMember(job, field); v != 0 && t.relative(v) && !slices.Contains(found, strings.TrimPrefix(field, "+")) {
			found = append(found, strings.TrimPrefix(field, "+"))
		}
	}
	return found
}

func (t *tree) jobMember(job uint32, field string) uint32 {
	if t.kind(job) != objectNode {
		return 0
	}
	return t.member(job, field)
}

// relative reports whether a path, or one of a list, is relative.
func (t *tree) relative(i uint32) bool {
	switch t.kind(i) {
	case stringNode:
		return !filepath.IsAbs(strings.TrimPrefix(t.text(i), "?"))
	case listNode:
		for c := i + 1; c < t.next(i); c = t.next(c) {
			if t.relative(c) {
				return true
			}
		}
	}
	return false
}
