package workflow

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"

	"github.com/executionerhq/executioner/internal/fault"
)

// Limits of what Load reads. They are far above real files and keep a hostile or
// broken one from taking the machine's memory.
const (
	MaxJSON  = 1 << 30   // bytes of a file
	MaxYAML  = 16 << 20  // bytes of one whose YAML is not plain: the module needs far more memory and time per byte
	maxDepth = 200       // objects and lists within each other; real files need about six
	maxNodes = 1 << 27   // values and names of one file
	maxAlias = 1_000_000 // values that YAML aliases may add
)

// Source is a workflow file that has been read.
type Source struct {
	Name string // as the user wrote it; shown in problems and kept as Workflow.File
	Data []byte // its content; Load neither changes nor keeps it
}

// Load turns a file into a workflow with every default filled in. The format is
// YAML when the name ends in .yaml or .yml, or when the content does not begin
// like JSON; both have the same fields.
//
// The error is a *fault.Error with code InvalidWorkflow whose cause is Problems:
// everything that is wrong, in the order of the file, warnings included.
// Load is safe for concurrent use.
func Load(src Source, host Host) (*Workflow, error) {
	data := trimBOM(src.Data)
	rep := &reporter{name: src.Name, data: data}
	w := load(src.Name, data, host, rep)
	problems := rep.problems()
	if rep.failed() {
		return nil, &fault.Error{Code: fault.InvalidWorkflow, Msg: "the workflow is not valid", Err: problems}
	}
	w.Warnings = problems
	return w, nil
}

// load returns the workflow as far as it could be read; rep knows whether it is good.
func load(name string, data []byte, host Host, rep *reporter) *Workflow {
	doc := readText(name, data, rep)
	if doc == nil {
		return nil
	}
	var files []string
	if doc.composes() {
		made := compose(doc, name, host, rep, false)
		if made == nil {
			return nil
		}
		doc, files = made.tree, made.files
	}
	w := decodeWorkflow(doc, name, host, rep)
	if w != nil {
		w.Files = bothFiles(files, w.Files)
	}
	return w
}

// bothFiles returns the files that a workflow is put together from, then those of its
// sub-workflows, each once.
func bothFiles(included, called []string) []string {
	for _, path := range called {
		if !slices.Contains(included, path) {
			included = append(included, path)
		}
	}
	return included
}

// readText returns the tree of a file, which must have text, or nil after reporting why there is none.
func readText(name string, data []byte, rep *reporter) *tree {
	if len(bytes.TrimSpace(data)) == 0 {
		hint := "write one, or let `executioner init` write a first one"
		if rep.base > 0 {
			hint = "" // it is included: most of a workflow is elsewhere
		}
		rep.errorHint(0, hint, "the file is empty")
		return nil
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		rep.errorHint(0, "save it as UTF-8", "the file is UTF-16, not UTF-8")
		return nil
	}
	return read(name, data, rep)
}

// read returns the file's tree, or nil after reporting why there is none.
func read(name string, data []byte, rep *reporter) *tree {
	if len(data) > MaxJSON {
		rep.error(0, "the file has %d bytes, more than the %d that are read", len(data), MaxJSON)
		return nil
	}
	if isYAML(name, data) {
		return readYAML(data, rep)
	}
	return readJSON(data, rep)
}

func isYAML(name string, data []byte) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		return true
	}
	first := bytes.TrimLeft(data, " \t\r\n")[0]
	// A slash begins a comment that somebody put into JSON: the JSON reader explains it.
	return first != '{' && first != '[' && first != '/'
}
