// Package schedule says when workflows are expected to run, and what becomes of each of
// these times. It is pure: no clock, no I/O, no goroutines; time zones are handed in. Its
// functions are safe for concurrent use.
//
// A Spec (cron, interval or one moment, with a zone, bounds and calendars) gives expected
// times: Next and Between. Two properties hold of them. An expected time is a whole second
// that depends on nothing but the Spec, so that the pair of schedule and expected time
// names a run for ever. And a change of the clocks neither loses nor doubles it: see
// docs/decisions/0017-own-cron.md for the rule.
//
// Decide is the state machine of one schedule. Each expected time gets exactly one
// Decision: it is run, late, waits, replaces others, is skipped or missed. Whoever drives
// it, for each schedule, when Output.Wake has come, a run of the schedule has ended, or the
// schedule was changed:
//
//  1. asks Clock.See whether the clock is to be believed, and does nothing if not;
//  2. in one transaction reads the schedule's last decided time and the rows whose runs
//     have not ended, calls Decide, and writes a row for each Decision with the key
//     (schedule, expected time), changes the rows of Release and Drop, and stores Decided.
//     The key must be unique in the database: of two drivers one fails here, and has
//     decided nothing;
//  3. after the commit cancels what Decision.Cancel names, and submits the runs of Start,
//     Late and Release with the idempotency key schedule + expected time and the
//     environment of Variables. A row that shall have a run and has none, after a crash, is
//     submitted again: the key makes that harmless;
//  4. sleeps until Wake.
//
// When a schedule is new, or its Spec is changed, its last decided time is that moment:
// nothing is caught up from before. What is missed then is what passed while nobody looked.
package schedule
