package cli_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Who may not manage users has the own tokens through a server, and no others.
func TestOwnTokensThroughServer(t *testing.T) {
	t.Parallel()
	p := newPlace(t, txtar.Parse(nil))
	p.serve()
	said := func(command, code, out, errs string) {
		t.Helper()
		if got := p.run(command); got.Code != code || !strings.Contains(got.Out, out) || !strings.Contains(got.Err, errs) {
			t.Errorf("%s: %+v", command, got)
		}
	}
	said("executioner user add op --no-password --grant operator && executioner token create op first > op", "0", "", "as operator, ends on")
	said("executioner user add ann --no-password --grant viewer && executioner token create ann hers > ann", "0", "", "")
	const op = "EXECUTIONER_TOKEN_FILE=op executioner "
	said(op+"user list", "2", "", "user op may not do user.manage")
	said(op+"token create op second --grant viewer:app --expires 1d > second", "0", "", "of op as viewer:app, ends on")
	said(op+"token create ann mine", "2", "", "user op may not do user.manage")
	said(op+"token create op third --grant author", "2", "", "user op has not all of the grants author")
	said(op+"token create op third --expires never", "2", "", "a token that never ends can't be made through a server")
	said(op+"token list | cut -d' ' -f3- | cut -c1-12", "0", "first", "")
	said(op+"token list | grep -c hers", "1", "0", "")
	said(op+"token list op | grep -c second", "0", "1", "")
	said(op+"token revoke \"$(cat second)\"", "0", "(second) of op was revoked", "")
	said(op+"token revoke \"$(cat ann)\"", "4", "", "does not exist")
	said("executioner token revoke \"$(cat ann)\"", "0", "(hers) of ann was revoked", "")
	said("executioner audit list --action user.manage --limit 1", "0", "token", "")
}
