package check

// Doc describes a check for the documents and for editors.
type Doc struct {
	Name    string
	Params  []Param
	Meaning string
}

// Param is a parameter of a check.
type Param struct {
	Name     string
	Type     string // "string" or "number"; a number may also be text, such as "${LIMIT}"
	Required bool
	Meaning  string
}

// Docs describes all checks. In all parameters but command, ${NAME} is replaced by
// the value that the variable has in the job's environment.
func Docs() []Doc {
	var docs []Doc
	for _, k := range kinds() {
		docs = append(docs, k.doc)
	}
	return docs
}
