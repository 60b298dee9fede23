package notify

import (
	"context"
	"strconv"

	"github.com/executionerhq/executioner/internal/incident"
	"github.com/executionerhq/executioner/internal/signature"
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
	header := map[string]string{signature.ID: p.ID}
	if w.secret != nil {
		stamp := strconv.FormatInt(p.At.Unix(), 10)
		header[signature.Timestamp], header[signature.Header] = stamp, signature.Sign(w.secret, stamp, body)
	}
	return w.post(ctx, body, header, p.At)
}
