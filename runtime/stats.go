package runtime

import (
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"github.com/godwit-ai/godwit/mmap"
)

// Stats is what a session did since it began.
type Stats struct {
	PrefillTokens  int // tokens that came several at a time
	PrefillTime    time.Duration
	DecodeTokens   int // tokens that came one at a time, and drafts that were accepted
	DecodeTime     time.Duration
	DraftedTokens  int    // drafts computed beside a token, see Generation.Lookup
	AcceptedTokens int    // of them, those that were the tokens that came
	KVBytes        int64  // memory of the caches
	ScratchBytes   int64  // memory of activations and drafts
	WeightBytes    int64  // weights that one decoded token reads
	PeakRSS        int64  // of the process; 0 where the system does not tell
	Anon           int64  // anonymous memory of the process now; 0 where the system does not tell
	TilesRead      int64  // tiles of the past that rows have read in layers with a selector, over rows and KV heads
	TilesSeen      int64  // of as many that they saw; 0 without selectors
	RowsChose      int64  // rows that have chosen what they read, over KV heads with a selector
	RowsCould      int64  // those that might have: all but the first ones, which read all
	SpillWritten   int64  // bytes of rows that were stored in the session's file, rows that were rewound too
	LogitsHash     string // of the last logits: equal hashes mean equal bits
}

func (s *Stats) add(tokens int, d time.Duration) {
	if tokens > 1 {
		s.PrefillTokens += tokens
		s.PrefillTime += d
	} else {
		s.DecodeTokens += tokens
		s.DecodeTime += d
	}
}

// PrefillTPS returns the tokens per second of prompts.
func (s Stats) PrefillTPS() float64 { return perSecond(float64(s.PrefillTokens), s.PrefillTime) }

// DecodeTPS returns the tokens per second of generation.
func (s Stats) DecodeTPS() float64 { return perSecond(float64(s.DecodeTokens), s.DecodeTime) }

// DecodeGBps returns the billions of bytes per second of weights that generation read: once for a token and its drafts.
func (s Stats) DecodeGBps() float64 {
	return perSecond(float64(s.DecodeTokens-s.AcceptedTokens)*float64(s.WeightBytes)/1e9, s.DecodeTime)
}

// ReadShare returns the part of the past that rows have read in the layers whose plan has a selector; 1 without.
func (s Stats) ReadShare() float64 {
	if s.TilesSeen == 0 {
		return 1
	}
	return float64(s.TilesRead) / float64(s.TilesSeen)
}

// ChoiceShare returns how many choices of what to read there were for a row and KV head with a selector; 0 without.
func (s Stats) ChoiceShare() float64 { return float64(s.RowsChose) / float64(max(1, s.RowsCould)) }

func perSecond(n float64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return n / d.Seconds()
}

// Stats returns what the session did so far.
func (s *Session) Stats() Stats {
	st := s.stats
	if s.state != nil {
		st.KVBytes = s.state.Bytes()
		st.TilesRead, st.TilesSeen = s.state.Reads()
		st.RowsChose, st.RowsCould = s.state.Chooses()
	}
	if s.spill != nil {
		st.SpillWritten = s.spill.written
	}
	st.ScratchBytes = s.mem.Bytes() + s.ahead.bytes() + s.surprise.bytes()
	st.WeightBytes = s.m.Info.WeightBytes
	u := mmap.MemoryUsage()
	st.PeakRSS, st.Anon = u.PeakRSS, u.Anon
	if s.fresh {
		st.LogitsHash = Hash(s.logits)
	}
	return st
}

// Hash names the exact bits of x: FNV-1a over the little-endian float32s, as 16 hexadecimal digits.
func Hash(x []float32) string {
	h := fnv.New64a()
	var b [4]byte
	for _, v := range x {
		u := math.Float32bits(v)
		b[0], b[1], b[2], b[3] = byte(u), byte(u>>8), byte(u>>16), byte(u>>24)
		h.Write(b[:])
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
