// Package fingerprint tells whether anything changed that a job reads or makes since it
// last succeeded, and what. It reads files through fs.FS and is pure otherwise.
package fingerprint

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// maxDocument is how long an encoded document may be, in bytes.
const maxDocument = 8 << 20

// Document is what counts for whether a job is up to date: hashes, by which what differs
// can be named. Secrets are not to be in it, as its hashes could be guessed from.
type Document struct {
	Command string   `json:"command,omitempty"` // hash of what is started, and how
	Dir     string   `json:"dir,omitempty"`     // where
	Checks  string   `json:"checks,omitempty"`  // hash of the checks of its result
	Vars    Hashes   `json:"vars,omitempty"`    // of values, by variable
	Inputs  Hashes   `json:"inputs,omitempty"`  // of contents, by name of the file
	Makes   []string `json:"makes,omitempty"`   // patterns of outputs
	Outputs Hashes   `json:"outputs,omitempty"` // of contents, by name of the file
	Values  string   `json:"values,omitempty"`  // what the job handed on
	// Problem says why nothing can be compared with this, empty where it can.
	Problem string `json:"problem,omitempty"`
}

// Hashes are SHA-256 in hexadecimal, by name.
type Hashes map[string]string

// Hash returns the hash of texts. Other texts have another one, however they are divided.
func Hash(texts ...string) string {
	h := sha256.New()
	var length [8]byte
	for _, text := range texts {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write([]byte(text))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Encode returns the document as a text. One that is too long becomes a Problem.
func (d Document) Encode() string {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // it has texts only
	}
	if len(b) > maxDocument {
		return Document{Problem: fmt.Sprintf("what it read and made takes more than %d MiB to remember", maxDocument>>20)}.Encode()
	}
	return string(b)
}

// Decode reads what Encode wrote. What it did not write has a Problem.
func Decode(b []byte) Document {
	var d Document
	if err := json.Unmarshal(b, &d); err != nil {
		return Document{Problem: "what was remembered can't be read"}
	}
	return d
}
