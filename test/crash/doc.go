// Package crash proves that no result is lost and no task starts twice, whatever is
// killed and whatever fails. It runs the program, built with the tag failpoints, on
// workflows whose jobs keep a ledger of their own; kills the engine, its keeper or both
// at random moments and at every named step; lets system calls fail one after the other;
// resumes until the run has ended; and compares what the program recorded with the
// ledger. Jobs that do not want to end, process numbers that strangers get, and a host on
// which nobody waits for orphans are here, too.
//
// `go test` runs a short form of it, `make crash` the long one. A case is made from a
// seed, which a failure prints with the command that plays it again. Seeds that have
// failed are kept in testdata/seeds.txt and are always played first.
package crash
