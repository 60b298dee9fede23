package sqlstore

import (
	"errors"

	"github.com/sijms/go-ora/v2/network"

	"github.com/executionerhq/executioner/internal/fault"
)

// The codes of Oracle that the program knows by name.
const (
	oraUnique    = 1   // a unique constraint was violated
	oraNoTable   = 942 // table or view does not exist
	oraNameUsed  = 955 // name is already used by an existing object
	oraNoIndex   = 1418
	oraHasColumn = 1430
	oraCancelled = 1013
)

// oracleTrouble says what an error means for trying again, by its code.
func oracleTrouble(err error) trouble {
	var f *fault.Error
	var ora *network.OracleError
	var unreached *oracleUnreached
	switch {
	case errors.As(err, &f):
		return final
	case errors.As(err, &ora):
		return oracleCodeTrouble(ora.ErrCode)
	case errors.As(err, &unreached), errors.Is(err, errOracleGone), isGone(err):
		return lost
	default:
		return final
	}
}

func oracleCodeTrouble(code int) trouble {
	switch code {
	case oraUnique, 2291, 2292: // met another program's insert or delete
		return conflict
	case 54, 60, 8177, 4021, 30006, // locked, deadlock, serialization
		1555: // forgot the moment that was being read
		return busy
	case oraCancelled, // by the server; we cut the connection instead
		18, 20, // no more sessions or processes
		28, 1012, 1033, 1034, 1089, 1090, 1092, 2396, 3113, 3114, 3135, 25408: // the server ends, starts, or ended the session
		return lost
	}
	if code >= 12150 && code < 12700 { // the listener and the network
		return lost
	}
	return final
}

// oracleDone reports that a statement of a migration failed because it was run before.
func oracleDone(err error) bool {
	var ora *network.OracleError
	if !errors.As(err, &ora) {
		return false
	}
	switch ora.ErrCode {
	case oraUnique, oraNameUsed, oraHasColumn, oraNoIndex, 1442, 1451, 2260, 2261, 2264, 2275, 2443:
		return true
	}
	return false
}

// oracleProblem is the one place where Oracle's codes become faults.
func oracleProblem(code int) problem {
	switch code {
	case 1017, 1005, 28000, 28001, 28002, 28003:
		return problem{
			fault.Unavailable, "the database server refused the user name or the password",
			"check both, and that the account is neither locked nor its password expired; " +
				"the password may be in the file that EXECUTIONER_DATABASE_PASSWORD_FILE names",
		}
	case 12514, 12505, 12516, 12518, 12519, 12520:
		return problem{
			fault.Unavailable, "the database server's listener has no such service, or no room in it",
			"check the service's name at the end of the address with: lsnrctl services",
		}
	case 1031, 1950, 1045:
		return problem{
			fault.Unavailable, "the database user has not the right to do this",
			"GRANT CREATE SESSION, CREATE TABLE TO USER; and a quota: ALTER USER USER QUOTA UNLIMITED ON USERS",
		}
	case 1536, 1653, 1654, 1658, 1659, 1688, 1691, 1692, 30036, 257:
		return problem{
			fault.Unavailable, "the database can't grow: a quota, a tablespace or the archive is full",
			"enlarge it, then try again; nothing that was recorded is lost",
		}
	case oraNoTable, 904, 932:
		return problem{
			fault.Unavailable, "the database's schema is not the one that is expected",
			"undo what was changed, restore a backup, or use a schema (user) of its own",
		}
	case 12899, 1461, 1438, 1483:
		return problem{
			fault.Unsupported, "a text is too long for the database",
			"with Oracle, names of applications, jobs, users and reasons have 1000 characters at most",
		}
	case 54, 60, 8177, 4021, 30006:
		return problem{
			fault.Unavailable, "another program keeps the database locked",
			"find it in the server's view V$LOCK, then try again",
		}
	case oraCancelled:
		return problem{
			fault.Unavailable, "a statement was interrupted at the database server",
			"see whether there is a limit for this user, or who interrupted it",
		}
	case 18, 20:
		return problem{
			fault.Unavailable, "the database server has no free session",
			"raise its processes and sessions, or give each program fewer connections",
		}
	case 1555:
		return problem{
			fault.Unavailable, "the database server has forgotten the moment that was being read",
			"try again; raise UNDO_RETENTION if that happens often",
		}
	case 16000, 16456:
		return problem{
			fault.Unavailable, "the database server is a standby, which can't be written",
			"connect to the primary",
		}
	}
	if oracleCodeTrouble(code) == lost {
		return problem{fault.Unavailable, "the database server went away", "see whether it runs, then try again"}
	}
	return problem{fault.Internal, "the database refused a statement", "this is a bug; please report it"}
}

// oracleMeaning says what an error of the driver, or of the way to the server, means.
func oracleMeaning(err error) (p problem, known bool) {
	var ora *network.OracleError
	var unreached *oracleUnreached
	switch {
	case errors.As(err, &ora):
		return oracleProblem(ora.ErrCode), true
	case isCertificate(err):
		return problem{
			fault.Unavailable, "the database server's certificate can't be trusted",
			"the authority that signed it must be in the wallet that the address names, or be known to this host",
		}, true
	case errors.As(err, &unreached):
		return problem{
			fault.Unavailable, "the database server can't be reached", "check that it runs, and the host and port",
		}, true
	case errors.Is(err, errOracleGone):
		return noAnswer(), true
	}
	return problem{}, false
}
