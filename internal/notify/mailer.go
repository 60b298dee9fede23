package notify

import (
	"context"
	"errors"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/executionerhq/executioner/internal/fault"
)

// mailer tells by mail.
type mailer struct {
	to     []string
	from   string
	server Server
}

var _ Sender = (*mailer)(nil)

// Send implements Sender. The mail's Message-ID is made of the parcel's id, so that many
// servers drop a repetition.
func (m *mailer) Send(ctx context.Context, p Parcel) Receipt {
	p = p.bounded()
	msg := Message{
		ID: p.ID + "@executioner", From: m.from, To: m.to, Subject: clip(p.subject(), maxName), Text: p.text(), Date: p.At.Truncate(time.Second),
	}
	err := Send(ctx, msg, m.server)
	if err == nil {
		return Receipt{Said: "the mail server took it"}
	}
	var sent *gomail.SendError
	forGood := fault.CodeOf(err) == fault.InvalidConfig || errors.As(err, &sent) && sent.ErrorCode() >= 500 && !sent.IsTemp()
	return Receipt{Err: errors.New(clip(err.Error(), maxDetail)), Permanent: forGood}
}
