package seq

// Reader is a State of attention that need not read all that its rows see.
type Reader interface {
	// Reads returns how many pieces of their past the rows so far have read, and how many they saw. Both count anew for each row;
	// rows that were rewound count too.
	Reads() (read, seen int64)
	// Chooses returns how many of the rows so far have chosen themselves what they read, over KV heads, and how many might have.
	Chooses() (chose, could int64)
}
