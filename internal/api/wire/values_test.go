package wire_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/executionerhq/executioner/internal/api/wire"
)

func TestValues(t *testing.T) {
	for _, c := range []struct {
		text string
		want wire.Values
		err  string
	}{
		{`{"a":"x","n":5,"big":12345678901234567890,"exact":1.50,"yes":true,"no":false}`, wire.Values{"a": "x", "n": "5", "big": "12345678901234567890", "exact": "1.50", "yes": "true", "no": "false"}, ""},
		{`{}`, wire.Values{}, ""},
		{`null`, nil, ""},
		{`{"a":null}`, nil, "a value is neither a text nor a number, true or false"},
		{`{"a":["secret"]}`, nil, "a value is neither a text nor a number, true or false"},
		{`["secret"]`, nil, "these are no values by name"},
	} {
		var got wire.Values
		err := json.Unmarshal([]byte(c.text), &got)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if !reflect.DeepEqual(got, c.want) || said != c.err {
			t.Errorf("%s: got %#v, %q", c.text, got, said)
		}
	}
}
