// Package crash owns what becomes of a panic in a goroutine. Go ends the process then,
// with a dump of every goroutine on stderr, which may hold secrets; recover in main
// does not see it. So every goroutine of this program is started here (a test holds
// that), and the command says what to do.
//
// It imports the standard library only (floor 0).
package crash

import "sync/atomic"

var handler atomic.Pointer[func(value any)]

// Handle has f called, in the goroutine that panicked, with the value of a panic. It
// is for the command, which ends the process. Without it, as in a program that
// embeds the helper, a panic stays one.
func Handle(f func(value any)) { handler.Store(&f) }

// Go runs f in a goroutine.
func Go(f func()) { go Guard(f)() }

// Guard returns f with its panics handled, for those who start goroutines of their
// own: sync.WaitGroup, time.AfterFunc, context.AfterFunc, net/http.
func Guard(f func()) func() {
	return func() {
		defer Recover()
		f()
	}
}

// Recover handles a panic of the function that defers it.
func Recover() {
	value := recover()
	if value == nil {
		return
	}
	if f := handler.Load(); f != nil {
		(*f)(value)
	}
	panic(value)
}
