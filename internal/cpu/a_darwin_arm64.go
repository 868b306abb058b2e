package cpu

// appleSilicon: every Mac and every iPhone since the A11 has SDOT, and x/sys does not look on Apple's systems.
const appleSilicon = true
