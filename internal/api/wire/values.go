package wire

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Values are values by name, such as those of parameters. In JSON a value may also be a number,
// true or false, which stand for their texts as they are written.
type Values map[string]string

// UnmarshalJSON reads values. The error doesn't repeat any: it may be a secret.
func (v *Values) UnmarshalJSON(data []byte) error {
	var read map[string]any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // a number keeps its digits
	if err := d.Decode(&read); err != nil {
		return errors.New("these are no values by name")
	}
	if read == nil {
		*v = nil
		return nil
	}
	made := make(Values, len(read))
	for name, value := range read {
		switch value := value.(type) {
		case string:
			made[name] = value
		case json.Number:
			made[name] = value.String()
		case bool:
			made[name] = map[bool]string{true: "true", false: "false"}[value]
		default:
			return errors.New("a value is neither a text nor a number, true or false")
		}
	}
	*v = made
	return nil
}
