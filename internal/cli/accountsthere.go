package cli

import (
	"context"
	"slices"
	"time"

	"github.com/executionerhq/executioner/client"
	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// accountsThere are those of a server. Who may not manage users has the own tokens.
type accountsThere struct{ *client.Client }

// AddUser has the server make an account.
func (t *accountsThere) AddUser(ctx context.Context, name, password string, grants []access.Grant) (wire.User, error) {
	return t.Client.AddUser(ctx, wire.NewUser{Name: name, Password: password, Grants: grants})
}

// SetPassword has the server change a password.
func (t *accountsThere) SetPassword(ctx context.Context, name, password string) (wire.User, error) {
	return t.ChangeUser(ctx, name, wire.ChangeUser{Password: &password})
}

// Regrant has the server change grants.
func (t *accountsThere) Regrant(ctx context.Context, name, _ string, change func([]access.Grant) ([]access.Grant, error)) (wire.User, error) {
	u, err := t.User(ctx, name)
	if err != nil {
		return u, err
	}
	grants, err := change(u.Grants)
	if err != nil {
		return u, err
	}
	if grants == nil {
		grants = []access.Grant{} // none, and not: as they are
	}
	return t.ChangeUser(ctx, name, wire.ChangeUser{Grants: &grants})
}

// Enable has the server lock a user out, or let one in again.
func (t *accountsThere) Enable(ctx context.Context, name string, enable bool) (wire.User, error) {
	disabled := !enable
	return t.ChangeUser(ctx, name, wire.ChangeUser{Disabled: &disabled})
}

// Tokens returns the tokens of a user, or of all whom the caller may look at.
func (t *accountsThere) Tokens(ctx context.Context, user string) ([]wire.Token, error) {
	if user != "" {
		route, _, err := t.owner(ctx, user)
		if err != nil {
			return nil, err
		}
		return t.Client.Tokens(ctx, route)
	}
	users, err := t.Users(ctx)
	if fault.CodeOf(err) == fault.Forbidden {
		return t.Client.Tokens(ctx, "")
	}
	all := []wire.Token{}
	for i := range users {
		of, err := t.Client.Tokens(ctx, users[i].Name)
		if err != nil && fault.CodeOf(err) != fault.NotFound { // deleted meanwhile
			return nil, err
		}
		all = append(all, of...)
	}
	return all, err
}

// owner returns whose tokens the server is to be asked for, nobody's for one's own, and what
// that user may do.
func (t *accountsThere) owner(ctx context.Context, user string) (route string, grants []access.Grant, err error) {
	me, err := t.WhoAmI(ctx)
	if err != nil || me.User == user {
		return "", me.Grants, err
	}
	u, err := t.User(ctx, user)
	return user, u.Grants, err
}

// AddToken has the server make a token.
func (t *accountsThere) AddToken(ctx context.Context, n store.Token) (wire.MadeToken, error) {
	if n.Expires.IsZero() {
		return wire.MadeToken{}, fault.New(fault.Unsupported, "a token that never ends can't be made through a server").
			WithHint("use up to 366d, or make it on the server's host, without --server")
	}
	route, has, err := t.owner(ctx, n.User)
	if err != nil {
		return wire.MadeToken{}, err
	}
	if n.Grants, err = covered(n.User, has, n.Grants); err != nil {
		return wire.MadeToken{}, err
	}
	life := n.Expires.Sub(n.Created).Truncate(time.Second)
	return t.Client.AddToken(ctx, route, wire.NewToken{Name: n.Name, Grants: n.Grants, Expires: life.String()})
}

// RevokeToken has the server end a token.
func (t *accountsThere) RevokeToken(ctx context.Context, id string) (wire.Token, error) {
	all, err := t.Tokens(ctx, "")
	if err != nil {
		return wire.Token{}, err
	}
	i := slices.IndexFunc(all, func(n wire.Token) bool { return n.ID == id })
	if i < 0 {
		return wire.Token{}, store.ErrNoToken(id)
	}
	route, _, err := t.owner(ctx, all[i].User)
	if err != nil {
		return wire.Token{}, err
	}
	return all[i], t.Client.RevokeToken(ctx, route, id)
}
