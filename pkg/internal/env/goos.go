package env

import "runtime"

// GOOS is the system whose directories, certificates and early answers the program uses.
// It is a separate constant so that .ci/mac-sim can test the macOS rules on Linux.
const GOOS = runtime.GOOS
