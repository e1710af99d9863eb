package main

import (
	"bytes"
	"context"
	"html/template"
	"sync/atomic"
)

// bestSellers is the cached best-seller part of the page. Pages show the cache
// and never ask the database; every order has it rebuilt after its response.
type bestSellers struct {
	store     *store
	templates *template.Template
	started   atomic.Uint64
	cached    atomic.Pointer[fragment]
}

type fragment struct {
	html template.HTML
	turn uint64 // the higher, the later its query began
}

func newBestSellers(st *store, t *template.Template) *bestSellers {
	return &bestSellers{store: st, templates: t}
}

// revalidate rebuilds the fragment. Of several at once, the one whose query
// began last stays.
func (b *bestSellers) revalidate(ctx context.Context) error {
	turn := b.started.Add(1)
	sales, err := b.store.bestSellers(ctx, 3)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	if err := b.templates.ExecuteTemplate(&buf, "bestsellers", sales); err != nil {
		return err
	}
	next := &fragment{html: template.HTML(buf.String()), turn: turn} // a template's output is escaped
	for {
		now := b.cached.Load()
		if now != nil && now.turn > turn {
			return nil
		}
		if b.cached.CompareAndSwap(now, next) {
			return nil
		}
	}
}

func (b *bestSellers) html() template.HTML { return b.cached.Load().html }
