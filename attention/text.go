package attention

import (
	"fmt"
	"math"
	"strconv"
)

// num is the shortest text that reads back as f.
func num(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func optNum(name string, f float64) string {
	if f == 0 {
		return ""
	}
	return "," + name + "=" + num(f)
}

func optInt(name string, n, usual int) string {
	if n == usual {
		return ""
	}
	return fmt.Sprintf(",%s=%d", name, n)
}

func atLeastOne(name string, factor float64) error {
	if !(factor >= 1) || math.IsInf(factor, 0) {
		return fmt.Errorf("%s: factor %v is not at least 1", name, factor)
	}
	return nil
}
