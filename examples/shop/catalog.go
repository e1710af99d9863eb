package main

import (
	"fmt"
	"html/template"
)

// product is something the shop sells. Its ID is part of the API.
type product struct {
	ID    string
	Name  string
	Blurb string
	Price cents
	Art   template.HTML // inline SVG; constant, so it needs no escaping
}

// cents is an amount of money.
type cents int64

func (c cents) String() string { return fmt.Sprintf("€%d.%02d", c/100, c%100) }

var catalog = []product{
	{"lantern", "Storm lantern", "Burns through any night", 3900,
		`<svg viewBox="0 0 64 64" aria-hidden="true"><path class="l" d="M22 22c0-14 20-14 20 0"/><path class="l" d="M20 22h24M23 54h18M20 58h24"/><path class="f" d="M22 24h20l4 28H18z"/><path class="g" d="M32 31c6 7 6 9 6 12a6 6 0 0 1-12 0c0-3 0-5 6-12z"/></svg>`},
	{"candle", "Beeswax candle", "Forty hours of honey light", 1200,
		`<svg viewBox="0 0 64 64" aria-hidden="true"><path class="f" d="M23 30h18v26H23z"/><path class="l" d="M32 30v-6M18 58h28"/><path class="g" d="M32 8c6 7 6 9 6 11a6 6 0 0 1-12 0c0-2 0-4 6-11z"/><path class="l" d="M28 36v9M36 38v5"/></svg>`},
	{"stars", "Ceiling stars", "They glow till two", 950,
		`<svg viewBox="0 0 64 64" aria-hidden="true"><path class="g" d="m26 10 4.5 11L42 22l-9 7.5 3 11.5-10-6.5L16 41l3-11.5L10 22l11.5-1z"/><path class="f" d="m48 34 2.5 6 6.5.5-5 4 1.6 6.5-5.6-3.5-5.6 3.5L44 44.5l-5-4 6.5-.5z"/><circle class="g" cx="50" cy="15" r="3"/><circle class="f" cx="22" cy="53" r="2.5"/></svg>`},
	{"dusk", "Dusk lamp", "A sunset that stays", 6400,
		`<svg viewBox="0 0 64 64" aria-hidden="true"><circle class="g" cx="32" cy="26" r="15"/><path class="f" d="M12 41h40v3H12zM17 47h30v3H17zM23 53h18v3H23z"/></svg>`},
	{"fireflies", "Firefly jar", "No fireflies were harmed", 2400,
		`<svg viewBox="0 0 64 64" aria-hidden="true"><path class="l" d="M22 10h20v7H22z"/><path class="f" d="M22 19h20c6 4 7 8 7 12v21c0 4-2 6-6 6H21c-4 0-6-2-6-6V31c0-4 1-8 7-12z"/><circle class="g" cx="26" cy="35" r="3"/><circle class="g" cx="38" cy="30" r="2.5"/><circle class="g" cx="36" cy="46" r="3.5"/><circle class="g" cx="24" cy="49" r="2"/></svg>`},
	{"ember", "Ember mug", "Keeps the last sip warm", 1800,
		`<svg viewBox="0 0 64 64" aria-hidden="true"><path class="f" d="M14 26h30v24c0 5-3 8-8 8H22c-5 0-8-3-8-8z"/><path class="l" d="M44 31h5c8 0 8 16 0 16h-5"/><path class="g" d="M20 46h18v3c0 3-2 4-4 4H24c-2 0-4-1-4-4z"/><path class="l" d="M23 20c-3-4 3-6 0-10M33 20c-3-4 3-6 0-10"/></svg>`},
}

// productByID returns the product, or false if the shop does not sell it.
func productByID(id string) (product, bool) {
	for _, p := range catalog {
		if p.ID == id {
			return p, true
		}
	}
	return product{}, false
}
