package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Say who may use the service, and what for",
		Long: `Say who may use the service (executioner serve), and what for.

A user has grants: a role, in all applications (operator) or in one (operator:billing).
  viewer    looks at runs, logs and registered workflows
  operator  also submits registered workflows, cancels, resumes, marks jobs successful
  author    also submits any workflow, registers workflows and changes them
  admin     also manages users and reads the audit log, when it is for all applications

` + aboutAccounts,
		Example: `  executioner user add ann --grant admin
  executioner user add ci --no-password --grant operator:billing
  executioner user list`,
		Args: onlyCommands,
		RunE: needsCommand,
	}
	cmd.AddCommand(
		c.userAddCommand(), c.userListCommand(), c.userShowCommand(), c.userSetPasswordCommand(), c.userGrantCommand(),
		c.userRevokeCommand(), c.userEnableCommand(true), c.userEnableCommand(false), c.userDeleteCommand(),
	)
	return cmd
}

// onlyCommands and needsCommand are for commands that have others and do nothing themselves.
func onlyCommands(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	return nil
}

func needsCommand(cmd *cobra.Command, _ []string) error {
	return fault.New(fault.Usage, "%s needs to be told what to do", cmd.CommandPath()).
		WithHint("%s --help shows its commands", cmd.CommandPath())
}

const passwordHelp = `The password is asked for on the terminal, or read from a pipe or a file: it must have at
least 12 characters.`

func (c *command) userAddCommand() *cobra.Command {
	var file string
	var none bool
	var grants []string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user",
		Long: "Add a user. " + passwordHelp + ` With --no-password, the user
logs in elsewhere (OIDC) or has tokens only.`,
		Example: `  executioner user add ann --grant admin
  executioner user add bob --grant operator:billing --grant viewer --password-file bob.txt`,
		Args:              exactly(1, "a name"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			u := store.User{Name: args[0]}
			var err error
			if err = access.CheckNewUser(u.Name); err != nil {
				return err
			}
			if u.Grants, err = parseGrants(grants); err != nil {
				return err
			}
			if !none {
				if u.Password, err = c.newPassword(cmd.Context(), u.Name, file); err != nil {
					return err
				}
			}
			what := changed{access.UserManage, "user " + u.Name, "added" + grantList(u.Grants)}
			return c.onAccounts(cmd, true, what, func(ctx context.Context, st store.Store, what *changed) error {
				u.Created = time.Now()
				u.Changed = u.Created
				if err := st.AddUser(ctx, u, c.said(*what)); err != nil {
					return err
				}
				return c.tellUser(u, "user %s was added%s", u.Name, grantList(u.Grants))
			})
		},
	}
	cmd.Flags().StringArrayVar(&grants, "grant", nil, "a `GRANT`: ROLE or ROLE:APPLICATION (repeatable)")
	c.completeFlag(cmd, "grant", completeRoles)
	cmd.Flags().BoolVar(&none, "no-password", false, "the user has no password")
	passwordFlag(cmd, &file)
	cmd.MarkFlagsMutuallyExclusive("no-password", "password-file")
	c.jsonFlag(cmd, "the user")
	return cmd
}

func passwordFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "password-file", "", "read the password from this `FILE`")
	_ = cmd.MarkFlagFilename("password-file")
}

// newPassword returns the hash of a password that is read.
func (c *command) newPassword(ctx context.Context, user, file string) (string, error) {
	password, err := c.readPassword(user, file)
	if err != nil {
		return "", err
	}
	return access.NewPasswords(1).Hash(ctx, user, password)
}

// grantList is grants as part of a sentence.
func grantList(gs []access.Grant) string {
	if len(gs) == 0 {
		return ", without grants"
	}
	return " as " + strings.Join(access.Texts(gs), ", ")
}

// tellUser shows a user after a change.
func (c *command) tellUser(u store.User, format string, args ...any) error {
	if c.json {
		c.printJSON(c.Out, wire.UserOf(&u))
		return nil
	}
	fmt.Fprintf(c.Out, "%s\n", oneLine(fmt.Sprintf(format, args...)))
	return nil
}

