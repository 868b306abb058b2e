package topo

import "fmt"

// darwin finds out about an Apple machine from its sysctls: level 0 has the fastest cores. IDs mean nothing there, since no
// thread can be bound to a CPU; and a process cannot be kept from any.
func darwin(model string, cpus int, number func(name string) int) *Machine {
	m := Flat(cpus)
	m.Model = model
	id, core, levels := 0, 0, min(number("hw.nperflevels"), 8)
	for level := range levels {
		logical := number(fmt.Sprintf("hw.perflevel%d.logicalcpu", level))
		physical := number(fmt.Sprintf("hw.perflevel%d.physicalcpu", level))
		if physical < 1 || logical < physical || id+logical > len(m.CPUs) {
			return flatNamed(model, cpus)
		}
		for i := range logical {
			c := &m.CPUs[id]
			c.Core, c.Little = core+i%physical, level > 0
			if c.Little {
				c.Speed = 0.4 // nothing tells; what matters is that it is less
			}
			id++
		}
		core += physical
	}
	if id > 0 && id != len(m.CPUs) {
		return flatNamed(model, cpus)
	}
	if levels > 0 {
		return m
	}
	if physical := number("hw.physicalcpu"); physical > 0 && physical < cpus { // Intel
		for i := range m.CPUs {
			m.CPUs[i].Core = i % physical
		}
	}
	return m
}

func flatNamed(model string, cpus int) *Machine {
	m := Flat(cpus)
	m.Model = model
	return m
}
