// Package warm answers a get from the cache before the rest of the program is
// initialised, when it is sure of the answer, and ends the process.
//
// It exists because merely linking the AWS SDK makes every start two and a half
// times as long as an empty program's: package variables are initialised whether
// they are used or not. Go initialises a package as soon as its imports are, in
// the order of their paths, so an init that needs only syscall runs before those
// of os, net and the SDK. It is the one clever thing in this program.
//
// It only ever reads: the warm entry (package warmfile), the login that it names,
// and the state of the files that the answer hung on. Anything odd, and it has
// done nothing: the normal path answers, and gets what was read of stdin from
// Input. It imports syscall and warmfile, nothing else (floor 1). It acts in any
// program that links it, so the command alone does.
package warm

// input is what was read of stdin, the question in it, and how much that is. A
// longer question than fits is none of ours.
var (
	input  [512]byte
	length int
	ended  bool
)

// Input returns what was read of stdin, and whether that is all there is.
func Input() (data []byte, all bool) { return input[:length], ended }
