package migrate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
)

type kind uint8

const (
	nullNode kind = iota
	scalarNode
	textNode
	listNode
	objectNode
)

// node is a JSON value. Unlike maps it keeps the order of names, and names that are there twice.
type node struct {
	kind    kind
	raw     string // of a scalar: as in JSON; of a text: what it says
	items   []*node
	members []*member
	line    int // of the YAML text, from 1, where it or its name begins
}

type member struct {
	name  string
	value *node
}

func text(s string) *node { return &node{kind: textNode, raw: s} }

// parse reads JSON, which Load has read before.
func parse(data []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	n, err := next(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more behind the end")
	}
	return n, nil
}

func next(d *json.Decoder) (*node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case nil:
		return &node{raw: "null"}, nil
	case string:
		return text(t), nil
	case json.Delim:
		if t == '[' {
			return list(d)
		}
		return object(d)
	default:
		return &node{kind: scalarNode, raw: fmt.Sprint(t)}, nil
	}
}

func list(d *json.Decoder) (*node, error) {
	n := &node{kind: listNode}
	for d.More() {
		item, err := next(d)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
	}
	_, err := d.Token()
	return n, err
}

func object(d *json.Decoder) (*node, error) {
	n := &node{kind: objectNode}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		value, err := next(d)
		if err != nil {
			return nil, err
		}
		key, _ := name.(string)
		n.members = append(n.members, &member{key, value})
	}
	_, err := d.Token()
	return n, err
}

// member returns the value of a field, or nil.
func (n *node) member(name string) *node {
	for _, f := range n.members {
		if f.name == name {
			return f.value
		}
	}
	return nil
}

// kept returns the value of the member that follows the i-th and is not commented out, or
// else of the last one before it, or nil.
func (n *node) kept(i int) *node {
	for _, f := range n.members[i+1:] {
		if !strings.HasPrefix(f.name, "_") {
			return f.value
		}
	}
	for i--; i >= 0; i-- {
		if f := n.members[i]; !strings.HasPrefix(f.name, "_") {
			return f.value
		}
	}
	return nil
}

// remark returns a text that can be a comment as it is.
func (n *node) remark() (string, bool) {
	said := strings.TrimSpace(strings.ReplaceAll(n.raw, "\r\n", "\n"))
	bad := func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }
	return said, n.kind == textNode && said != "" && !strings.ContainsFunc(said, bad)
}

// json writes the node as JSON.
func (n *node) json() []byte {
	var b bytes.Buffer
	n.write(&b)
	return b.Bytes()
}

func (n *node) write(b *bytes.Buffer) {
	switch n.kind {
	case nullNode, scalarNode:
		b.WriteString(n.raw)
	case textNode:
		writeText(b, n.raw)
	case listNode:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	case objectNode:
		b.WriteByte('{')
		for i, f := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, f.name)
			b.WriteByte(':')
			f.value.write(b)
		}
		b.WriteByte('}')
	}
}

func writeText(b *bytes.Buffer, s string) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be written
}
