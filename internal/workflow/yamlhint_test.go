package workflow

import (
	"strings"
	"testing"
)

// hints returns what is advised about a file, without what is wrong.
func hints(t *testing.T, text string) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(found(t, "flow.yaml", text)) {
		if hint, is := strings.CutPrefix(line, "    hint: "); is {
			all = append(all, strings.TrimSuffix(hint, "\n"))
		}
	}
	return strings.Join(all, "; ")
}

// The mistakes that people make in YAML come with what to do about them.
func TestSyntaxHints(t *testing.T) {
	const quotes = inQuotes
	tests := map[string]string{
		"  - id: a\n   command: x\n":               "to belong to the entry that begins on line 3, indent it by 4 blanks",
		"  - id: a\n  command: x\n":                "to belong to the entry that begins on line 3, indent it by 4 blanks",
		"  - id: a\n    command: x\n  owner: me\n": "to belong to the entry that begins on line 3, indent it by 4 blanks",
		"  - id: a\ncommand: x\n":                  "command belongs to a job: indent it like the job's id",
		"  - id: a\n      command: x\n":            "the next line is indented too far: 4 blanks, if it is a field beside this one",
		"- id: a\n  command: x\n  - id: b\n":       "the entries of a list begin in one column: this one with 0 blanks, like line 3",
		"  - id: a\n    command: echo done: ok\n":  `a text with ": " in it goes in quotes`,
		"  - id: a\n    command: echo done:\n":     `a text with ": " in it goes in quotes`,
		"  - id: a\n    command: \"echo\n":         "the quote that begins here has no end",
		"  - id: a\n    command: [a, b\n":          "close the bracket; a text that begins with [ or { goes in quotes",
		"  - id: a\n    command: [ -f x ] && y\n":  quotes,
		"  - id: a\n    command: {a} b\n":          quotes,
		"  - id: a\n    when: 'a' == 'b'\n":        quotes,
		"  - id: a\n    command: \"a\" && b\n":     quotes,
		"  - id: a\n    command: @x\n":             "put the value in quotes",
		"  - id: a\n    command: `date`\n":         "put the value in quotes",
		"  - id: a\n    command: *.txt\n":          "a text that begins with * goes in quotes",
		"  - id: a\n    command: !x y\n":           "a text that begins with ! goes in quotes",
		"  - id:a\n    command: x\n":               "a name and its value are written NAME: VALUE, with a blank behind the colon",
		"  - id: a\n    command: |\n    echo a\n":  "the text below | or > is indented deeper than the name before it",
		"\t- id: a\n":            "indent with spaces",
		"  a:\n    command: x\n": "write a list: each job is an entry with its own id",
		"  - {id: a, command: x}\non_failure: ./alert.sh":   "it is a list of jobs: write [{id: failure, command: …}]",
		"  - {id: a, command: x}\non_success: [./alert.sh]": "",
	}
	for text, want := range tests {
		if got := hints(t, "working_dir: /w\njobs:\n"+text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// Names that other programs have are told as ours, and where a field belongs.
func TestNamesOfOtherPrograms(t *testing.T) {
	const noSchedule = `write schedules: [{name: nightly, cron: "30 2 * * *"}], see docs/schedules.md`
	inJob := map[string]string{
		"depends_on: [b]": `did you mean "dependencies"?`,
		"needs: [b]":      `did you mean "dependencies"?`,
		"retries: 3":      `did you mean "max_retries"?`,
		"cwd: /x":         `did you mean "working_dir"?`,
		"env: {A: 1}":     `did you mean "env_variables"?`,
		"if: x":           `did you mean "when"?`,
		"name: x":         `did you mean "id"?`,
		"timout: 3":       `did you mean "timeout"?`,
		"schedule: x":     "schedules are of the whole workflow: write them at the top of the file, see docs/schedules.md",
		"on_failure: x":   "on_failure is a list of jobs at the top of the file; after one job: dependencies: [{job: ID, on: failure}]",
		"params: {a: 1}":  "params belongs at the top of the file, not into a job",
		"colour: red":     "",
		"post_checks: [{name: file_exists, params: {path: x}}]":                    `did you mean "check_file_exists"?`,
		"post_checks: [{name: file_siez, params: {path: x}}]":                      `did you mean "file_size"?`,
		"post_checks: [{name: check_file_exists, params: {path: x}, schedule: x}]": "",
	}
	for field, want := range inJob {
		if got := hints(t, "working_dir: /w\njobs: [{id: a, command: x, "+field+"}]\n"); got != want {
			t.Errorf("%s\n got %s\nwant %s", field, got, want)
		}
	}
	atTop := map[string]string{
		"retries: 3":     `did you mean "default_max_retries"?`,
		"env: {A: 1}":    `did you mean "env_variables"?`,
		"schedule: x":    noSchedule,
		"concurrency: 3": `did you mean "max_workers"?`,
		"pre_checks: []": "pre_checks belongs to a job: indent it like the job's id",
		"Max-Workers: 2": `did you mean "max_workers"?`,
	}
	for field, want := range atTop {
		if got := hints(t, "working_dir: /w\n"+field+"\njobs: [{id: a, command: x}]\n"); got != want {
			t.Errorf("%s\n got %s\nwant %s", field, got, want)
		}
	}
}

// What a template would have filled in is an error wherever it is left.
func TestLeftTemplateParameters(t *testing.T) {
	const top = "working_dir: /w\ntemplates: {t: {params: {table: null}, command: 'echo \"$table\"', description: 'loads ${{ table }}'}}\njobs:\n"
	const plain = "working_dir: /w\njobs:\n"
	tests := []struct{ text, want string }{
		{top + "  - {id: a, extends: {template: t, with: {table: x}}}\n", ""},
		{
			plain + "  - {id: a, command: './load ${{ table }}'}\n",
			`job "a": "${{ table }}" must not be pasted into what is executed | it is for templates; a parameter or variable of that name is "$table"`,
		},
		{
			top + "  - {id: a, extends: {template: t, with: {table: x}}, command: './load ${{ table }}'}\n",
			`job "a": "${{ table }}" must not be pasted into what is executed | it is a variable of the job: write "$table"`,
		},
		{
			plain + "  - {id: a, command: x, description: 'with ${{ y }}'}\n",
			`job "a": description: nothing replaces "${{ y }}" here | it stands for a template's parameter, in the fields of that template only: move the field there, or write the value`,
		},
		{
			plain + "  - {id: a, command: x, env_variables: {A: '${{ y }}'}}\n",
			`job "a": env_variables: nothing replaces "${{ y }}" here | it stands for a template's parameter, in the fields of that template only: move the field there, or write the value`,
		},
		{plain + "  - {id: a, command: x, _note: '${{ y }}'}\n", ""},
		{plain + "  - {id: a, command: 'echo \"${{\"'}\n", ""}, // it has no end, so it is something else
	}
	for _, test := range tests {
		var all []string
		for line := range strings.Lines(found(t, "flow.yaml", test.text)) {
			line = strings.TrimSuffix(line, "\n")
			if hint, is := strings.CutPrefix(line, "    hint: "); is {
				all = append(all, hint)
			} else if _, msg, is := strings.Cut(line, ": "); is && !strings.HasPrefix(line, " ") {
				all = append(all, msg)
			}
		}
		if got := strings.Join(all, " | "); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.text, got, test.want)
		}
	}
}