func (c *command) userListCommand() *cobra.Command {
	return c.onHistory(&cobra.Command{
		Use:     "list",
		Short:   "List users",
		Example: `  executioner user list --json | jq -r '.users[] | select(.disabled) | .name'`,
	}, "the users", func(ctx context.Context, _ string, st store.Store) error {
		all, err := st.Users(ctx)
		if err != nil {
			return err
		}
		if c.json {
			view := wire.Users{Users: []wire.User{}}
			for i := range all {
				view.Users = append(view.Users, wire.UserOf(&all[i]))
			}
			c.printJSON(c.Out, view)
			return nil
		}
		var t table
		t.add("USER", "STATE", "PASSWORD", "CHANGED", "GRANTS")
		for i := range all {
			u := &all[i]
			t.add(oneLine(u.Name), enabled(!u.Disabled), yesNo(u.Password != ""), stamp(&u.Changed), oneLine(strings.Join(access.Texts(u.Grants), " ")))
		}
		return t.print(c.Out, "", c.headline)
	})
}

// headline paints the first row of a table.
func (c *command) headline(row, _ int, padded string) string {
	if row == 0 {
		return c.paint().bold(padded)
	}
	return padded
}

func enabled(yes bool) string {
	if yes {
		return "enabled"
	}
	return "disabled"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// userJSON is user show --json.
type userJSON struct {
	wire.User
	Tokens []wire.Token `json:"tokens"`
}

func (c *command) userShowCommand() *cobra.Command {
	return c.ofUser(&cobra.Command{
		Use:   "show NAME",
		Short: "Show a user and the user's tokens",
		Example: `  executioner user show ann
  executioner user show ann --json`,
	}, "the user and the user's tokens", func(ctx context.Context, st store.Store, name string) error {
		u, err := st.User(ctx, name)
		if err != nil {
			return err
		}
		tokens, err := st.Tokens(ctx, name)
		if err != nil {
			return err
		}
		if c.json {
			c.printJSON(c.Out, userJSON{wire.UserOf(&u), wireTokens(tokens)})
			return nil
		}
		var t table
		t.add("user", oneLine(u.Name))
		t.add("state", enabled(!u.Disabled))
		t.add("password", yesNo(u.Password != ""))
		if u.Subject != "" {
			t.add("subject", oneLine(u.Subject))
		}
		t.add("created", stamp(&u.Created))
		t.add("changed", stamp(&u.Changed))
		for i, g := range u.Grants {
			label := ""
			if i == 0 {
				label = "grants"
			}
			t.add(label, oneLine(g.String()))
		}
		if err := t.print(c.Out, "", nil); err != nil || len(tokens) == 0 {
			return err
		}
		fmt.Fprintln(c.Out)
		return c.printTokens(tokens)
	})
}

// ofUser completes a command that looks at one user.
func (c *command) ofUser(cmd *cobra.Command, json string, use func(context.Context, store.Store, string) error) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = exactly(1, "a user"), cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.withHistory(cmd, func(ctx context.Context, _ string, st store.Store) error { return use(ctx, st, args[0]) })
	}
	c.jsonFlag(cmd, json)
	return cmd
}

func (c *command) userSetPasswordCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "set-password NAME",
		Example: `  executioner user set-password ann
  executioner user set-password ann --password-file new.txt`,
		Short: "Change a user's password; all sessions of the user end",
		Long:  "Change a user's password. " + passwordHelp + " All sessions of the\nuser end; tokens stay valid.",
		Args:  exactly(1, "a user"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			hash, err := c.newPassword(cmd.Context(), name, file)
			if err != nil {
				return err
			}
			what := changed{access.UserManage, "user " + name, "password changed"}
			return c.onAccounts(cmd, false, what, func(ctx context.Context, st store.Store, what *changed) error {
				u, err := c.changeUser(ctx, st, name, *what, func(u *store.User) error { u.Password = hash; return nil })
				if err != nil {
					return err
				}
				return c.tellUser(u, "the password of %s was changed; all sessions have ended", name)
			})
		},
	}
	passwordFlag(cmd, &file)
	c.jsonFlag(cmd, "the user")
	return cmd
}

