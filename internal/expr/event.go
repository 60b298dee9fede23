package expr

import "cel.dev/cel-go/cel"

// eventVars are the variables of a rule about what people are told.
func eventVars() map[string]*cel.Type {
	return map[string]*cel.Type{
		"kind":        cel.StringType,
		"application": cel.StringType,
		"run":         cel.IntType,
		"attempt":     cel.IntType,
		"job":         cel.StringType,
		"try":         cel.IntType,
		"state":       cel.StringType,
		"reason":      cel.StringType,
		"exit_code":   cel.IntType,
		"duration":    cel.DurationType,
		"usual":       cel.DurationType,
		"failures":    cel.IntType,
		"tags":        listOf(cel.StringType),
		"at":          cel.TimestampType,
	}
}

// Event compiles a rule about what people are told. It may use
//
//	kind         what happened: ended, late, stuck, slow or missed
//	application  whose run it is
//	run, attempt the run
//	job, try     the job; job is empty when it is about the run as a whole
//	state        how it ended: SUCCESS, FAILED, TIMEOUT, CANCELLED, SKIPPED
//	reason       why
//	exit_code    of the job's command; 0 where there is none
//	duration     how long it took
//	usual        the median of earlier ones; 0 when it is not known
//	failures     how often in a row it failed by now, this time included
//	tags         of the job
//	at           when it happened
//
// An expression that is wrong, or not of type bool, is an *Error.
func (c *Compiler) Event(text string) (*Program, error) { return compile(c.event, text) }

// UsesVariable reports whether the expression names a variable.
func (p *Program) UsesVariable(variable string) bool {
	names, whole := p.Uses(variable)
	return whole || len(names) > 0
}
