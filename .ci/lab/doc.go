// Package lab tests a helper from outside. It creates a home with a fake AWS, runs the
// helper's binary as a process, measures its time and memory, and searches for secrets in
// prohibited places.
//
// It uses only the binary, so our helper and other helpers run in the same way. It may
// import awstest, the standard library and x/sys, and is not part of a shipped binary.
// The programs in cmd use it (bench, faultlab, crashsweep, herd).
package lab
