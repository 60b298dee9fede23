package workflow

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"github.com/executionerhq/executioner/internal/fault"
)

// Format is a way to write a workflow file.
type Format string

// The formats that there are.
const (
	YAML Format = "yaml"
	JSON Format = "json"
)

// FormatOf returns the format in which Load would read a file.
func FormatOf(src Source) Format {
	data := trimBOM(src.Data)
	if len(bytes.TrimSpace(data)) > 0 && !isYAML(src.Name, data) {
		return JSON
	}
	return YAML
}

// Printed is a file that has been written anew.
type Printed struct {
	Text []byte
	Lost int // comments that JSON has no place for
}

// Print writes a file in its canonical form: indented by two, fields in the order of the
// documentation, one blank line between jobs. An empty format stands for the file's own.
// Comments of YAML are kept, and so are the spelling of values, anchors and aliases; in
// JSON there are no comments, and aliases are written out. What the file says is not
// changed by it: this is checked each time.
//
// A file that can't be read is a fault InvalidWorkflow whose cause is Problems; the
// fields and values of one that can be need not be valid. Print is safe for concurrent use.
func Print(src Source, to Format) (Printed, error) {
	t, err := readTree(src)
	if err != nil {
		return Printed{}, err
	}
	from := FormatOf(src)
	if to == "" {
		to = from
	}
	switch {
	case to == JSON:
		p := Printed{Text: printJSON(t)}
		if from == YAML {
			p.Lost = len(commentsOf(src.Data))
		}
		return p, checkPrinted(src, t, p.Text, JSON)
	case from == JSON:
		text := printTree(t, nil)
		return Printed{Text: text}, checkPrinted(src, t, text, YAML)
	}
	text, err := printYAML(src, t)
	return Printed{Text: text}, err
}

// printYAML writes a YAML file as YAML. Where an alias would come to stand before its
// anchor, the order of fields stays.
func printYAML(src Source, t *tree) ([]byte, error) {
	root, head, lay := layoutYAML(trimBOM(src.Data))
	if root == nil {
		return nil, unprintable(src)
	}
	root.arrange()
	text := printLayout(head, root)
	err := checkPrinted(src, t, text, YAML)
	if err == nil || !lay.alias {
		return text, err
	}
	root, head, _ = layoutYAML(trimBOM(src.Data))
	root.settle(0)
	text = printLayout(head, root)
	return text, checkPrinted(src, t, text, YAML)
}

// readTree reads the form of a file, without looking at what its fields mean.
func readTree(src Source) (*tree, error) {
	data := trimBOM(src.Data)
	rep := &reporter{name: src.Name, data: data}
	var t *tree
	if len(bytes.TrimSpace(data)) == 0 {
		rep.error(0, "the file is empty")
	} else {
		t = read(src.Name, data, rep)
	}
	if t == nil || rep.failed() {
		return nil, &fault.Error{Code: fault.InvalidWorkflow, Msg: "the file can't be read", Err: rep.problems()}
	}
	return t, nil
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

// checkPrinted reads what was written and compares it with what was read. The YAML module
// has its faults, and so may this package; no file is to be changed by them.
func checkPrinted(src Source, t *tree, text []byte, to Format) error {
	again, err := readTree(Source{Name: "printed." + string(to), Data: text})
	if err != nil || essence(again) != essence(t) {
		return unprintable(src)
	}
	if to == YAML && t.yaml && !slices.Equal(commentsOf(src.Data), commentsOf(text)) {
		return unprintable(src)
	}
	return nil
}

func unprintable(src Source) error {
	return fault.New(fault.Unsupported, "%s can't be written anew without changing what it says", src.Name).
		WithHint("it was left alone; it has a form of YAML that is not known how to write")
}

// essence is what a tree says, whatever its format and the order of names.
func essence(t *tree) string {
	e := &essencer{tree: t}
	e.value(0, false)
	return e.out.String()
}

type essencer struct {
	*tree
	out strings.Builder
}

func (e *essencer) value(i uint32, env bool) {
	switch k := e.kind(i); {
	case k == listNode:
		e.out.WriteByte('[')
		for c := i + 1; c < e.next(i); c = e.next(c) {
			e.value(c, false)
		}
		e.out.WriteByte(']')
	case k == objectNode:
		e.object(i, env)
	case env:
		e.out.WriteString(strconv.Quote(e.envText(i)))
	case k == stringNode:
		e.out.WriteString(strconv.Quote(e.text(i)))
	case k == numberNode:
		if v, err := e.number(i); err == nil {
			e.out.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
		} else {
			e.out.WriteString(strconv.Quote(e.text(i)))
		}
		e.out.WriteByte(' ')
	default:
		e.out.WriteString(strings.ToLower(e.text(i)) + " ")
	}
}

func (e *essencer) object(i uint32, env bool) {
	var keys []uint32
	for key := i + 1; key < e.next(i); key = e.next(key + 1) {
		keys = append(keys, key)
	}
	slices.SortStableFunc(keys, func(a, b uint32) int { return strings.Compare(e.text(a), e.text(b)) })
	e.out.WriteByte('{')
	for _, key := range keys {
		e.out.WriteString(strconv.Quote(e.text(key)))
		e.value(key+1, env || e.text(key) == "env_variables")
	}
	e.out.WriteByte('}')
}

// commentsOf returns the comments of a YAML text, sorted.
func commentsOf(data []byte) []string {
	text := strings.ReplaceAll(strings.ReplaceAll(string(trimBOM(data)), "\r\n", "\n"), "\r", "\n")
	var all []string
	for _, t := range lexer.Tokenize(text) {
		if t.Type == token.CommentType {
			all = append(all, strings.TrimRight(t.Value, " \t\n"))
		}
	}
	slices.Sort(all)
	return all
}
