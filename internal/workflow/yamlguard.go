package workflow

import "github.com/goccy/go-yaml/token"

// yamlGuard looks at a YAML file's tokens before they are parsed. The YAML module
// recurses once per name of a mapping and per level, keeps the path of every value
// as text, and inserts values that are left out by moving all that follow. Each is
// harmless in real files, but lets a small hostile one take all memory or time.
type yamlGuard struct {
	*yamlReader
	levels []level // what the current token is in
	flow   int     // how many of them are in brackets
	path   int     // bytes of the current value's path, about
	cost   int     // bytes of all paths so far
	names  int     // sum over all names of how many come before it in its mapping
	absent int     // values left out
}

// level is a mapping or a list that has begun.
type level struct {
	col    int // 0 for one in brackets
	list   bool
	keys   int
	name   int  // bytes of the latest name
	valued bool // of a mapping in brackets: the latest name has a colon
}

const (
	maxYAMLPaths  = 1 << 30
	maxYAMLNames  = 100_000_000 // about 14,000 names in one mapping
	maxYAMLAbsent = 2_000_000_000
)

func newYAMLGuard(r *yamlReader) *yamlGuard { return &yamlGuard{yamlReader: r} }

// allows reports whether the parser may have the tokens, and reports why not.
func (g *yamlGuard) allows(tokens token.Tokens) bool {
	content, directive := false, 0
	for _, t := range tokens {
		if t.Type == token.DirectiveType {
			directive = t.Position.Line
		}
		if t.Type == token.CommentType || t.Position.Line == directive {
			continue
		}
		if t.Type == token.DocumentHeaderType && content {
			g.rep.error(g.pos(t), secondDocument)
			return false
		}
		content = content || t.Type != token.DocumentHeaderType
		g.see(t)
		if why := g.excess(len(tokens)); why != "" {
			g.rep.errorHint(g.pos(t), "write it as JSON, which has no such limit", "the YAML has %s", why)
			return false
		}
	}
	return true
}

func (g *yamlGuard) excess(tokens int) string {
	switch {
	case len(g.levels) > maxDepth:
		return "too many levels within each other"
	case g.cost > maxYAMLPaths:
		return "names that are too long for so many levels and values"
	case g.names > maxYAMLNames:
		return "too many names in one mapping"
	case g.absent*tokens > maxYAMLAbsent:
		return "too many names without a value"
	}
	return ""
}

func (g *yamlGuard) see(t *token.Token) {
	g.cost += g.path
	col := t.Position.Column
	switch {
	case t.Type == token.MappingStartType, t.Type == token.SequenceStartType:
		g.push(level{list: t.Type == token.SequenceStartType})
		g.flow++
	case t.Type == token.MappingEndType, t.Type == token.SequenceEndType:
		g.nameOnly(t)
		if g.flow > 0 {
			g.flow--
			g.pop()
		}
	case t.Type == token.CollectEntryType:
		g.nameOnly(t)
	case t.Type == token.SequenceEntryType:
		g.entry(col)
		g.leftOut(t, col)
	case t.Type == token.MappingKeyType, t.Next != nil && t.Next.Type == token.MappingValueType:
		g.name(t, col)
	case t.Type == token.MappingValueType && t.Prev != nil:
		g.leftOut(t, t.Prev.Position.Column)
		if g.flow > 0 {
			g.levels[len(g.levels)-1].valued = true
		}
	}
}

// nameOnly counts the name that ends before t when it has no value: {a, b} has two.
func (g *yamlGuard) nameOnly(t *token.Token) {
	if g.flow == 0 {
		return
	}
	top := &g.levels[len(g.levels)-1]
	began := t.Prev != nil && t.Prev.Type != token.MappingStartType && t.Prev.Type != token.CollectEntryType
	if !top.list && !top.valued && began {
		g.absent++
	}
	top.valued = false
}

// leftOut counts a value that should follow t but does not, in a block that begins at col.
func (g *yamlGuard) leftOut(t *token.Token, col int) {
	n := t.Next
	if n == nil || n.Position.Line > t.Position.Line && n.Position.Column <= col || n.Type == token.CollectEntryType || n.Type == token.MappingEndType {
		g.absent++
	}
}

// entry sees the - of a list.
func (g *yamlGuard) entry(col int) {
	if g.flow > 0 {
		return
	}
	g.leave(func(l level) bool { return l.col > col })
	if n := len(g.levels); n == 0 || g.levels[n-1].col != col || !g.levels[n-1].list {
		g.push(level{col: col, list: true})
	}
}

// name sees the name of a mapping's member, or a ? before one.
func (g *yamlGuard) name(t *token.Token, col int) {
	if g.flow == 0 {
		g.leave(func(l level) bool { return l.col > col || l.col == col && l.list })
		if n := len(g.levels); n == 0 || g.levels[n-1].col != col {
			g.push(level{col: col})
		}
	}
	if len(g.levels) == 0 {
		return
	}
	top := &g.levels[len(g.levels)-1]
	g.path += len(t.Value) - top.name
	top.name = len(t.Value)
	g.names += top.keys
	top.keys++
}

const levelPath = 8 // bytes that a level adds to a path besides its name

func (g *yamlGuard) push(l level) {
	g.levels = append(g.levels, l)
	g.path += levelPath
}

func (g *yamlGuard) pop() {
	last := len(g.levels) - 1
	g.path -= levelPath + g.levels[last].name
	g.levels = g.levels[:last]
}

// leave pops levels while they are over.
func (g *yamlGuard) leave(over func(level) bool) {
	for n := len(g.levels); n > 0 && over(g.levels[n-1]); n-- {
		g.pop()
	}
}
