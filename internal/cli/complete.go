package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/runs"
	"github.com/executionerhq/executioner/internal/store"
	"github.com/executionerhq/executioner/internal/workflow"
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
func (c *command) completing(cmd *cobra.Command, use func(ctx context.Context, s *runs.Service) ([]cobra.Completion, error)) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, completeTime)
	defer cancel()
	var offered []cobra.Completion
	_ = c.peek(ctx, func(s *runs.Service) (err error) {
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
	return c.completing(cmd, func(ctx context.Context, s *runs.Service) ([]cobra.Completion, error) {
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
		return c.completing(cmd, func(ctx context.Context, s *runs.Service) ([]cobra.Completion, error) {
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
	return c.completing(cmd, func(ctx context.Context, s *runs.Service) ([]cobra.Completion, error) {
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
	src, host, err := c.source(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	wf, err := workflow.Load(src, host)
	if err != nil {
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
