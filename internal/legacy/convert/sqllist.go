package convert

import (
	"path/filepath"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
)

// sqlList makes a job of each script of a release list: a path on each line, with or
// without the @ or start of SQL*Plus. Lines that begin with #, -- or rem are comments.
func (r *Result) sqlList(src Source) error {
	r.head = append(r.head, "Made of the release list "+src.Name+".", "DB_LOGIN is user/password@database, from the environment of who runs it.")
	r.Flow.Secrets = map[string]client.Secret{"DB_LOGIN": {Env: "DB_LOGIN"}}
	var remarks []string
	number := 0
	for line := range strings.Lines(string(src.Data)) {
		number++
		text := strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if said, is := sqlRemark(text); is {
			if said != "" {
				remarks = append(remarks, said)
			}
			continue
		}
		if err := r.sqlScript(src, number, sqlCall(text), remarks); err != nil {
			return err
		}
		remarks = nil
	}
	return nil
}

// sqlRemark returns what a comment or an empty line says.
func sqlRemark(text string) (string, bool) {
	for _, mark := range [...]string{"#", "--"} {
		if said, is := strings.CutPrefix(text, mark); is {
			return strings.TrimSpace(strings.TrimLeft(said, "#-")), true
		}
	}
	if word, said, _ := strings.Cut(text, " "); strings.EqualFold(word, "rem") {
		return strings.TrimSpace(said), true
	}
	return "", text == ""
}

// sqlCall returns the script of a line, with its arguments, without the word that starts it.
func sqlCall(text string) string {
	if word, rest, found := strings.Cut(text, " "); found && strings.EqualFold(word, "start") {
		text = rest
	}
	return strings.TrimSuffix(strings.TrimSpace(strings.TrimLeft(text, "@")), ";")
}

func (r *Result) sqlScript(src Source, line int, call string, remarks []string) error {
	path, _, _ := strings.Cut(call, " ")
	if name, is := strings.CutPrefix(call, `"`); is {
		path, _, _ = strings.Cut(name, `"`)
	}
	if path == "" {
		return fault.New(fault.InvalidWorkflow, "%s:%d: there is no script after the @", src.Name, line)
	}
	if filepath.Ext(path) == "" {
		call, path = strings.Replace(call, path, path+".sql", 1), path+".sql"
	}
	quoted, err := syntax.Quote("@"+call, syntax.LangPOSIX)
	if err != nil {
		return fault.New(fault.InvalidWorkflow, "%s:%d: a path can't have such characters", src.Name, line)
	}
	id := r.id(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	log := "logs/" + id + ".out"
	job := client.Job{
		ID: id,
		Command: client.Shell("mkdir -p logs\n{\n" +
			"  echo 'whenever oserror exit failure rollback'\n  echo 'whenever sqlerror exit failure rollback'\n" +
			"  echo \"connect $DB_LOGIN\"\n  printf '%s\\n' " + quoted + " exit\n} | sqlplus -S -L /nolog >" + log + " 2>&1"),
		PreChecks:  []client.Check{{Name: "check_file_exists", Params: map[string]any{"path": path}}},
		PostChecks: []client.Check{{Name: "check_no_ora_errors", Params: map[string]any{"log_file": log}}},
	}
	if n := len(r.Flow.Jobs); n > 0 {
		job.Dependencies = client.Needs(r.Flow.Jobs[n-1].ID)
	}
	if len(remarks) > 0 {
		r.comments[id] = remarks
	}
	r.Flow.Jobs = append(r.Flow.Jobs, job)
	return nil
}
