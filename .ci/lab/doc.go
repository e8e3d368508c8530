// Package lab owns the workbench that helpers are proved on: a home beside a fake
// AWS, a helper's binary run in it as a process with its time and memory measured,
// and the search for secrets where none belongs.
//
// It never looks into a helper: ours and another's stand on the bench alike. It may
// import awstest and the standard library, and ships in no binary. The programs in
// its folder call it (bench, faultlab, crashsweep, herd), and tests that run the
// built helper.
package lab
