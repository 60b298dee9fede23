package sqlstore

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/executionerhq/executioner/internal/fault"
)

// postgresTrouble says what an error means for trying again, by its code.
func postgresTrouble(err error) trouble {
	var f *fault.Error
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &f):
		return final
	case errors.As(err, &pg):
		return postgresCodeTrouble(pg.Code)
	case isCertificate(err):
		return final
	case isGone(err):
		return lost
	default:
		return final
	}
}

func postgresCodeTrouble(code string) trouble {
	switch code {
	case "23505", "23503": // met another program's insert or delete
		return conflict
	case "40001", "40P01", "55P03", "53200", "55006":
		return busy
	case "57P01", "57P02", "57P03", "57P05", "25P03", "25P04", // the server ends, starts, or ended the connection
		"25006", // it became a standby
		"53300": // too many connections
		return lost
	}
	if len(code) == 5 && code[:2] == "08" {
		return lost
	}
	return final
}

// postgresProblem is the one place where PostgreSQL's codes become faults.
func postgresProblem(code string) problem {
	switch code {
	case "28P01", "28000":
		return problem{
			fault.Unavailable, "the database server refused the user name or the password",
			"check both; the password may be in the file that EXECUTIONER_DATABASE_PASSWORD_FILE names, in PGPASSWORD or in ~/.pgpass",
		}
	case "3D000":
		return problem{fault.Unavailable, "the database does not exist on the server", "create it: createdb --encoding=UTF8 NAME"}
	case "3F000":
		return problem{
			fault.Unavailable, "the database has no schema to put tables into",
			"create the one that the user's search_path names, or name another: ?search_path=SCHEMA",
		}
	case "42501":
		return problem{
			fault.Unavailable, "the database user has not the right to do this",
			"the user must own the tables, or the schema that they are to be created in: GRANT CREATE, USAGE ON SCHEMA public TO USER",
		}
	case "42P01", "42703", "42883", "42804":
		return problem{
			fault.Unavailable, "the database's schema is not the one that is expected",
			"executioner db check says what differs; undo the change or restore a backup",
		}
	case "42P07", "42710":
		return problem{
			fault.Unavailable, "the database has tables of another program with the same names",
			"use a database of its own, or a schema: ?search_path=SCHEMA",
		}
	case "53100":
		return problem{
			fault.Unavailable, "the database can't grow: the server's disk is full",
			"free some space there, then try again; nothing that was recorded is lost",
		}
	case "53200", "53400", "54000":
		return problem{fault.Unavailable, "the database server has reached a limit", "see the server's log"}
	case "53300":
		return problem{
			fault.Unavailable, "the database server has no free connection",
			"raise its max_connections, or lower pool_max_conns in the address of each program",
		}
	case "55P03", "40P01", "40001", "55006":
		return problem{
			fault.Unavailable, "another program keeps the database locked",
			"find it in the server's view pg_locks, then try again",
		}
	case "57014":
		return problem{
			fault.Unavailable, "the database server took too long for a statement",
			"see whether the server is overloaded, or its disk slow",
		}
	case "25006":
		return problem{
			fault.Unavailable, "the database server is a standby, which can't be written",
			"connect to the primary: name all hosts and add target_session_attrs=read-write",
		}
	case "42704":
		return problem{
			fault.InvalidConfig, "the database server does not know a setting that the address names",
			"what follows the ? in the address must be a setting of PostgreSQL or of its client library",
		}
	case "58030", "XX001", "XX002":
		return problem{
			fault.Unavailable, "the database server reports damaged data or a failing disk",
			"see the server's log; restore a backup if data is damaged",
		}
	}
	return postgresClassProblem(code)
}

// postgresClassProblem is postgresProblem for codes of which a whole class means the same.
func postgresClassProblem(code string) problem {
	if postgresCodeTrouble(code) == lost {
		return problem{fault.Unavailable, "the database server went away", "see whether it runs, then try again"}
	}
	return problem{fault.Internal, "the database refused a statement", "this is a bug; please report it"}
}

// postgresMeaning says what an error of the driver, or of the way to the server, means.
func postgresMeaning(err error) (p problem, known bool) {
	var pg *pgconn.PgError
	var unreached *pgconn.ConnectError
	switch {
	case errors.As(err, &pg):
		return postgresProblem(pg.Code), true
	case isCertificate(err):
		return problem{
			fault.Unavailable, "the database server's certificate can't be trusted",
			"name the authority that signed it with sslrootcert=FILE, and the host as the certificate has it",
		}, true
	case errors.As(err, &unreached):
		return problem{
			fault.Unavailable, "the database server can't be reached",
			"check that it runs, and the host and port (pg_isready -h HOST -p PORT)",
		}, true
	}
	return problem{}, false
}
