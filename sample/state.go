package sample

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrState says that what SetState got is no state of such a chain.
var ErrState = errors.New("not the state of a sampler chain")

// keeper is a step with a number that the history does not give.
type keeper interface{ number() *float64 }

// State appends to b what the chain has beside the tokens that it was told of: random numbers, and the numbers of steps. A chain of the
// same parameters that was told of the same tokens goes on with the same choices after SetState.
func (ch *Chain) State(b []byte) []byte {
	at := len(b)
	b = append(b, 0)
	b, _ = ch.pcg.AppendBinary(b) // it has no errors
	b[at] = byte(len(b) - at - 1)
	for _, s := range ch.steps {
		if k, ok := s.(keeper); ok {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(*k.number()))
		}
	}
	return b
}

// SetState sets what State gave. The error is an ErrState, and then the chain is as it was.
func (ch *Chain) SetState(b []byte) error {
	pcg := ch.pcg
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return fmt.Errorf("%w: %d bytes", ErrState, len(b))
	}
	if err := pcg.UnmarshalBinary(b[1 : 1+b[0]]); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	b = b[1+b[0]:]
	var numbers []*float64
	for _, s := range ch.steps {
		if k, ok := s.(keeper); ok {
			numbers = append(numbers, k.number())
		}
	}
	if len(b) != 8*len(numbers) {
		return fmt.Errorf("%w: it has %d bytes of numbers, the chain %d", ErrState, len(b), 8*len(numbers))
	}
	for i, p := range numbers {
		*p = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
	}
	ch.pcg = pcg
	return nil
}
