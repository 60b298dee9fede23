package workflow

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/executionerhq/executioner/internal/fault"
)

var updatePrint = flag.Bool("update-print", false, "rewrite testdata/print/*.txtar")

// TestPrintGolden formats the first file of each archive. The second is what must come
// out, in the format that its name says.
func TestPrintGolden(t *testing.T) {
	archives, err := filepath.Glob("testdata/print/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal(archives, err)
	}
	for _, path := range archives {
		t.Run(filepath.Base(path), func(t *testing.T) {
			a, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			src, want := a.Files[0], &a.Files[1]
			got, err := Print(Source{src.Name, src.Data}, Format(strings.TrimPrefix(filepath.Ext(want.Name), ".")))
			if err != nil {
				t.Fatal(err)
			}
			if *updatePrint {
				want.Data = got.Text
				if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if d := cmp.Diff(string(want.Data), string(got.Text)); d != "" {
				t.Error(d)
			}
			again(t, got.Text, Format(strings.TrimPrefix(filepath.Ext(want.Name), ".")))
		})
	}
}

// again checks that what has been printed is printed just so.
func again(t interface{ Errorf(string, ...any) }, text []byte, to Format) {
	twice, err := Print(Source{"again." + string(to), text}, to)
	if err != nil {
		t.Errorf("printed text can't be printed: %v\n%s", err, text)
	} else if !bytes.Equal(twice.Text, text) {
		t.Errorf("printing twice differs: %s", cmp.Diff(string(text), string(twice.Text)))
	}
}

func TestPrintRefusesWhatCantBeRead(t *testing.T) {
	for _, src := range []Source{{"a.json", []byte(`{"jobs": [}`)}, {"a.yaml", []byte("a: [\n")}, {"e.yaml", []byte(" \n")}} {
		_, err := Print(src, "")
		var problems Problems
		if fault.CodeOf(err) != fault.InvalidWorkflow || !errors.As(err, &problems) || len(problems) == 0 {
			t.Errorf("%s: %v", src.Name, err)
		}
	}
}

// The examples, and what init writes, are written as fmt would write them, so that people see
// one style.
func TestExamplesAreFormatted(t *testing.T) {
	var files []string
	for _, pattern := range []string{"*.*", "*/*.yaml", "*/*/*.yaml"} {
		found, err := filepath.Glob("../../examples/" + pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, found, err)
		}
		files = append(files, found...)
	}
	for _, file := range append(files, "../cli/init.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		src := Source{file, bytes.ReplaceAll(data, []byte("@"), nil)}
		p, err := Print(src, FormatOf(src))
		if err != nil {
			t.Fatal(err)
		}
		if string(p.Text) != string(src.Data) {
			t.Errorf("executioner fmt would change %s", file)
		}
	}
}

func TestExamplesSurvivePrinting(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "../cli/init.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.ReplaceAll(data, []byte("@"), nil)
		for _, to := range []Format{YAML, JSON} {
			src := Source{file, data}
			p, err := Print(src, to)
			if err != nil {
				t.Errorf("%s to %s: %v", file, to, err)
				continue
			}
			again(t, p.Text, to)
			sameWorkflow(t, src, Source{strings.TrimSuffix(file, filepath.Ext(file)) + "." + string(to), p.Text})
		}
	}
}

