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
	tokens, added := p.passed(maxLen)
	return sections{ring: p.ring / Tile, have: tiles(min(tokens, p.ring)), rest: tiles(min(maxLen, p.First) + added)}
}

func (Folded) String() string { return "folded" }

// sections are the tiles of a ring, of which the first have are stored, and the rest.
type sections struct{ ring, have, rest int }

func (s sections) Slots() int { return s.have + s.rest }

func (s sections) Slot(tile int) int {
	if tile < s.ring {
		return tile
	}
	return tile - s.ring + s.have
}

func (s sections) Held(int) (first, from int) { return 0, 0 }
