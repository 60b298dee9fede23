package cli

import (
	"errors"
	"testing"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/fault"
)

func TestHintsOfAServer(t *testing.T) {
	nobody := &client.Error{Code: fault.Unauthorized, Message: "it is not known who asks", Hint: "log in, or send a valid token", Status: 401}
	hidden := &client.Error{Code: fault.NotFound, Message: "there is no run 5", Hint: "GET /api/v1/runs lists those that you may see", Status: 404}
	for _, tt := range []struct {
		name    string
		err     error
		environ []string
		server  string
		want    string
	}{
		{"no token", nobody, nil, "", "put a token into EXECUTIONER_TOKEN, or the name of its file into EXECUTIONER_TOKEN_FILE; executioner token create makes one, on the server's host"},
		{"a bad token", nobody, []string{"EXECUTIONER_TOKEN=x"}, "", "the token in EXECUTIONER_TOKEN may have ended or been revoked, or be for another server; executioner token create makes one, on the server's host"},
		{"a bad file", nobody, []string{"EXECUTIONER_TOKEN_FILE=x"}, "", "the token in the file that EXECUTIONER_TOKEN_FILE names may have ended or been revoked, or be for another server; executioner token create makes one, on the server's host"},
		{
			"a stranger", &client.Error{Code: fault.Unauthorized, Message: "the server's certificate is not trusted", Hint: "check that it is the right server, or name the certificates that sign its own"}, nil, "",
			"check that it is the right server; if it is, have EXECUTIONER_CA_FILE name a file with the certificate of its signer",
		},
		{"a run that may not be seen", hidden, nil, "", "executioner runs list shows those that you may see"},
		{"its server is named", hidden, nil, "https://x", "executioner runs list --server https://x shows those that you may see"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &command{Program: Program{Environ: tt.environ}, server: tt.server}
			got := c.inCommands(tt.err)
			if fault.HintOf(got) != tt.want || fault.CodeOf(got) != tt.err.(*client.Error).Code || got.Error() != tt.err.Error() {
				t.Errorf("%s: %v → %s", fault.CodeOf(got), got, fault.HintOf(got))
			}
		})
	}
	for _, err := range []error{nil, errors.New("x"), &client.Error{Code: fault.NotFound, Message: "x", Hint: "the newest is run 3", Status: 404}} {
		if got := (&command{}).inCommands(err); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
}
