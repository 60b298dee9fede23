package cli_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

const registered = `
-- nightly.yaml --
application_name: app
working_dir: "~"
include: [more.yaml]
params: {day: {type: string, default: mon}}
jobs: [{id: a, command: "echo on $day; exit $(cat exit)", inherit_environment: true}]
-- more.yaml --
env: {MORE: x}
-- other.yaml --
application_name: other
working_dir: "~"
jobs: [{id: a, command: "true"}]
-- big.yaml --
application_name: big
working_dir: "~"
params:
  day: {type: date, default: today, description: the day}
  api_token: {type: string, default: s3cret}
jobs:
  - {id: a, command: "true"}
  - {id: b, command: "true", dependencies: [a]}
  - {id: c, command: "true", dependencies: [b], continue_on_error: true}
  - {id: d, command: "true", dependencies: [b], when: 'params.day != "x"'}
on_failure: [{id: h, command: "true"}]
-- exit --
1
`

// Registered workflows are run by name, and a run goes on with the newest version when it is
// told to; the commands say the same through the service and on its database.
func TestRegisteredWorkflows(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse([]byte(registered)))
	stop := p.serve()
	said := func(command, code, out, errs string) {
		t.Helper()
		if got := p.run(command); got.Code != code || !strings.Contains(got.Out, out) || !strings.Contains(got.Err, errs) {
			t.Errorf("%s: %+v", command, got)
		}
	}
	said("executioner workflow list", "0", "no workflow is registered", "")
	said("executioner workflow register nightly.yaml --note first", "0", "nightly@1 is registered; run it through a server: executioner run nightly", "")
	said("executioner workflow register nightly.yaml", "0", "nightly@1 is registered", "")
	said("executioner workflow register other.yaml --name nightly", "5", "", "workflow nightly is of another application")
	said("executioner workflow register nightly.yaml --name a@1", "2", "", "can't have @")
	said("executioner workflow register gone.yaml", "4", "", "there is no workflow file gone.yaml")
	said("executioner workflow show nightly --source", "0", "MORE", "")
	said("executioner workflow show nightly", "0", "first", "")
	said("executioner workflow show none", "4", "", "no workflow none is registered")
	said("executioner run nightly -p day=tue -q", "1", "app run 1 FAILED", "")
	said("executioner logs 1 a", "0", "on tue", "")
	said("executioner run nightly@2", "4", "", "there is no workflow file nightly@2, and no such workflow of the server: version 2 of workflow nightly does not exist")
	said("executioner run nightlyx", "4", "", "executioner workflow list shows those that are registered")
	said("executioner runs show 1", "0", "workflow nightly@1 (registered)", "")
	said("executioner runs show 1 --json", "0", `"registered":"nightly@1"`, "")
	said("sed -i s/command:/description:\\ d,\\ command:/ nightly.yaml; echo 0 > exit; executioner workflow register nightly.yaml --json", "0", `"version":2`, "")
	said("executioner workflow diff nightly 1 2", "1", "description", "")
	said("executioner workflow diff nightly 2 2", "0", "", "")
	said("executioner workflow diff nightly 2 x", "2", "", `"x" is not a version`)
	said("executioner resume 1 --with-current -q", "0", "SUCCESS", "nightly@2 differs from nightly@1, with which run 1 began:")
	said("executioner runs show 1 --json", "0", `"registered":"nightly@2"`, "")
	said("executioner logs 1 a", "0", "on tue", "")
	said("executioner workflow register big.yaml", "0", "big@1", "")
	said("executioner plan big > a; executioner plan big.yaml | sed s/big.yaml/big/ > b; test -s a && diff a b", "0", "", "")
	said("executioner run big.yaml -q && executioner plan big -p day=2026-01-31 --skip b > a; executioner plan big.yaml -p day=2026-01-31 --skip b | sed s/big.yaml/big/ > b; test -s a && diff a b", "0", "", "")
	said("executioner plan big", "0", "executioner run big\n", "")
	said("executioner plan big --json | sed 's/\"file\":\"[^\"]*\"//' > a; executioner plan big.yaml --json | sed 's/\"file\":\"[^\"]*\"//' > b; test -s a && diff a b", "0", "", "")
	said("executioner params big > a; executioner params big.yaml > b; test -s a && diff a b", "0", "", "")
	said("executioner params big --json > a; executioner params big.yaml --json > b; test -s a && diff a b", "0", "", "")
	said("executioner plan big -p day=x", "3", "", "must be a date")
	said("executioner params big -p day=today", "2", "", "executioner plan big -p NAME=VALUE")
	said("executioner plan none", "4", "", "there is no workflow file none, and no such workflow of the server")
	said("executioner params none", "4", "", "there is no workflow file none, and no such workflow of the server")
	said("executioner workflow disable nightly", "0", "nightly@2 app disabled", "")
	said("executioner run nightly", "4", "", "all versions of workflow nightly are disabled")
	said("executioner workflow enable nightly@1", "0", "nightly@1 app enabled", "")
	said("executioner workflow versions nightly --json", "0", `"version":1`, "")
	said("executioner audit list --action run.submit", "0", "workflow nightly@1", "")
	said("executioner stats app --json", "0", `"application":"app"`, "")
	said("executioner stats app", "0", "app", "")
	said("executioner stats none", "4", "", "no run of none has ended")
	said("executioner __complete run nig 2>/dev/null", "0", "nightly", "")
	if got := p.run("executioner serve --listen none --database x/y.db"); got.Code != "4" || !strings.Contains(got.Err, "there is no directory") {
		t.Errorf("got %+v", got)
	}
	for name, role := range map[string]string{"op": "operator", "vw": "viewer"} {
		said("export D=--database\\ history.db; executioner user add "+name+" $D --no-password --grant "+role+" && executioner token create "+name+" t $D --json | sed 's/.*\"\\(exe_[^\"]*\\)\".*/\\1/' > "+name, "0", "", "")
	}
	said("EXECUTIONER_TOKEN_FILE=op executioner run nightly -q", "0", "SUCCESS", "")
	for _, who := range []string{"op", "vw"} { // both are to know what there is to run, and with what
		said("EXECUTIONER_TOKEN_FILE="+who+" executioner plan big", "0", "4 to run", "")
		said("EXECUTIONER_TOKEN_FILE="+who+" executioner params big", "0", "day", "")
		said("EXECUTIONER_TOKEN_FILE="+who+" executioner workflow show big --json | grep -c s3cret", "1", "0", "")
	}
	said("EXECUTIONER_TOKEN_FILE=op executioner run other.yaml", "2", "", "user op may not do run.inline (run or check a workflow that is not registered)\n → ask an administrator for a role that may: author")
	said("EXECUTIONER_TOKEN_FILE=vw executioner run other.yaml", "2", "", "user vw may not do run.submit (run a registered workflow)\n → ask an administrator for a role that may: operator for registered workflows, author for any")
	said("EXECUTIONER_TOKEN_FILE=vw executioner validate other.yaml --json", "2", "", `{"error":{"code":"forbidden","message":"user vw may not do run.inline`)
	said("EXECUTIONER_TOKEN_FILE=vw executioner workflow show nightly@2 --source", "2", "", "is for those who may change it")
	stop(os.Interrupt)
	here := "env -u EXECUTIONER_SERVER executioner "
	said(here+"workflow list", "0", "nightly@2", "")
	said(here+"workflow show nightly", "0", "nightly@1", "")
	said(here+"workflow show nightly@2 --source", "0", "description", "")
	said(here+"workflow diff nightly 1 2", "1", "description", "")
	said(here+"workflow register other.yaml --name nightly", "5", "", "workflow nightly is of application app")
	said(here+"workflow disable nightly", "0", "nightly@1 app disabled", "")
	said(here+"workflow show nightly", "4", "", "all versions of workflow nightly are disabled")
	said(here+"workflow enable nightly", "0", "nightly@2 app enabled", "")
	said(here+"resume 1 --with-current --from a -q", "0", "SUCCESS", "nightly@2 is the newest version, with which run 1 began")
	said(here+"runs show 1", "0", "workflow nightly@2 (registered)", "")
	said(here+"audit list --action workflow.enable", "0", "local:tester", "")
	said(here+"run nightly", "4", "", "there is no workflow file nightly")
	said("export EXECUTIONER_DATABASE=$PWD/who.db; env -u USER -u EXECUTIONER_SERVER executioner user add ann --no-password; "+here+"audit list | grep -c local:$(id -un)", "0", "1\n", "")
}
