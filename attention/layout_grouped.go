package attention

import "errors"

func init() { layouts.add("grouped", plain[Layout](Grouped{}), "grouped") }

// Grouped has the rows of each group in tiles of their own, which are taken when a group needs one. So a group's tiles are those of a
// sequence, and a query reads no others.
type Grouped struct{}

// ByGroup is a Layout for layers with groups.
type ByGroup interface {
	PlaceGroups(most, maxLen int) Placement
}

// Place implements Layout.
func (Grouped) Place(Reach, int, int) (Placement, error) {
	return nil, errors.New("without groups there is nothing to keep apart")
}

// PlaceGroups implements ByGroup. Of each group one tile may be in part empty, and each tile has a row.
func (Grouped) PlaceGroups(most, maxLen int) Placement { return grow(min(maxLen/Tile+most, maxLen)) }

func (Grouped) String() string { return "grouped" }
