package attention

import "errors"

func init() { layouts.add("kept", plain[Layout](Kept{}), "kept") }

// Kept holds the rows that a Keeper keeps and those that came since, without gaps.
type Kept struct{}

// Keeping is a Layout for what a Keeper keeps.
type Keeping interface {
	PlaceKept(b KeepBudget, maxLen int) Placement
}

// Place implements Layout.
func (Kept) Place(Reach, int, int) (Placement, error) {
	return nil, errors.New("without a keeper there is nothing that goes")
}

// PlaceKept implements Keeping. Tiles are those of slots, not of positions.
func (Kept) PlaceKept(b KeepBudget, maxLen int) Placement {
	if maxLen <= b.Rows {
		return grow(tiles(maxLen))
	}
	n := tiles(min(maxLen, b.Rows+b.Every))
	if b.Ada != 0 {
		n++ // heads end in the middle of a tile each
	}
	return grow(n)
}

func (Kept) String() string { return "kept" }

// place returns the placement of the layer's rows.
func (l Layer) place(r Reach, maxLen, maxChunk int) (Placement, error) {
	if l.Group != nil {
		if to, ok := l.Layout.(ByGroup); ok {
			return to.PlaceGroups(l.Group.Most(), maxLen), nil
		}
		return nil, errors.New("this layout does not keep the rows of a group together")
	}
	if p := l.parted(); p != nil {
		if to, ok := l.Layout.(Parting); ok {
			return to.PlaceParts(p, maxLen), nil
		}
		return nil, errors.New("this layout has no parts for the tokens that go and for what stays")
	}
	if l.Keep == nil {
		return l.Layout.Place(r, maxLen, maxChunk)
	}
	k, ok := l.Layout.(Keeping)
	if !ok {
		return nil, errors.New("this layout does not close the gaps of rows that go")
	}
	return k.PlaceKept(l.Keep.Budget().usual(), maxLen), nil
}
