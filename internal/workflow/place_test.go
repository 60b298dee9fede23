package workflow

import "testing"

func TestHideSecrets(t *testing.T) {
	for line, want := range map[string]string{
		`command: echo "$x" >>out`:       `command: echo "$x" >>out`,
		`DB_PASSWORD: abc`:               `DB_PASSWORD: ***`,
		`{"api-Token": "abc", "b": "c"}`: `{"api-Token": "***", "b": "c"}`,
		"\u017fecret = 12":               "\u017fecret = **",
		"\u212aey: 12":                   "\u212aey: **",
		`monkey: see`:                    `monkey: ***`,
	} {
		if got := hideSecrets(line); got != want {
			t.Errorf("%s is shown as %s, want %s", line, got, want)
		}
	}
}
