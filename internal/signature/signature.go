// Package signature signs the bodies of requests and checks them: those that notifications
// send, and those that start runs.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// The headers of a signed request.
const (
	ID        = "Idempotency-Key"       // the same each time that it is sent
	Timestamp = "Executioner-Timestamp" // seconds since 1970
	Header    = "Executioner-Signature" // see Sign

	GitHub   = "X-Hub-Signature-256" // see SignGitHub
	GitHubID = "X-GitHub-Delivery"
)

// Sign returns the signature of a body that is sent at a time, which is as Timestamp has it:
// "v1=" and the HMAC-SHA256 of the time, a full stop and the body, in hexadecimal digits.
func Sign(secret []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Verify reports whether a signature is right and no older or newer than tolerance: what a
// receiver has to do. How long it takes does not depend on how wrong it is.
func Verify(secret []byte, timestamp, signature string, body []byte, now time.Time, tolerance time.Duration) bool {
	good := hmac.Equal([]byte(signature), []byte(Sign(secret, timestamp, body)))
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	return good && err == nil && now.Sub(time.Unix(seconds, 0)).Abs() <= tolerance
}

// SignGitHub returns the signature of a body as GitHub and many others make it, without a
// time: "sha256=" and its HMAC-SHA256 in hexadecimal digits.
func SignGitHub(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// VerifyGitHub is Verify for such a signature. It can't tell how old it is.
func VerifyGitHub(secret []byte, signature string, body []byte) bool {
	return hmac.Equal([]byte(signature), []byte(SignGitHub(secret, body)))
}
