package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
)

// Bounds of what a shell is offered, and for how long it is kept waiting.
const (
	completeLimit = 50
	completeTime  = 2 * time.Second
)

// completer is what cobra calls for the words that may stand where the cursor is.
type completer = func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeFlag sets how a flag's value is completed. The flag exists, so it can't fail.
func (c *command) completeFlag(cmd *cobra.Command, flag string, f completer) {
	_ = cmd.RegisterFlagCompletionFunc(flag, f)
}

// completeFiles offers workflow files.
func completeFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"json", "yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}

func completeStates(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	done, last := "", word
	if i := strings.LastIndexByte(word, ','); i >= 0 {
		done, last = word[:i+1], word[i+1:]
	}
	var offered []cobra.Completion
	for _, name := range stateNames() {
		if strings.HasPrefix(name, strings.ToUpper(last)) {
			offered = append(offered, done+name)
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

// completing opens the history for a completion. Whatever goes wrong, nothing is
// offered and nothing is said: an error in the middle of a command line helps nobody.
func (c *command) completing(cmd *cobra.Command, use func(ctx context.Context, s Runs) ([]cobra.Completion, error)) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeTime)
	defer cancel()
	var offered []cobra.Completion
	_ = c.peek(ctx, func(s Runs) (err error) {
		offered, err = use(ctx, s)
		return err
	})
	return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeRuns offers the newest runs.
func (c *command) completeRuns(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.completing(cmd, func(ctx context.Context, s Runs) ([]cobra.Completion, error) {
		views, err := s.List(ctx, store.Filter{Limit: completeLimit})
		var offered []cobra.Completion
		for i := range views {
			v := &views[i]
			if id := v.Run.String(); strings.HasPrefix(id, word) {
				offered = append(offered, id+"\t"+oneLine(fmt.Sprintf("%s %s %s", v.Application, v.State, v.SubmittedAt.Local().Format("2006-01-02 15:04"))))
			}
		}
		for _, name := range []string{runs.Latest + "\tthe newest run", runs.LastFailed + "\tthe newest run that did not succeed"} {
			if strings.HasPrefix(name, word) {
				offered = append(offered, name)
			}
		}
		return offered, err
	})
}

// completeRunJobs offers runs, then up to most jobs of the run that was named; 0 means
// any number.
func (c *command) completeRunJobs(most int) completer {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return c.completeRuns(cmd, args, word)
		}
		if most > 0 && len(args) > most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.completing(cmd, func(ctx context.Context, s Runs) ([]cobra.Completion, error) {
			r, err := s.Find(ctx, args[0], "")
			if err != nil {
				return nil, err
			}
			d, err := s.Show(ctx, r)
			if err != nil {
				return nil, err
			}
			return offerJobs(d.View.Jobs, args[1:], word), nil
		})
	}
}

// offerJobs returns the jobs that begin with word and were not named yet.
func offerJobs(jobs []runs.JobView, named []string, word string) []cobra.Completion {
	var offered []cobra.Completion
	for i := range jobs {
		j := &jobs[i]
		if id := string(j.ID); strings.HasPrefix(id, word) && !slices.Contains(named, id) {
			offered = append(offered, id+"\t"+j.State.String())
		}
	}
	return offered
}

// completeApplications offers the applications of recent runs.
func (c *command) completeApplications(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return c.completing(cmd, func(ctx context.Context, s Runs) ([]cobra.Completion, error) {
		views, err := s.List(ctx, store.Filter{Limit: 1000})
		var offered []cobra.Completion
		for i := range views {
			if a := views[i].Application; strings.HasPrefix(a, word) {
				offered = append(offered, a)
			}
		}
		slices.Sort(offered)
		return slices.Compact(offered), err
	})
}

// completeFileJobs offers the jobs of the workflow file that was named.
func (c *command) completeFileJobs(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	wf := c.glance(args[0])
	if wf == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var offered []cobra.Completion
	for i := range wf.Jobs {
		if id := string(wf.Jobs[i].ID); strings.HasPrefix(id, word) {
			offered = append(offered, id+"\t"+oneLine(wf.Jobs[i].Description))
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

// completeJobFlags has the flags that take jobs offer those of the file or run that was named.
func (c *command) completeJobFlags(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "run":
			c.completeFlag(cmd, "skip", inList(c.completeFileJobs))
			c.completeFlag(cmd, "force-job", inList(c.completeFileJobs))
		case "plan":
			c.completeFlag(cmd, "skip", inList(c.completePlanned))
			c.completeFlag(cmd, "force-job", inList(c.completePlanned))
			c.completeFlag(cmd, "from", inList(c.completePlanned))
		case "resume":
			c.completeFlag(cmd, "skip", inList(c.completeResumed))
			c.completeFlag(cmd, "force-job", inList(c.completeResumed))
			c.completeFlag(cmd, "from", inList(c.completeResumed))
		}
	}
}

// inList offers words for the last entry of a list with commas.
func inList(offer completer) completer {
	return func(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		entries := splitIDs(word)
		last := entries[len(entries)-1]
		done := strings.TrimSuffix(word, last)
		offered, directive := offer(cmd, args, last)
		for i := range offered {
			offered[i] = done + offered[i]
		}
		return offered, directive
	}
}

// completeResumed offers the jobs of the run that was named, or else of the one that would
// be resumed.
func (c *command) completeResumed(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	application, _ := cmd.Flags().GetString("application")
	return c.offerRunJobs(cmd, args, application, word)
}

// completePlanned offers the jobs of the run that --resume names, or else of the file.
func (c *command) completePlanned(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if ref, _ := cmd.Flags().GetString("resume"); ref != "" {
		return c.offerRunJobs(cmd, []string{ref}, "", word)
	}
	return c.completeFileJobs(cmd, args, word)
}

func (c *command) offerRunJobs(cmd *cobra.Command, args []string, application, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return c.completing(cmd, func(ctx context.Context, s Runs) ([]cobra.Completion, error) {
		r, err := c.toResume(ctx, s, args, application)
		if err != nil {
			return nil, err
		}
		d, err := s.Show(ctx, r)
		if err != nil {
			return nil, err
		}
		return offerJobs(d.View.Jobs, nil, word), nil
	})
}

// completeOldParams offers the parameters of the file that -c names.
func (c *command) completeOldParams(old *oldFlags) completer {
	return func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return c.completeParams(cmd, []string{old.config}, word)
	}
}

// plainUsages takes the marks out of the texts of options, which a shell would show.
func plainUsages(cmd *cobra.Command) {
	plain := func(f *pflag.Flag) { _, f.Usage = pflag.UnquoteUsage(f) }
	cmd.Flags().VisitAll(plain)
	cmd.PersistentFlags().VisitAll(plain)
	for _, sub := range cmd.Commands() {
		plainUsages(sub)
	}
}
