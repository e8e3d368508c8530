package warmfile

import "syscall"

// Supported tells whether this system has warm answers at all.
const Supported = true

// settled is how long a file must have been left alone before a look at it is
// worth anything: one changed again within the same tick of its file system's
// clock, to the same size, would look the same. FAT ticks every two seconds.
const settled = 2e9

// Look returns the state of the file at path, links followed: device, inode,
// size, and the times of the last change of content and of anything. Every usual
// way to change a file changes one of them; a tool that sets the first time back
// moves the second. ok is false for what cannot be looked at.
func Look(path string) (f File, ok bool) {
	f, _, ok = look(path)
	return f, ok
}

// LookSettled is Look for a file that is about to be read, now being Unix
// nanoseconds. ok is false also for a file that changed less than 2 s ago, and
// for a relative path.
func LookSettled(path string, now int64) (f File, ok bool) {
	f, changed, ok := look(path)
	return f, ok && path[0] == '/' && changed < now-settled
}

func look(path string) (f File, changed int64, ok bool) {
	if path == "" {
		return File{}, 0, false
	}
	var st syscall.Stat_t
	switch err := syscall.Stat(path, &st); {
	case err == syscall.ENOENT:
		return File{Path: path, State: Missing}, 0, true
	case err != nil:
		return File{}, 0, false
	}
	changed = st.Mtim.Nano()
	state := hex(uint64(st.Dev)) + "." + hex(st.Ino) + "." + hex(bits(st.Size)) + "." + //nolint:unconvert // Dev is shorter on some machines
		hex(bits(changed)) + "." + hex(bits(st.Ctim.Nano()))
	return File{Path: path, State: state}, changed, true
}

func bits(v int64) uint64 { return uint64(v) } //nolint:gosec // they are compared, not counted
