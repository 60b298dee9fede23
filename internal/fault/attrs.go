package fault

// Attrs returns an error, and its hint if it has one, as they are written into a log.
func Attrs(err error) []any {
	attrs := []any{"error", err}
	if hint := HintOf(err); hint != "" {
		attrs = append(attrs, "hint", hint)
	}
	return attrs
}
