package attention

import "fmt"

func init() {
	keepers.add("entropy", parseEntropy, "entropy(90,every=64)", "entropy(130,decay=0.5,sinks=0,recent=20,every=128)")
}

// Entropy keeps the rows whose tokens the model did not expect: those of the largest −ln p, which all heads of all layers keep
// alike (SirLLM, arXiv 2405.12528). It needs the logits of every row, so that a long prompt costs as much more as the head of the
// model does. Whenever rows go, what earlier ones are worth is multiplied by Decay.
type Entropy struct {
	Keep  KeepBudget
	Decay float64 // 1: none
}

// Budget implements Keeper.
func (k Entropy) Budget() KeepBudget { return k.Keep }

// Remembers implements Rememberer.
func (Entropy) Remembers() {}

// Shares implements Sharer.
func (Entropy) Shares() {}

// Surprised implements Surprised.
func (Entropy) Surprised() {}

// Score implements Keeper.
func (k Entropy) Score(dst []float32, e *Evidence) {
	old := len(e.Rows) - len(e.Surprise)
	for i := range old {
		e.Memory[i] *= float32(k.Decay)
	}
	copy(e.Memory[old:], e.Surprise)
	copy(dst, e.Memory)
}

func (k Entropy) String() string {
	decay := ""
	if k.Decay != 1 {
		decay = "decay=" + num(k.Decay)
	}
	return k.Keep.text("entropy", usualRecent, decay)
}

func parseEntropy(a *args, _ Keeper) (Keeper, error) {
	k := Entropy{Keep: parseBudget(a, usualRecent), Decay: a.number("decay", 1)}
	if k.Decay > 1 {
		return nil, fmt.Errorf("decay=%v is more than 1", k.Decay)
	}
	return k, checkKeep(k)
}
