package runtime

import "github.com/godwit-ai/godwit/seq"

// Coords gives token i of a stream its coordinates, for plans with groups. last is the id of the token before, whose coordinates are
// before; of the first token they are −1 and {0, 0}. What it returns must follow from these alone.
type Coords func(i int, last, token int32, before seq.Coord) seq.Coord

// coords are those of a stream's tokens. Tokens that were taken back have them as well, until others come in their place.
type coords struct {
	rule Coords // nil: tokens have none
	of   []seq.Coord
}

// coordBytes is what they take.
func (m *Model) coordBytes(context int) int64 {
	if !m.Info.Plan.Grouped() {
		return 0
	}
	return 8 * int64(context)
}

func (s *Session) newCoords(rule Coords) {
	if rule != nil && s.m.Info.Plan.Grouped() {
		s.coords = coords{rule, make([]seq.Coord, 0, s.plan.Context)}
	}
}

// next returns those of a pass over chunk behind tokens.
func (c *coords) next(tokens, chunk []int32) []seq.Coord {
	if c.rule == nil {
		return nil
	}
	first, last, at := len(tokens), int32(-1), seq.Coord{}
	c.of = c.of[:first]
	if first > 0 {
		last, at = tokens[first-1], c.of[first-1]
	}
	for i, id := range chunk {
		at = c.rule(first+i, last, id, at)
		c.of, last = append(c.of, at), id
	}
	return c.of[first:]
}
