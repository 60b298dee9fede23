package notify

import (
	"context"
	"strings"
	"time"

	"github.com/executionerhq/executioner/internal/signature"
)

// teams posts an adaptive card to a webhook of Microsoft Teams.
type teams struct{ poster }

var _ Sender = (*teams)(nil)

// maxTeamsLines is how many messages of a digest a card shows: a card has at most 28 KB.
const maxTeamsLines = 30

type teamsBody struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string    `json:"contentType"`
	ContentURL  *string   `json:"contentUrl"`
	Content     teamsCard `json:"content"`
}

type teamsCard struct {
	Schema  string      `json:"$schema"`
	Type    string      `json:"type"`
	Version string      `json:"version"`
	Body    []teamsItem `json:"body"`
}

type teamsItem struct {
	Type   string      `json:"type"`
	Size   string      `json:"size,omitempty"`
	Weight string      `json:"weight,omitempty"`
	Text   string      `json:"text,omitempty"`
	Wrap   bool        `json:"wrap,omitempty"`
	Facts  []teamsFact `json:"facts,omitempty"`
}

type teamsFact struct {
	Title string `json:"title"`
	Value string `json:"value"`
}

// Send implements Sender.
func (t *teams) Send(ctx context.Context, p Parcel) Receipt {
	p = p.bounded()
	return t.post(ctx, teamsPayload(&p), map[string]string{signature.ID: p.ID}, p.At)
}

func teamsPayload(p *Parcel) []byte {
	facts := teamsItem{Type: "FactSet"}
	if len(p.Messages) == 1 {
		for _, f := range p.Messages[0].Facts() {
			facts.Facts = append(facts.Facts, teamsFact{f.Name, teamsEscape(f.Value)})
		}
	} else {
		for i := range p.Messages[:min(len(p.Messages), maxTeamsLines)] {
			m := &p.Messages[i]
			facts.Facts = append(facts.Facts, teamsFact{m.Event.At.UTC().Format(time.DateTime), teamsEscape(clip(m.Subject(), maxName))})
		}
	}
	card := teamsCard{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		Body: []teamsItem{{Type: "TextBlock", Size: "Medium", Weight: "Bolder", Text: teamsEscape(clip(p.subject(), maxName)), Wrap: true}, facts},
	}
	return encode(teamsBody{Type: "message", Attachments: []teamsAttachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: card}}})
}

// teamsEscape keeps what Teams takes for Markdown from becoming links and the like.
func teamsEscape(text string) string {
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_[]()<>#~|", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
