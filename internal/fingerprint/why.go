package fingerprint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Ran begins what tells why a job ran that says what it reads or makes.
const Ran = "run: "

// maxChanges is how many changes are named, and maxMissing how many files that are gone.
const (
	maxChanges = 3
	maxMissing = 5
)

// Why says what changed between what was remembered and what is; empty when nothing did.
// Neither has a Problem.
func Why(was, is Document) string {
	var c changes
	c.differs(was.Command, is.Command, "the command changed")
	c.differs(was.Dir, is.Dir, "the working directory changed")
	c.differs(was.Checks, is.Checks, "its post_checks changed")
	c.hashes("variable ", was.Vars, is.Vars)
	c.hashes("", was.Inputs, is.Inputs)
	if slices.Equal(was.Makes, is.Makes) {
		c.outputs(was.Outputs, is.Outputs)
	} else {
		c = append(c, "the list of outputs changed")
	}
	return c.text()
}

// changes are what differs, each in a few words.
type changes []string

func (c *changes) differs(was, is, text string) {
	if was != is {
		*c = append(*c, text)
	}
}

func (c *changes) hashes(prefix string, was, is Hashes) {
	for _, name := range names(was, is) {
		before, there := was[name]
		now, stays := is[name]
		switch {
		case !there:
			*c = append(*c, prefix+name+" is new")
		case !stays:
			*c = append(*c, prefix+name+" is gone")
		case before != now:
			*c = append(*c, prefix+name+" changed")
		}
	}
}

// outputs is hashes for outputs, of which those that are gone are told together.
func (c *changes) outputs(was, is Hashes) {
	var gone []string
	left := maps.Clone(was)
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if _, there := is[name]; !there {
			gone = append(gone, name)
			delete(left, name)
		}
	}
	if len(gone) > 0 {
		*c = append(*c, Missing("outputs", gone))
	}
	c.hashes("output ", left, is)
}

// Missing says of which names there is no file, of many the first few.
func Missing(what string, names []string) string {
	more := ""
	if len(names) > maxMissing {
		more = fmt.Sprintf(" and %d more", len(names)-maxMissing)
		names = names[:maxMissing]
	}
	return what + " missing: " + strings.Join(names, ", ") + more
}

func (c changes) text() string {
	if len(c) > maxChanges {
		return strings.Join(c[:maxChanges], ", ") + fmt.Sprintf(" and %d more changes", len(c)-maxChanges)
	}
	return strings.Join(c, ", ")
}

// names returns the names of both, each once, in order.
func names(a, b Hashes) []string {
	all := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}
