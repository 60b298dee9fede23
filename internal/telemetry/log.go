package telemetry

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// NewLog returns a log that writes to w: as text for people, as json, or as logfmt. level is
// the least that is written; an unknown one is info. Lines that repeat are thinned: see Sampled.
func NewLog(w io.Writer, format, level string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // the settings were checked
	options := &slog.HandlerOptions{Level: l}
	var h slog.Handler
	switch format {
	case "json":
		h = slog.NewJSONHandler(w, options)
	case "logfmt":
		h = slog.NewTextHandler(w, options)
	default:
		h = newText(w, l)
	}
	return slog.New(Sampled(h))
}

// text writes lines for people: time, level, message, and then what belongs to it.
type text struct {
	slog.Handler // writes what belongs to it, as logfmt, into shared.line
	shared       *textShared
}

type textShared struct {
	mu   sync.Mutex // one line at a time
	w    io.Writer
	line strings.Builder
}

func newText(w io.Writer, level slog.Level) text {
	s := &textShared{w: w}
	return text{slog.NewTextHandler(&s.line, &slog.HandlerOptions{Level: level, ReplaceAttr: dropBuiltin}), s}
}

// dropBuiltin leaves out what the line begins with.
func dropBuiltin(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

func (t text) Handle(ctx context.Context, r slog.Record) error {
	t.shared.mu.Lock()
	defer t.shared.mu.Unlock()
	line := &t.shared.line
	line.Reset()
	line.WriteString(r.Time.Format(time.DateTime) + " " + r.Level.String() + " " + strings.Map(printable, r.Message) + " ")
	if err := t.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := io.WriteString(t.shared.w, strings.TrimRight(line.String(), " \n")+"\n")
	return err
}

// printable makes a line of what may hold what a terminal acts on.
func printable(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 {
		return '·'
	}
	return r
}

func (t text) WithAttrs(as []slog.Attr) slog.Handler { return text{t.Handler.WithAttrs(as), t.shared} }

func (t text) WithGroup(name string) slog.Handler { return text{t.Handler.WithGroup(name), t.shared} }
