// Package lab owns the workbench that tests a helper from outside. It creates a home
// with a fake AWS, runs the helper's binary there as a process, measures its time and
// memory, and searches for secrets in places where there must be none.
//
// It never looks into a helper: our helper and others are run in the same way. It may
// import awstest and the standard library, and is in no shipped binary. Its callers are
// the programs in its folder (bench, faultlab, crashsweep, herd) and tests that run the
// built helper.
package lab
