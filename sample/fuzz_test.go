package sample

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// FuzzChain builds a chain from any parameters and samples from any logits after any past: no panic, only documented errors, an id that
// can be drawn, probabilities that sum to 1, logits unchanged, and the same again from a second chain.
func FuzzChain(f *testing.F) {
	seed := func(p Params, order string, past []byte, logits ...float32) {
		raw := make([]byte, 4*len(logits))
		for i, l := range logits {
			binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(l))
		}
		f.Add(p.Seed, p.Temperature, p.DynaTempRange, p.DynaTempPower, p.TopK, p.TopP, p.MinP, p.Typical, p.TopNSigma, p.XTCProbability, p.XTCThreshold,
			p.RepeatPenalty, p.FrequencyPenalty, p.PresencePenalty, p.PenaltyWindow, p.DRYMultiplier, p.DRYBase, p.DRYLength, p.DRYWindow,
			p.MirostatTau, p.MirostatEta, int32(3), float32(-1), order, past, raw)
	}
	stream := []byte("abcabdabcabcabd")
	seed(Params{}, "", nil, 1, 2, 3)
	seed(everything(), "", stream, modelLike(1, 300)...)
	seed(everything(), "temperature,xtc,min_p,top_p,typical,top_k,top_n_sigma,dry,penalties,logit_bias,mirostat", stream, flatLike(1, 300)...)
	for _, c := range stepCases() {
		seed(c.p, "", stream, 1, 2, 2, nan, -inf, 7, inf, -3, 0)
		seed(c.p, "", stream, math.MaxFloat32, -math.MaxFloat32, 1e-45, -1e-45)
	}
	seed(Params{Temperature: 1e-40}, "", nil, 1, 2, 3)
	seed(Params{Temperature: 1, MirostatTau: 100, MirostatEta: 100}, "", nil, flatLike(2, 40)...)
	seed(Params{Temperature: 1, DRYMultiplier: 1000, DRYBase: 1000, DRYLength: 1}, "", []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 1, 2)
	f.Fuzz(func(t *testing.T, seed uint64, temp, spread, power float32, topK int, topP, minP, typ, sigma, xtcP, xtcT, repeat, frequency, presence float32, window int,
		dry, base float32, length, dryWindow int, tau, eta float32, biased int32, bias float32, order string, past, raw []byte) {
		p := Params{Seed: seed, Temperature: temp, DynaTempRange: spread, DynaTempPower: power, TopK: topK, TopP: topP, MinP: minP, Typical: typ, TopNSigma: sigma,
			XTCProbability: xtcP, XTCThreshold: xtcT, RepeatPenalty: repeat, FrequencyPenalty: frequency, PresencePenalty: presence, PenaltyWindow: window,
			DRYMultiplier: dry, DRYBase: base, DRYLength: length, DRYWindow: dryWindow, MirostatTau: tau, MirostatEta: eta,
			LogitBias: map[int32]float32{biased: bias}, DRYBreakers: [][]int32{{'c'}, {'b', 'd'}}}
		if order != "" {
			o, err := ParseOrder(order)
			if err != nil {
				if !errors.Is(err, ErrParam) {
					t.Fatal(err)
				}
				return
			}
			p.Order = o
		}
		logits := make([]float32, len(raw)/4)
		for i := range logits {
			logits[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		var chains [2]*Chain
		for k := range chains {
			ch, err := New(p)
			if err != nil {
				if ch != nil || !errors.Is(err, ErrParam) {
					t.Fatalf("%v, %v", ch, err)
				}
				return
			}
			for i, b := range past {
				ch.Accept(int32(b) - int32(i%2)) // −1 too, which is no token
			}
			chains[k] = ch
		}
		for step := range 4 {
			id, err := chains[0].Next(logits)
			again, err2 := chains[1].Next(logits)
			if id != again || (err == nil) != (err2 == nil) {
				t.Fatalf("step %d: %d, %v, then %d, %v", step, id, err, again, err2)
			}
			if err != nil {
				if !errors.Is(err, ErrNoToken) {
					t.Fatal(err)
				}
				return
			}
			if id < 0 || int(id) >= len(logits) || logits[id] != logits[id] || logits[id] == -inf {
				t.Fatalf("step %d: token %d of %v", step, id, logits)
			}
			if c := &chains[0].c; len(chains[0].steps) > 0 {
				c.softmax() // lists the candidates, if that was not needed yet
				if c.n < 1 || c.n != len(c.id) || c.n != len(c.logit) || c.n != len(c.p) {
					t.Fatalf("step %d: %d candidates, %d %d %d", step, c.n, len(c.id), len(c.logit), len(c.p))
				}
				sum := 0.0
				for i, q := range c.p {
					if !(q >= 0 && q <= 1.00001) || c.id[i] < 0 || int(c.id[i]) >= len(logits) {
						t.Fatalf("step %d: token %d has probability %v", step, c.id[i], q)
					}
					sum += float64(q)
				}
				if math.Abs(sum-1) > 1e-4 {
					t.Fatalf("step %d: the probabilities sum to %v", step, sum)
				}
			}
			for k := range chains {
				chains[k].Accept(id)
			}
		}
		for i := range logits {
			if b := binary.LittleEndian.Uint32(raw[4*i:]); math.Float32bits(logits[i]) != b && logits[i] == logits[i] {
				t.Fatalf("logit %d changed to %v", i, logits[i])
			}
		}
	})
}
