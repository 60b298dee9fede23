package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/executionerhq/executioner/internal/incident"
)

// The headers of a webhook.
const (
	IDHeader        = "Idempotency-Key"       // the parcel's id
	TimestampHeader = "Executioner-Timestamp" // seconds since 1970
	SignatureHeader = "Executioner-Signature" // see Sign
)

// webhook posts JSON to any program.
type webhook struct {
	poster
	secret []byte // nil: unsigned
}

var _ Sender = (*webhook)(nil)

// payload is what webhooks and commands get.
type payload struct {
	Version  int                `json:"version"` // of this form: 1
	ID       string             `json:"id"`
	Subject  string             `json:"subject"`
	Messages []incident.Message `json:"messages"`
}

func payloadOf(p *Parcel) []byte {
	return encode(payload{Version: 1, ID: p.ID, Subject: p.subject(), Messages: p.Messages})
}

// Send implements Sender.
func (w *webhook) Send(ctx context.Context, p Parcel) Receipt {
	p = p.bounded()
	body := payloadOf(&p)
	header := map[string]string{IDHeader: p.ID}
	if w.secret != nil {
		stamp := strconv.FormatInt(p.At.Unix(), 10)
		header[TimestampHeader], header[SignatureHeader] = stamp, Sign(w.secret, stamp, body)
	}
	return w.post(ctx, body, header, p.At)
}

// Sign returns the signature of a body that is sent at a time, which is as
// TimestampHeader has it: "v1=" and the HMAC-SHA256 of the time, a full stop and the
// body, in hexadecimal digits.
func Sign(secret []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Verify reports whether a signature is right and no older or newer than tolerance: what
// a receiver has to do, and triggers of ours do.
func Verify(secret []byte, timestamp, signature string, body []byte, now time.Time, tolerance time.Duration) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	return hmac.Equal([]byte(signature), []byte(Sign(secret, timestamp, body)))
}
