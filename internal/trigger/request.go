// Package trigger decides about what arrives for a workflow: whether a request is signed by
// whoever may, what it says, and whether a file is complete. It only decides: package
// scheduler looks, records and runs.
package trigger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/signature"
	"github.com/executionerhq/executioner/internal/workflow"
)

// Request is what came in for a webhook.
type Request struct {
	Header http.Header
	Body   []byte
}

// Delivery is what a signed request is told apart by.
type Delivery struct {
	ID    string // for people
	Key   string // the same of each repetition
	Proof string // the same of whatever has the same signature; empty where that has no time
}

// Open returns what a request is told apart by, if it is signed with a secret. An empty
// secret signs nothing. How long that takes does not depend on what is wrong.
//
// The id of a delivery is not signed. Where the signature has a time, one that was seen is a
// repetition, whatever its id; where it has none, the id is all that there is, and without
// one the body is.
func Open(t *workflow.Trigger, secret []byte, r Request, now time.Time) (Delivery, bool) {
	var good bool
	var d Delivery
	switch t.Signature {
	case workflow.GitHubSignature:
		signed := r.Header.Get(signature.GitHub)
		good = signature.VerifyGitHub(secret, signed, r.Body)
		d.ID = first(r.Header.Get(signature.GitHubID), r.Header.Get(signature.ID))
		d.Key = digest("id", first(d.ID, signed))
	default:
		signed, stamp := r.Header.Get(signature.Header), r.Header.Get(signature.Timestamp)
		within := t.Within
		if within == 0 {
			within = workflow.DefaultWithin
		}
		good = signature.Verify(secret, stamp, signed, r.Body, now, within)
		d.ID, d.Proof = r.Header.Get(signature.ID), digest("signature", signed)
		d.Key = digest("id", first(d.ID, signed))
	}
	return d, good && len(secret) > 0
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// digest returns 32 characters that are others for other parts.
func digest(parts ...string) string {
	text, _ := json.Marshal(parts) // texts can always be written
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// maxValue is how long the value of one parameter may be, in bytes.
const maxValue = 64 << 10

// Values returns what the fields of a request's body say, by the names of the parameters that
// get them. One that is not there, or is null, gives no value. The fault does not repeat
// what was sent.
func Values(fields []workflow.Var, body []byte) (values []workflow.Var, err error) {
	var whole any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // a number keeps its digits
	if len(bytes.TrimSpace(body)) > 0 {
		if err := d.Decode(&whole); err != nil || d.More() {
			return nil, fault.New(fault.Usage, "the body is not JSON")
		}
	}
	for _, f := range fields {
		value, err := text(at(whole, strings.Split(f.Value, ".")))
		switch {
		case err != nil:
			return nil, fault.Wrap(err, fault.Usage, "the field %s can't be the value of %s", f.Value, f.Name)
		case value == nil:
			continue
		case len(*value) > maxValue:
			return nil, fault.New(fault.Usage, "the field %s is longer than %d bytes", f.Value, maxValue)
		}
		values = append(values, workflow.Var{Name: f.Name, Value: *value})
	}
	return values, nil
}

// at returns what is at a place, or nil.
func at(value any, path []string) any {
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = object[name]
	}
	return value
}

// text returns a value as a parameter takes it; nil: there is none.
func text(value any) (*string, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case []any:
		if slices.ContainsFunc(v, func(item any) bool { _, is := item.(string); return !is }) {
			return nil, fault.New(fault.Usage, "it is a list of other things than texts")
		}
		list, _ := json.Marshal(v) // texts can always be written
		s := string(list)
		return &s, nil
	case string:
		return &v, nil
	case json.Number:
		s := v.String()
		return &s, nil
	case bool:
		s := "false"
		if v {
			s = "true"
		}
		return &s, nil
	}
	return nil, fault.New(fault.Usage, "it is an object")
}
