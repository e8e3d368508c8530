package warmfile

import "syscall"

// Supported reports whether this system has warm answers.
const Supported = true

// settled is the time, in nanoseconds, that a file must be unchanged before its state is
// reliable. A second change within the same tick of the file system's clock, to the same
// size, would not change the state. FAT has two-second ticks.
const settled = 2e9

// Look returns the state of the file at path after following links: device, inode, size,
// and the times of the last change of its content (mtime) and of its inode (ctime). Any
// normal change of a file changes one of them; a tool that resets mtime changes ctime. ok
// is false if the state cannot be read.
func Look(path string) (f File, ok bool) {
	f, _, ok = look(path)
	return f, ok
}

// LookSettled is Look for a file that is about to be read. now is in Unix nanoseconds. ok
// is also false for a relative path, and for a file that changed less than 2 s ago.
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

func bits(v int64) uint64 { return uint64(v) } //nolint:gosec // the values are only compared