// sameWorkflow loads both and compares all but their names.
func sameWorkflow(t interface {
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, a, b Source,
) {
	host := Host{Home: "/home/x", Dir: "/work"}
	wa, erra := Load(a, host)
	wb, errb := Load(b, host)
	if (erra == nil) != (errb == nil) {
		t.Fatalf("%v, printed: %v\n%s", erra, errb, b.Data)
	}
	if erra != nil {
		return
	}
	wa.File, wb.File, wa.Warnings, wb.Warnings = "", "", nil, nil
	if d := cmp.Diff(wa, wb); d != "" {
		t.Errorf("printing changed the workflow: %s\n%s", d, b.Data)
	}
}

// hardText generates strings that YAML could take for something else.
func hardText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"", " ", "a", "yes", "No", "null", "~", "1", "0x1F", "1_000", ".5", "1e5", "-", "--", "- a", "a: b", "a:", ":a", "#a", "a #b", "a# b",
			"*a", "&a", "!a", "!!str 1", "|", ">", "| a", "%a", "@a", "`a", "'a", "\"a", "a'b", "{a", "[a]", "a, b", "{}", "a\nb", "a\n", "\na", " a\nb",
			"a\n\n", "\n", "\n\n", "a\n b\n\nc\n", "a\tb", "\ta", "a ", "a\r\nb", "\u0085", "\u2028", "é", "日本", "😀", "---", "...", "--- a", "? a", "<<",
			"${A}", "$A \"b\"", "2020-01-01", "12:30", "1:2:3", ".inf", "a\\b", "a # b\nc: d\n", "\x7f", "x\n\t y", "a  \nb", "true", "=", "a\n# b\n",
		}),
		rapid.StringOfN(rapid.SampledFrom([]rune("ab :#-\n'\"\\{}[],&*!|>%@`?~0 \té")), 0, 12, -1),
	)
}

// quotedJSON is a string in JSON, which any generated file begins as.
func object(t *rapid.T) []byte {
	var b bytes.Buffer
	str := func(label string) string { return jsonString(strings.ToValidUTF8(hardText().Draw(t, label), "")) }
	b.WriteString(`{"working_dir": "/w", "application_name": "n", "jobs": [`)
	n := rapid.IntRange(1, 4).Draw(t, "jobs")
	for i := range n {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(`{"command": ` + str("command") + `, "id": ` + jsonString(string(rune('a'+i))+strings.TrimSpace(strings.ToValidUTF8(hardText().Draw(t, "id"), ""))))
		if rapid.Bool().Draw(t, "needs") && i > 0 {
			b.WriteString(`, "dependencies": [{"on": "failure", "job": ` + str("need") + `}, "a"]`)
		}
		if rapid.Bool().Draw(t, "env") {
			b.WriteString(`, "env_variables": {"A": ` + str("value") + `, "B": true, "C": null, "D": 1e3, ` + jsonString("E"+hardText().Draw(t, "name")) + `: -0.50}`)
		}
		if rapid.Bool().Draw(t, "check") {
			b.WriteString(`, "_note": ` + str("note") + `, "post_checks": [{"params": {"path": ` + str("path") + `, "x": [` + str("item") + `, 1]}, "name": "check_file_exists"}]`)
		}
		b.WriteString("}")
	}
	b.WriteString(`], "default_timeout": 1E2, "max_workers": 3, "unknown": ` + str("unknown") + `}`)
	return b.Bytes()
}

// TestPrintRoundTrip: JSON → YAML → YAML → JSON → the same workflow.
func TestPrintRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := Source{"a.json", object(t)}
		if _, err := readTree(src); err != nil {
			t.Fatalf("the generator is wrong: %v %s", err, src.Data)
		}
		first := src
		for i, to := range []Format{YAML, YAML, JSON, JSON, YAML} {
			p, err := Print(src, to)
			if err != nil {
				t.Fatalf("step %d: %v\n%s", i, err, src.Data)
			}
			src = Source{"a." + string(to), p.Text}
			again(t, p.Text, to)
			sameWorkflow(t, first, src)
		}
	})
}

func FuzzPrint(f *testing.F) {
	for _, glob := range []string{"../../examples/*.*", "../cli/init.yaml", "testdata/print/*.txtar"} {
		files, _ := filepath.Glob(glob)
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			if a := txtar.Parse(data); len(a.Files) > 0 {
				data = a.Files[0].Data
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		for _, name := range []string{"a.yaml", "a.json"} {
			for _, to := range []Format{YAML, JSON} {
				src := Source{name, data}
				p, err := Print(src, to)
				if err == nil {
					again(t, p.Text, to)
					sameWorkflow(t, src, Source{"a." + string(to), p.Text})
				}
			}
		}
	})
}
