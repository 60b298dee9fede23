package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
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
			name := args[0]
			if err := access.CheckNewUser(name); err != nil {
				return err
			}
			may, err := parseGrants(grants)
			if err != nil {
				return err
			}
			password := ""
			if !none {
				if password, err = c.newPassword(name, file); err != nil {
					return err
				}
			}
			return c.withAccounts(cmd, true, func(ctx context.Context, a accounts) error {
				u, err := a.AddUser(ctx, name, password, may)
				return c.tellUser(u, err, "user %s was added%s", name, grantList(may))
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

// newPassword reads a password that a user may have.
func (c *command) newPassword(user, file string) (string, error) {
	password, err := c.readPassword(user, file)
	if err != nil {
		return "", err
	}
	return password, access.CheckPassword(user, password)
}

// grantList is grants as part of a sentence.
func grantList(gs []access.Grant) string {
	if len(gs) == 0 {
		return ", without grants"
	}
	return " as " + strings.Join(access.Texts(gs), ", ")
}

// tellUser shows a user after a change, or returns why there was none.
func (c *command) tellUser(u wire.User, err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	if c.json {
		c.printJSON(c.Out, u)
		return nil
	}
	fmt.Fprintf(c.Out, "%s\n", oneLine(fmt.Sprintf(format, args...)))
	return nil
}

func (c *command) userListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List users",
		Example: `  executioner user list --json | jq -r '.users[] | select(.disabled) | .name'`,
		Args:    exactly(0, ""), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
				all, err := a.Users(ctx)
				if err != nil {
					return err
				}
				return c.printUsers(all)
			})
		},
	}
	c.jsonFlag(cmd, "the users")
	return cmd
}

func (c *command) printUsers(all []wire.User) error {
	if c.json {
		c.printJSON(c.Out, wire.Users{Users: all})
		return nil
	}
	var t table
	t.add("USER", "STATE", "PASSWORD", "CHANGED", "GRANTS")
	for i := range all {
		u := &all[i]
		t.add(oneLine(u.Name), enabled(!u.Disabled), yesNo(u.Password), stamp(&u.Changed), oneLine(strings.Join(access.Texts(u.Grants), " ")))
	}
	return t.print(c.Out, "", c.headline)
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
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a user and the user's tokens",
		Example: `  executioner user show ann
  executioner user show ann --json`,
		Args: exactly(1, "a user"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
				u, err := a.User(ctx, args[0])
				if err != nil {
					return err
				}
				tokens, err := a.Tokens(ctx, args[0])
				if err != nil {
					return err
				}
				return c.printUser(&u, tokens)
			})
		},
	}
	c.jsonFlag(cmd, "the user and the user's tokens")
	return cmd
}

func (c *command) printUser(u *wire.User, tokens []wire.Token) error {
	if c.json {
		c.printJSON(c.Out, userJSON{*u, tokens})
		return nil
	}
	var t table
	t.add("user", oneLine(u.Name))
	t.add("state", enabled(!u.Disabled))
	t.add("password", yesNo(u.Password))
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
			password, err := c.newPassword(name, file)
			if err != nil {
				return err
			}
			return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
				u, err := a.SetPassword(ctx, name, password)
				return c.tellUser(u, err, "the password of %s was changed; all sessions have ended", name)
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
	return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
		u, err := a.Regrant(ctx, name, detail, change)
		if len(u.Grants) == 0 {
			return c.tellUser(u, err, "user %s has no grants any more", name)
		}
		return c.tellUser(u, err, "user %s has the grants %s now", name, strings.Join(access.Texts(u.Grants), ", "))
	})
}

func (c *command) userEnableCommand(enable bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "disable NAME",
		Example: `  executioner user disable bob`,
		Short:   "Lock a user out, tokens and sessions included",
		Args:    exactly(1, "a user"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
				u, err := a.Enable(ctx, args[0], enable)
				return c.tellUser(u, err, "user %s is %s", args[0], enabled(enable))
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
			return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
				if err := a.DeleteUser(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(c.Out, "user %s was deleted\n", oneLine(args[0]))
				return nil
			})
		},
	}
}
