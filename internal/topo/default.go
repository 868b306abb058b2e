package topo

import "sync"

// Default is this machine, as it was at the first call.
var Default = sync.OnceValue(system)
