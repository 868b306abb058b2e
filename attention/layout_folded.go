package attention

import "errors"

func init() { layouts.add("folded", plain[Layout](Folded{}), "folded") }

// Folded has the last tokens in a ring, and apart from them the first tokens and the rows that a Parter adds.
type Folded struct{}

// Parting is a Layout for the parts of a Parter.
type Parting interface {
	PlaceParts(p *parted, maxLen int) Placement
}

// Place implements Layout.
func (Folded) Place(Reach, int, int) (Placement, error) {
	return nil, errors.New("without a fold that drops tokens there are no parts")
}

// PlaceParts implements Parting. Tiles are those of slots, not of rows. A ring that a session does not fill takes the room of its tokens,
// but its tiles keep their numbers, so that sums have the same order whatever the session's length.
func (Folded) PlaceParts(p *parted, maxLen int) Placement {
	ring, stay := p.used(maxLen)
	return sections{stay: p.stay / Tile, have: tiles(ring), rest: tiles(stay)}
}

func (Folded) String() string { return "folded" }

// sections are the first have tiles of a ring and, from tile stay on, the rest.
type sections struct{ stay, have, rest int }

func (s sections) Slots() int { return s.have + s.rest }

func (s sections) Slot(tile int) int {
	if tile < s.stay {
		return tile
	}
	return tile - s.stay + s.have
}

func (s sections) Held(int) (first, from int) { return 0, 0 }
