package notify

import (
	"context"
	"strings"

	"github.com/executionerhq/executioner/internal/signature"
)

// slack posts to an incoming webhook of Slack.
type slack struct{ poster }

var _ Sender = (*slack)(nil)

// Bounds of Slack, in characters; ours are bytes, which are never fewer.
const (
	maxSlackHeader  = 150
	maxSlackSection = 3000
)

type slackBody struct {
	Text   string       `json:"text"` // for notifications of the system
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type string    `json:"type"`
	Text slackText `json:"text"`
}

// slackText is always plain: no name of a job becomes a link or calls everybody.
type slackText struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji bool   `json:"emoji"`
}

func plainText(text string) slackText { return slackText{Type: "plain_text", Text: text} }

// Send implements Sender.
func (s *slack) Send(ctx context.Context, p Parcel) Receipt {
	p = p.bounded()
	return s.post(ctx, slackPayload(&p), map[string]string{signature.ID: p.ID}, p.At)
}

func slackPayload(p *Parcel) []byte {
	_, rest, _ := strings.Cut(p.text(), "\n\n")
	body := slackBody{
		Text:   slackEscape(clip(p.subject(), maxName)),
		Blocks: []slackBlock{{"header", plainText(clip(p.subject(), maxSlackHeader))}},
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		body.Blocks = append(body.Blocks, slackBlock{"section", plainText(clipLines(rest, maxSlackSection))})
	}
	return encode(body)
}

// slackEscape keeps <!channel> and the like from being more than text.
func slackEscape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// clipLines is clip for a text of several lines, of which whole ones are kept.
func clipLines(text string, n int) string {
	if len(text) <= n {
		return text
	}
	cut := strings.LastIndexByte(text[:n-len("\n…")], '\n')
	if cut < 0 {
		return clip(text, n)
	}
	return text[:cut] + "\n…"
}
