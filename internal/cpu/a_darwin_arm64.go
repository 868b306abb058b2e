package cpu

// appleSilicon: every Mac and every iPhone since the A11 has SDOT, which systems before macOS 13 do not tell; x/sys asks
// only newer ones. I8MM came with the M2 and the A15, on systems that tell.
const appleSilicon = true
