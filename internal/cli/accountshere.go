package cli

import (
	"context"
	"errors"
	"time"

	"github.com/executionerhq/executioner/internal/access"
	"github.com/executionerhq/executioner/internal/api/wire"
	"github.com/executionerhq/executioner/internal/fault"
	"github.com/executionerhq/executioner/internal/store"
)

// accountsHere are those of a database. What is changed is in its audit log, and what could
// not be changed, too.
type accountsHere struct {
	c  *command
	st store.Store
}

func (h *accountsHere) Users(ctx context.Context) ([]wire.User, error) {
	all, err := h.st.Users(ctx)
	view := make([]wire.User, len(all))
	for i := range all {
		view[i] = wire.UserOf(&all[i])
	}
	return view, err
}

func (h *accountsHere) User(ctx context.Context, name string) (wire.User, error) {
	u, err := h.st.User(ctx, name)
	return wire.UserOf(&u), err
}

func (h *accountsHere) AddUser(ctx context.Context, name, password string, grants []access.Grant) (wire.User, error) {
	u := store.User{Name: name, Grants: grants, Created: time.Now()}
	u.Changed = u.Created
	var err error
	if password != "" {
		if u.Password, err = access.NewPasswords(1).Hash(ctx, name, password); err != nil {
			return wire.User{}, err
		}
	}
	what := changed{access.UserManage, "user " + name, "added" + grantList(grants)}
	err = h.st.AddUser(ctx, u, h.c.said(what))
	return wire.UserOf(&u), h.failed(ctx, what, err)
}

// failed records that a change failed.
func (h *accountsHere) failed(ctx context.Context, what changed, err error) error {
	return errors.Join(err, h.c.auditFailure(ctx, h.st, what, err))
}

func (h *accountsHere) SetPassword(ctx context.Context, name, password string) (wire.User, error) {
	hash, err := access.NewPasswords(1).Hash(ctx, name, password)
	if err != nil {
		return wire.User{}, err
	}
	return h.change(ctx, name, "password changed", func(u *store.User) error { u.Password = hash; return nil })
}

func (h *accountsHere) Regrant(ctx context.Context, name, detail string, change func([]access.Grant) ([]access.Grant, error)) (wire.User, error) {
	return h.change(ctx, name, detail, func(u *store.User) (err error) {
		u.Grants, err = change(u.Grants)
		return err
	})
}

func (h *accountsHere) Enable(ctx context.Context, name string, enable bool) (wire.User, error) {
	return h.change(ctx, name, enabled(enable), func(u *store.User) error { u.Disabled = !enable; return nil })
}

// change changes a user who is there, and again when somebody else did so meanwhile.
func (h *accountsHere) change(ctx context.Context, name, detail string, change func(*store.User) error) (wire.User, error) {
	const often = 5
	what := changed{access.UserManage, "user " + name, detail}
	for i := 0; ; i++ {
		u, err := h.st.User(ctx, name)
		if err == nil {
			err = change(&u)
		}
		if err != nil {
			return wire.User{}, h.failed(ctx, what, err)
		}
		u.Changed = time.Now()
		set, err := h.st.SetUser(ctx, u, h.c.said(what))
		if fault.CodeOf(err) != fault.Conflict || i == often {
			return wire.UserOf(&set), h.failed(ctx, what, err)
		}
	}
}

func (h *accountsHere) DeleteUser(ctx context.Context, name string) error {
	what := changed{access.UserManage, "user " + name, "deleted"}
	return h.failed(ctx, what, h.st.DeleteUser(ctx, name, h.c.said(what)))
}

func (h *accountsHere) Tokens(ctx context.Context, user string) ([]wire.Token, error) {
	if user != "" {
		if _, err := h.st.User(ctx, user); err != nil {
			return nil, err
		}
	}
	all, err := h.st.Tokens(ctx, user)
	view := make([]wire.Token, len(all))
	for i := range all {
		view[i] = wire.TokenOf(&all[i])
	}
	return view, err
}

func (h *accountsHere) AddToken(ctx context.Context, t store.Token) (wire.MadeToken, error) {
	what := changed{access.UserManage, "user " + t.User, ""}
	u, err := h.st.User(ctx, t.User)
	if err == nil {
		t.Grants, err = covered(u.Name, u.Grants, t.Grants)
	}
	if err != nil {
		return wire.MadeToken{}, h.failed(ctx, what, err)
	}
	var text string
	text, t.ID, t.Hash = access.NewToken()
	what.detail = "token " + t.ID + " (" + t.Name + ") created" + grantList(t.Grants)
	err = h.st.AddToken(ctx, t, h.c.said(what))
	return wire.MadeToken{Token: wire.TokenOf(&t), Text: text}, h.failed(ctx, what, err)
}

func (h *accountsHere) RevokeToken(ctx context.Context, id string) (wire.Token, error) {
	t, _, err := h.st.Token(ctx, id)
	if err != nil {
		return wire.Token{}, err
	}
	what := changed{access.UserManage, "user " + t.User, "token " + t.ID + " (" + t.Name + ") revoked"}
	return wire.TokenOf(&t), h.failed(ctx, what, h.st.RevokeToken(ctx, id, time.Now(), h.c.said(what)))
}
