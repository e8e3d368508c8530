// Package crash handles panics in goroutines. By default, Go ends the process after a panic
// and prints the stack of every goroutine on stderr, which may contain secrets. recover in
// main has no effect on panics in other goroutines. Therefore this package starts all
// goroutines of the program (a test checks that), and the command sets the handler.
//
// It imports only the standard library.
package crash

import "sync/atomic"

var handler atomic.Pointer[func(value any)]

// Handle sets the panic handler. f is called with the value of a panic, in the goroutine
// that panicked. The command calls Handle and ends the process in f. Without a handler,
// as in a program that embeds the helper, the panic continues.
func Handle(f func(value any)) { handler.Store(&f) }

// Go runs f in a goroutine.
func Go(f func()) { go Guard(f)() }

// Guard returns f with panic handling. Use it for functions that start goroutines
// themselves: sync.WaitGroup, time.AfterFunc, context.AfterFunc, net/http.
func Guard(f func()) func() {
	return func() {
		defer Recover()
		f()
	}
}

// Recover handles a panic in the function that defers it.
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
