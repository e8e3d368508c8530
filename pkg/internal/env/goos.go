package env

import "runtime"

// GOOS is the system whose directories, certificates and early answers the program uses.
// It is a constant of its own so that .ci/mac-sim can test the rules of macOS on Linux.
const GOOS = runtime.GOOS
