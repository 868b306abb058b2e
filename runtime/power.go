package runtime

import (
	"fmt"
	"slices"
	"time"

	"github.com/godwit-ai/godwit/internal/par"
	"github.com/godwit-ai/godwit/internal/topo"
)

// Power says what a model's workers are to save: time, or the battery and the other programs. It changes no result.
type Power int

// The profiles.
const (
	PowerBalanced    Power = iota // all workers, which park when there is nothing to do for 200 µs
	PowerPerformance              // they park after 1 ms
	PowerBackground               // the little cores, or a quarter of the workers; 30 ms of work, then 70 of rest
)

var powerNames = []string{"balanced", "performance", "background"}

// String returns the profile's name.
func (p Power) String() string {
	if p < 0 || int(p) >= len(powerNames) {
		return fmt.Sprintf("power profile %d", int(p))
	}
	return powerNames[p]
}

// ParsePower returns the profile of a name. The error wraps ErrPower.
func ParsePower(name string) (Power, error) {
	if i := slices.Index(powerNames, name); i >= 0 {
		return Power(i), nil
	}
	return 0, fmt.Errorf("%q: %w: there are balanced, performance and background", name, ErrPower)
}

// Pressure is how hot the device is, or how much it wants to save, in the words of Apple's ProcessInfo.ThermalState. Of Android's
// PowerManager, THERMAL_STATUS_LIGHT is fair, MODERATE and SEVERE are serious, and CRITICAL and above are critical.
type Pressure int

// The levels.
const (
	PressureNone     Pressure = iota
	PressureFair              // three of four workers, which park soon
	PressureSerious           // half of the workers, for 60 ms of 100
	PressureCritical          // one worker, for 30 ms of 100
)

// Pin says whether workers are bound to the CPUs that suit them, where the system has that (Linux and Android).
type Pin int

// Whether workers are bound.
const (
	PinAuto Pin = iota // where there are big and little cores, to the big ones
	PinOff
	PinOn // on other machines too, to one hardware thread of each core; only where no other program needs them
)

const dutyCycle = 100 * time.Millisecond

// pacing is what a model's pace follows from.
type pacing struct {
	power    Power
	pressure Pressure
	pin      Pin
}

// pace returns the pace of n workers on a machine.
func (c pacing) pace(machine *topo.Machine, n int) par.Pace {
	p := par.Pace{Workers: n}
	work := dutyCycle
	switch c.power {
	case PowerPerformance:
		p.Spin = par.SpinLong
	case PowerBackground:
		p.Workers, p.Spin = min(n, machine.LittleWorkers()), par.SpinShort
		work = dutyCycle * 3 / 10
	}
	switch {
	case c.pin == PinOff:
	case c.power == PowerBackground && machine.Hybrid():
		p.CPUs = machine.Little()
	case c.power == PowerBackground:
	case machine.Hybrid():
		p.CPUs = machine.Pin(n)
	case c.pin == PinOn:
		p.CPUs = machine.PinCores(n)
	}
	switch c.pressure {
	case PressureFair:
		p.Workers = min(p.Workers, (3*n+3)/4)
		p.Spin = par.SpinShort
	case PressureSerious:
		p.Workers, work = min(p.Workers, (n+1)/2), min(work, dutyCycle*6/10)
	case PressureCritical:
		p.Workers, work = 1, min(work, dutyCycle*3/10)
	}
	if c.pressure > PressureFair {
		p.Spin = par.SpinShort
	}
	if work < dutyCycle {
		p.Work, p.Rest = work, dutyCycle-work
	}
	return p
}

// SetPower changes the profile at once, also while generations run. It may be called from any goroutine. An unknown profile is an
// ErrPower and changes nothing.
func (m *Model) SetPower(p Power) error {
	if p < 0 || int(p) >= len(powerNames) {
		return fmt.Errorf("%v: %w", p, ErrPower)
	}
	m.repace(func(c *pacing) { c.power = p })
	return nil
}

// SetPressure tells the model how hot the device is: workers are left out, and those that work rest in between, from the next task on (some
// hundred make a token). Call it from the system's notification of thermal states, from any goroutine, while generations run. Results
// stay the same to the bit; they come later. A level outside the known ones counts as the nearest.
func (m *Model) SetPressure(p Pressure) {
	m.repace(func(c *pacing) { c.pressure = min(max(p, PressureNone), PressureCritical) })
}

func (m *Model) repace(change func(*pacing)) {
	m.paceMu.Lock()
	defer m.paceMu.Unlock()
	change(&m.pacing)
	m.pool.SetPace(m.pacing.pace(m.machine, m.pool.Workers()))
}
