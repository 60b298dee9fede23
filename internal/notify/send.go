package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"

	gomail "github.com/wneessen/go-mail"

	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/mask"
)

// Send reads the attachments and sends the message, within 30 s in all. Logs that are
// not there, or longer than is attached of them, are named in the text.
//
// A password is never sent without TLS, except to this host: the fault has code
// InvalidConfig then. Any other fault has code Unavailable, and may pass.
func Send(ctx context.Context, msg Message, s Server) error {
	if s.User != "" && s.Security == Plain && !s.local() {
		return fault.New(fault.InvalidConfig, "the mail password is not sent without TLS, which port %d of %s does not use", s.Port, s.Host).
			WithHint("Set smtp_port to 587 or 465, or remove smtp_user and smtp_password.")
	}
	timeout := s.Timeout
	if timeout <= 0 {
		timeout = sendTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout) // its end closes the connection, too
	defer cancel()
	m, err := build(msg)
	if err != nil {
		return sendFault(s, err)
	}
	err = s.deliver(ctx, m)
	if m.IsDelivered() {
		return nil // what fails now is only the goodbye
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause // closing the connection, which made err, was our doing
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	return sendFault(s, err)
}

func (s Server) deliver(ctx context.Context, m *gomail.Msg) error {
	client, err := s.client(ctx)
	if err != nil {
		return err
	}
	conversation, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	err = client.SendWithSMTPClient(conversation, m)
	_ = client.CloseWithSMTPClient(conversation) // says goodbye; the connection ends with ctx in any case
	return err
}

// client returns a client of the mail library that is set up for the server. Its
// connection ends with ctx.
func (s Server) client(ctx context.Context) (*gomail.Client, error) {
	connect := func(context.Context, string, string) (net.Conn, error) {
		return s.connect(ctx) // the library's own context ends with the greetings
	}
	policy := gomail.TLSOpportunistic
	switch s.policy() {
	case Plain, ImplicitTLS: // for the library: connect has made the TLS connection
		policy = gomail.NoTLS
	case StartTLS:
		policy = gomail.TLSMandatory
	}
	options := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTLSConfig(s.tls()), gomail.WithTLSPolicy(policy),
		gomail.WithTimeout(sendTimeout), gomail.WithDialContextFunc(connect), gomail.WithoutNoop(),
	}
	if s.User != "" {
		options = append(options, gomail.WithUsername(s.User), gomail.WithPassword(s.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain,
				gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(s.Host, options...)
}

// build makes the library's message.
func build(msg Message) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := m.From(msg.From); err != nil {
		return nil, err
	}
	if err := m.To(msg.To...); err != nil {
		return nil, err
	}
	m.Subject(printable(msg.Subject))
	m.SetDateWithValue(msg.Date)
	if m.SetMessageID(); msg.ID != "" {
		m.SetMessageIDWithValue(msg.ID)
	}
	m.SetBulk() // nobody's absence shall be answered
	text := msg.Text
	for _, path := range msg.Attach {
		data, note := load(path)
		text += note
		if data != nil {
			if err := m.AttachReader(attachmentName(path), bytes.NewReader(data), gomail.WithFileContentType("text/plain; charset=utf-8")); err != nil {
				return nil, err
			}
		}
	}
	m.SetBodyString(gomail.TypeTextPlain, text)
	return m, nil
}

// sendFault says why a mail could not be sent, without the password in it.
func sendFault(s Server, err error) error {
	if err == nil {
		return nil
	}
	hint := "Check smtp_server and smtp_port, and that the server can be reached from here."
	var (
		cert *tls.CertificateVerificationError
		sent *gomail.SendError
		dns  *net.DNSError
	)
	switch {
	case errors.As(err, &cert):
		hint = "The server's certificate is not trusted here. Set smtp_server to the name in it, or install the authority that signed it."
	case errors.As(err, &sent):
		hint = "The server did not take the mail. Check email_address, and that smtp_user may send."
	case errors.As(err, &dns):
		hint = "Check smtp_server: its name can't be resolved."
	case errors.Is(err, context.DeadlineExceeded):
		hint = "The server did not answer in time. Check smtp_server and smtp_port."
	case s.User != "":
		hint = "Check smtp_server, smtp_port, smtp_user and smtp_password, and that the server offers TLS."
	}
	text := printable(mask.New([]string{s.Password}).String(err.Error()))
	return &fault.Error{
		Code: fault.Unavailable, Msg: "the mail can't be sent through " + s.address(), Hint: hint, Op: "send mail",
		Err: &hidden{text: text, err: err},
	}
}

// hidden is an error whose text has no password in it.
type hidden struct {
	text string
	err  error
}

func (h *hidden) Error() string { return h.text }
func (h *hidden) Unwrap() error { return h.err }
