package warmfile

import "github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/kernel"

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
	state, _, ok := new(Looker).look(path)
	return File{Path: path, State: string(state)}, ok
}

// LookSettled is Look for a file that is about to be read. now is in Unix nanoseconds. ok
// is also false for a relative path, and for a file that changed less than 2 s ago.
func LookSettled(path string, now int64) (f File, ok bool) {
	state, changed, ok := new(Looker).look(path)
	return File{Path: path, State: string(state)}, ok && path[0] == '/' && changed < now-settled
}

// Looker has the memory for looking at a file. Package warm has a static one.
type Looker struct {
	stat kernel.FileStat
	text [512]byte // the path, then the state; a longer path is copied to the heap
}

// Unchanged reports whether a file still has its state.
func (l *Looker) Unchanged(f File) bool {
	state, _, ok := l.look(f.Path)
	return ok && string(state) == f.State
}

func (l *Looker) look(path string) (state []byte, changed int64, ok bool) {
	if path == "" || has(path, 0) {
		return nil, 0, false
	}
	switch kernel.Stat(append(append(l.text[:0], path...), 0), &l.stat) {
	case 0:
	case kernel.NotExist:
		return append(l.text[:0], Missing...), 0, true
	default:
		return nil, 0, false
	}
	changed = l.stat.Modified.Nano()
	state = l.text[:0]
	for _, v := range []uint64{
		uint64(l.stat.DeviceMajor), uint64(l.stat.DeviceMinor), l.stat.Inode, bits(l.stat.Size), bits(changed), bits(l.stat.Changed.Nano()),
	} {
		if len(state) > 0 {
			state = append(state, '.')
		}
		state = appendHex(state, v)
	}
	return state, changed, true
}

func bits(v int64) uint64 { return uint64(v) } //nolint:gosec // the values are only compared
