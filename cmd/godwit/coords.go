package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/godwit-ai/godwit"
)

// readCoords reads a file of coordinates, a line of two numbers for each token. Tokens beyond it have those of the last line.
func (a *app) readCoords(path string, m *godwit.Model) (godwit.Coords, error) {
	if !m.Info().Plan.Grouped() {
		return nil, usage("--coords is for plans with groups: give --plan group=… too")
	}
	text, err := a.read(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("--coords: %w", err)}
	}
	var list []godwit.Coord
	for line := range strings.Lines(text) {
		var at [2]int64
		words := strings.Fields(line)
		for i := 0; i < len(words) && i < 2 && err == nil; i++ {
			at[i], err = strconv.ParseInt(words[i], 10, 32)
		}
		if err != nil || len(words) != 2 {
			return nil, usage("--coords %s: line %d is not two whole numbers: %q", path, len(list)+1, strings.TrimSpace(line))
		}
		list = append(list, godwit.Coord{A: int32(at[0]), B: int32(at[1])})
	}
	if len(list) == 0 {
		return nil, usage("--coords %s: the file is empty", path)
	}
	return func(i int, _, _ int32, _ godwit.Coord) godwit.Coord { return list[min(i, len(list)-1)] }, nil
}
