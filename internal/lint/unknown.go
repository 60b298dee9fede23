package lint

// unknownFields finds what stands in the file and is read by nobody.
func unknownFields(l *linter) {
	if l.Origin == nil {
		return
	}
	for _, u := range l.Origin.Unknown {
		l.add(l.rule.Level, u.Job, u.At, u.Hint, "there is no field %s: it is ignored", quote(u.Name))
	}
}
