package main

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// signup is someone who wants the shop's letter.
type signup struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Mode  string `json:"mode"` // "": after
}

const (
	signupMessage = "Welcome! A mail is on its way"
	signupAgain   = "You are on the list already"
)

// postSignup is POST /api/signup.
func (s *shop) postSignup(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	var u signup
	if err := readJSON(w, r, &u); err != nil {
		s.fail(w, r, err)
		return
	}
	u.Mode = modeOf(r, u.Mode)
	t, isNew, err := s.signUp(r, u)
	switch {
	case err != nil:
		s.fail(w, r, err)
	case isNew:
		s.answer(w, r, http.StatusCreated, t, signupMessage, start)
	default:
		s.answer(w, r, http.StatusOK, t, signupAgain, start)
	}
}

// signUp puts the address on the list. An address that is on it already gets
// no second mail.
func (s *shop) signUp(r *http.Request, u signup) (t *ticket, isNew bool, err error) {
	if u.Name != "" {
		if u.Name, err = parseName(u.Name); err != nil {
			return nil, false, invalid("name: %v", err)
		}
	}
	if u.Email, err = parseEmail(u.Email); err != nil {
		return nil, false, invalid("email: %v", err)
	}
	mode, err := parseMode(u.Mode)
	if err != nil {
		return nil, false, err
	}
	id := newID()
	t, err = s.place(r, id, mode, s.afterSignup(u), func(ctx context.Context) error { return s.store.addSignup(ctx, u) })
	if errors.Is(err, errSignedUp) {
		return newTicket(id, mode, nil), false, nil
	}
	return t, true, err
}
