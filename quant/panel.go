package quant

// paddedGroups is the number of groups in a row rounded up to whole vectors of 8.
func paddedGroups(m Matrix) int { return (m.Cols/m.Format.Group + 7) &^ 7 }