func (c *command) userGrantCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "grant NAME GRANT...",
		Short: "Give a user roles: ROLE or ROLE:APPLICATION",
		Example: `  executioner user grant bob operator:billing
  executioner user grant bob viewer`,
		Args: atLeast(2, "a user and what to grant"), ValidArgsFunction: completeGrants,
		RunE: func(cmd *cobra.Command, args []string) error {
			more, err := parseGrants(args[1:])
			if err != nil {
				return err
			}
			return c.setGrants(cmd, args[0], "granted "+strings.Join(access.Texts(more), ", "), func(gs []access.Grant) ([]access.Grant, error) {
				return access.Normal(slices.Concat(gs, more)), nil
			})
		},
	}
	c.jsonFlag(cmd, "the user")
	return cmd
}

func (c *command) userRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke NAME GRANT...",
		Short: "Take roles from a user",
		Long: `Take roles from a user, as executioner user show names them. The user's tokens may do no
more than the user from then on, and all sessions of the user end.`,
		Example: `  executioner user revoke bob operator:billing`,
		Args:    atLeast(2, "a user and what to revoke"), ValidArgsFunction: completeGrants,
		RunE: func(cmd *cobra.Command, args []string) error {
			less, err := parseGrants(args[1:])
			if err != nil {
				return err
			}
			return c.setGrants(cmd, args[0], "revoked "+strings.Join(access.Texts(less), ", "), func(gs []access.Grant) ([]access.Grant, error) {
				for _, g := range less {
					left, ok := access.Without(gs, g)
					if !ok {
						return nil, fault.New(fault.Usage, "user %s does not have the grant %s", args[0], g).
							WithHint("executioner user show %s shows what there is", args[0])
					}
					gs = left
				}
				return gs, nil
			})
		},
	}
	c.jsonFlag(cmd, "the user")
	return cmd
}

func completeGrants(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeRoles(cmd, args, word)
}

func (c *command) setGrants(cmd *cobra.Command, name, detail string, change func([]access.Grant) ([]access.Grant, error)) error {
	what := changed{access.UserManage, "user " + name, detail}
	return c.onAccounts(cmd, false, what, func(ctx context.Context, st store.Store, what *changed) error {
		u, err := c.changeUser(ctx, st, name, *what, func(u *store.User) (err error) {
			u.Grants, err = change(u.Grants)
			return err
		})
		if err != nil {
			return err
		}
		if len(u.Grants) == 0 {
			return c.tellUser(u, "user %s has no grants any more", name)
		}
		return c.tellUser(u, "user %s has the grants %s now", name, strings.Join(access.Texts(u.Grants), ", "))
	})
}

func (c *command) userEnableCommand(enable bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "disable NAME",
		Example: `  executioner user disable bob`,
		Short:   "Lock a user out, tokens and sessions included",
		Args:    exactly(1, "a user"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			what := changed{access.UserManage, "user " + name, enabled(enable)}
			return c.onAccounts(cmd, false, what, func(ctx context.Context, st store.Store, what *changed) error {
				u, err := c.changeUser(ctx, st, name, *what, func(u *store.User) error { u.Disabled = !enable; return nil })
				if err != nil {
					return err
				}
				return c.tellUser(u, "user %s is %s", name, enabled(enable))
			})
		},
	}
	if enable {
		cmd.Use, cmd.Short = "enable NAME", "Let a user in again who was disabled"
		cmd.Example = `  executioner user enable bob`
	}
	c.jsonFlag(cmd, "the user")
	return cmd
}

func (c *command) userDeleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "delete NAME",
		Example: `  executioner user delete bob`,
		Short:   "Delete a user with tokens and sessions",
		Long: `Delete a user with tokens and sessions. What the user did stays in the audit log and in
the history of runs. To keep somebody out for a while: executioner user disable.`,
		Args: exactly(1, "a user"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			what := changed{access.UserManage, "user " + args[0], "deleted"}
			return c.onAccounts(cmd, false, what, func(ctx context.Context, st store.Store, what *changed) error {
				if err := st.DeleteUser(ctx, args[0], c.said(*what)); err != nil {
					return err
				}
				fmt.Fprintf(c.Out, "user %s was deleted\n", oneLine(args[0]))
				return nil
			})
		},
	}
}
