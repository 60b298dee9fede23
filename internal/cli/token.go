package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

func (c *command) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke tokens for programs that use the service",
		Long: `Make, list and revoke tokens, with which programs prove to the service for whom they act.
A token may do what it was granted, as far as its user may, too.

` + aboutAccounts,
		Example: `  executioner token create ann laptop
  executioner token create ci nightly --grant operator:billing --expires 30d
  executioner token list`,
		Args: onlyCommands,
		RunE: needsCommand,
	}
	cmd.AddCommand(c.tokenCreateCommand(), c.tokenListCommand(), c.tokenRevokeCommand())
	return cmd
}

const (
	never      = "never"
	tokenLife  = "90d"
	expiryHelp = "after how `LONG` it ends: 30d, 12h, or never"
)

func (c *command) tokenCreateCommand() *cobra.Command {
	var grants []string
	var expires, output string
	cmd := &cobra.Command{
		Use:   "create USER NAME",
		Short: "Make a token and show it, this once",
		Long: `Make a token and print it. It is not kept and can't be shown again: put it where the
program finds it. With --output it goes into a new file that only you can read.`,
		Example: `  executioner token create ci nightly --grant operator:billing --output token
  executioner token create ann laptop --json | jq -r .token`,
		Args: exactly(2, "a user and a name for the token"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			now := time.Now()
			t := store.Token{User: args[0], Name: args[1], Created: now}
			var err error
			if err = access.CheckName("token", t.Name); err != nil {
				return err
			}
			if t.Expires, err = parseExpiry(expires, now); err != nil {
				return err
			}
			if t.Grants, err = parseGrants(grants); err != nil {
				return err
			}
			return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
				return c.createToken(ctx, a, t, output)
			})
		},
	}
	cmd.Flags().StringArrayVar(&grants, "grant", nil, "a `GRANT`: ROLE or ROLE:APPLICATION (repeatable; default: all that the user has now)")
	c.completeFlag(cmd, "grant", completeRoles)
	cmd.Flags().StringVar(&expires, "expires", tokenLife, expiryHelp)
	cmd.Flags().StringVar(&output, "output", "", "write the token into a new `FILE` that only you can read, and not to the standard output")
	c.jsonFlag(cmd, "the token, with its text unless --output has it")
	return cmd
}

// parseExpiry returns when a token ends, zero for never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == never {
		return time.Time{}, nil
	}
	life, ok := parseAgo(text)
	if !ok || life <= 0 {
		return time.Time{}, fault.New(fault.Usage, "--expires %q is no time", text).WithHint("for example: --expires 30d, --expires 12h, --expires never")
	}
	return now.Add(life), nil
}

// createToken makes a token, and shows it or puts it into a new file.
func (c *command) createToken(ctx context.Context, a accounts, t store.Token, output string) error {
	if output == "" {
		made, err := a.AddToken(ctx, t)
		if err != nil {
			return err
		}
		if c.json {
			c.printJSON(c.Out, made)
			return nil
		}
		fmt.Fprintln(c.Out, made.Text)
		return c.sayToken(&made.Token)
	}
	f, err := newTokenFile(output) // first, so that no token is nowhere
	if err != nil {
		return err
	}
	made, err := a.AddToken(ctx, t)
	if err != nil {
		return errors.Join(err, f.Close(), os.Remove(output))
	}
	_, err = f.WriteString(made.Text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fault.New(fault.Unavailable, "token %s was made and can't be written: %v", made.ID, err).
			WithHint("it is of no use: executioner token revoke %s", made.ID)
	}
	if c.json {
		c.printJSON(c.Out, made.Token)
		return nil
	}
	return c.sayToken(&made.Token)
}

// sayToken tells of a new token without its text.
func (c *command) sayToken(t *wire.Token) error {
	until := "never ends"
	if t.Expires != nil {
		until = "ends on " + stamp(t.Expires)
	}
	fmt.Fprintf(c.Err, "token %s of %s%s, %s; it is not shown again\n", t.ID, t.User, oneLine(grantList(t.Grants)), until)
	return nil
}

// newTokenFile makes an empty file that only its user can read.
func newTokenFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, fault.New(fault.Conflict, "%s is there already, and was left alone", path).WithHint("no token was made; name another file")
	case err != nil:
		return nil, fault.Wrap(err, fault.Unavailable, "the token can't be written, so none was made")
	}
	return f, nil
}

func (c *command) tokenListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [USER]",
		Short: "List tokens, all or those of a user",
		Example: `  executioner token list
  executioner token list ci --json | jq -r '.tokens[] | select(.last_used_at == null) | .id'`,
		Args: atMost(1, "a user"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
				all, err := a.Tokens(ctx, strings.Join(args, ""))
				if err != nil {
					return err
				}
				if c.json {
					c.printJSON(c.Out, wire.Tokens{Tokens: all})
					return nil
				}
				return c.printTokens(all)
			})
		},
	}
	c.jsonFlag(cmd, "the tokens, without their text")
	return cmd
}

func (c *command) printTokens(all []wire.Token) error {
	now := time.Now()
	var t table
	t.add("TOKEN", "USER", "NAME", "STATE", "ENDS", "LAST USED", "GRANTS")
	for i := range all {
		n := &all[i]
		t.add(n.ID, oneLine(n.User), oneLine(n.Name), tokenState(n, now), stampOr(n.Expires, never), stampOr(n.LastUsed, "-"),
			oneLine(strings.Join(access.Texts(n.Grants), " ")))
	}
	return t.print(c.Out, "", c.headline)
}

func tokenState(t *wire.Token, now time.Time) string {
	switch {
	case t.Revoked != nil:
		return "revoked"
	case t.Expires != nil && !now.Before(*t.Expires):
		return "expired"
	default:
		return "valid"
	}
}

func stampOr(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return stamp(t)
}

func (c *command) tokenRevokeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "revoke TOKEN...",
		Example: `  executioner token list ann
  executioner token revoke 4f6c2a91d0b7`,
		Short: "End tokens for ever",
		Long:  `End tokens for ever, by their ids as executioner token list shows them.`,
		Args:  atLeast(1, "a token's id"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAccounts(cmd, false, func(ctx context.Context, a accounts) error {
				for _, id := range args {
					if err := c.revokeToken(ctx, a, id); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (c *command) revokeToken(ctx context.Context, a accounts, id string) error {
	if found, ok := access.TokenID(id); ok {
		id = found // the whole text was given, which must not get any further
	}
	t, err := a.RevokeToken(ctx, id)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "token %s (%s) of %s was revoked\n", t.ID, oneLine(t.Name), oneLine(t.User))
	return nil
}
