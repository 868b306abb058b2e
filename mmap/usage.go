package mmap

// Usage is the memory of this process, in bytes; a figure that the system does not tell is 0.
type Usage struct {
	PeakRSS int64 // most memory ever resident, file pages included
	RSS     int64 // resident now
	Anon    int64 // anonymous memory resident now: what cannot be dropped without writing it somewhere
}
