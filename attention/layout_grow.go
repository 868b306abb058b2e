package attention

func init() { layouts.add("grow", plain[Layout](Grow{}), "grow") }

// Grow keeps every row.
type Grow struct{}

// Place implements Layout.
func (Grow) Place(_ Reach, maxLen, _ int) (Placement, error) { return grow(tiles(maxLen)), nil }

func (Grow) String() string { return "grow" }

// grow is the most tiles.
type grow int

func (g grow) Slots() int                 { return int(g) }
func (g grow) Slot(tile int) int          { return tile }
func (g grow) Held(int) (first, from int) { return 0, 0 }

// tiles is the number of tiles that n rows from position 0 on touch.
func tiles(n int) int { return (n + Tile - 1) / Tile }
