package cli

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/doctor"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/workflow"
)

func (c *command) doctorCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this host can and can't contain, how durable its disk is, and what runs out",
		Long: `Look at this host and at the history, and say what can be promised here: whether the
processes of jobs can be held together and outlive this program, whether the disk keeps
what is written, how many jobs there is room for, and what interrupted runs have left.
With --file also the directories of a workflow's logs are looked at.

Each line is ok, limited (it works, and something can't be promised) or bad, and what is
not ok comes with what helps. Nothing is changed: temporary files are made where runs
would write, and one trivial command is run. The exit code is 1 when something is bad.`,
		Example: `  executioner doctor
  executioner doctor --file nightly.yaml
  executioner doctor --json | jq '.checks[] | select(.verdict != "ok")'`,
		Args:              exactly(0, ""),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.doctor(cmd, file)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "also look at the directories that this workflow `FILE` writes to")
	_ = cmd.MarkFlagFilename("file")
	c.jsonFlag(cmd, "all checks, each with its verdict")
	return cmd
}

// doctorJSON is doctor --json.
type doctorJSON struct {
	Verdict doctor.Verdict `json:"verdict"` // the worst
	Checks  []doctor.Check `json:"checks"`
}

func (c *command) doctor(cmd *cobra.Command, file string) error {
	cfg, err := c.doctorConfig()
	if err != nil {
		return err
	}
	if file != "" {
		wf, err := c.parse(file)
		if err != nil {
			return err
		}
		cfg.Logs, cfg.Workers = logDirs(wf), wf.MaxWorkers
	}
	ctx, stop := c.interruptible(cmd.Context())
	defer stop()
	facts := doctor.Gather(ctx, cfg)
	if ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), fault.Cancelled, "not everything was looked at")
	}
	checks := doctor.Decide(facts)
	worst := doctor.Worst(checks)
	if c.json {
		c.printJSON(c.Out, doctorJSON{worst, checks})
	} else if err := c.printChecks(checks); err != nil {
		return err
	}
	if worst == doctor.Bad {
		return status(fault.ExitJobFailed)
	}
	return nil
}

// doctorConfig is what the doctor is to look at, as app composes it.
func (c *command) doctorConfig() (doctor.Config, error) {
	address, err := c.databasePath()
	if err != nil {
		return doctor.Config{}, err
	}
	cfg := doctor.Config{
		Databases: c.Databases, Database: address, Name: os.Args[0],
		NetworkFS: c.getenv("EXECUTIONER_ALLOW_NETWORK_FS") == "1", Full: c.getenv(durabilityVariable) == "full", Zone: c.getenv("TZ"),
	}
	if runtime.GOOS == "linux" {
		cfg.Program = "/proc/self/exe"
	}
	if path := c.Databases.File(address); path != "" {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		cfg.Keeper, cfg.Runs = path+"-keeper", true
		return cfg, nil
	}
	dir, err := c.stateDir()
	cfg.Keeper = filepath.Join(dir, "executioner", "keeper")
	return cfg, err
}

// logDirs are the directories to which a workflow's jobs write.
func logDirs(wf *workflow.Workflow) []string {
	dirs := []string{wf.LogDir}
	for i := range wf.Jobs {
		if dir := wf.Jobs[i].LogDir; dir != dirs[len(dirs)-1] {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// printChecks shows all checks, group by group.
func (c *command) printChecks(checks []doctor.Check) error {
	out := bufio.NewWriter(c.Out)
	p := c.paint()
	var names, group int
	for i := range checks {
		names = max(names, len(checks[i].Name))
	}
	count := make(map[doctor.Verdict]int)
	for i := range checks {
		ch := &checks[i]
		if i == 0 || ch.Group != checks[group].Group {
			group = i
			fmt.Fprintln(out, p.bold(ch.Group))
		}
		count[ch.Verdict]++
		text := oneLine(ch.Text)
		if ch.At != "" {
			text = oneLine(ch.At) + ": " + text
		}
		fmt.Fprintf(out, "  %s  %-*s  %s\n", p.verdict(ch.Verdict), names, ch.Name, text)
		if ch.ToDo != "" {
			fmt.Fprintf(out, "  %s→ %s\n", strings.Repeat(" ", len("limited  ")+names+2), oneLine(ch.ToDo))
		}
	}
	fmt.Fprintf(out, "\n%d checks: %d ok, %d limited, %d bad\n", len(checks), count[doctor.OK], count[doctor.Limited], count[doctor.Bad])
	return fault.Wrap(out.Flush(), fault.Unavailable, "the output can't be written")
}

func (p paint) verdict(v doctor.Verdict) string {
	padded := fmt.Sprintf("%-7s", v)
	switch v {
	case doctor.Bad:
		return p.red(padded)
	case doctor.Limited:
		return p.yellow(padded)
	default:
		return p.green(padded)
	}
}
