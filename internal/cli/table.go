package cli

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/executionerhq/executioner/internal/fault"
)

// table is text in columns.
type table struct {
	rows  [][]string
	width []int
}

func (t *table) add(cells ...string) {
	for i, cell := range cells {
		if i == len(t.width) {
			t.width = append(t.width, 0)
		}
		t.width[i] = max(t.width[i], utf8.RuneCountInString(cell))
	}
	t.rows = append(t.rows, cells)
}

// print writes the rows, each after the indent. paint colours a padded cell; nil
// leaves it as it is.
func (t *table) print(w io.Writer, indent string, paint func(row, column int, padded string) string) error {
	out := bufio.NewWriterSize(w, 1<<16)
	t.write(out, indent, paint)
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

// write is print for a buffer, which keeps the error.
func (t *table) write(out *bufio.Writer, indent string, paint func(row, column int, padded string) string) {
	for r, cells := range t.rows {
		last := len(cells) - 1
		for last > 0 && cells[last] == "" {
			last--
		}
		_, _ = out.WriteString(indent)
		for i, cell := range cells[:last+1] {
			if i < last {
				cell += strings.Repeat(" ", t.width[i]-utf8.RuneCountInString(cell)+2)
			}
			if paint != nil {
				cell = paint(r, i, cell)
			}
			_, _ = out.WriteString(cell)
		}
		_ = out.WriteByte('\n')
	}
}
