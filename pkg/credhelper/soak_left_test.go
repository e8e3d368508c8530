package credhelper_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing/synctest"
)

// mayGrow is how much the heap may grow from the first third of the day to the second and
// the third. The fake AWS stores everything that it issued: 0.5 MiB.
const mayGrow = 1 << 20

// resources are things that can leak, in addition to memory and files.
type resources struct{ goroutines, connections, descriptors int }

// nothingLeft checks between two ticks that nothing has leaked since the start and that the
// caches contain at most one file of each kind.
func (s *soak) nothingLeft(n int) {
	s.Helper()
	synctest.Wait()
	now, list := s.resources()
	if n == 0 {
		s.before = now
	}
	// Sockets of earlier tests may still be closing.
	if now.descriptors < s.before.descriptors {
		s.before.descriptors = now.descriptors
	}
	if now != s.before {
		s.Fatalf("tick %d: %+v, at the start %+v\n%s", n, now, s.before, list)
	}
	// Per registry: an entry, a warm entry and a lock. Per stored login: an entry and a
	// warm entry. Per role: a file and a lock. Per session: a token, a registration, two
	// locks and a refusal. Also config and swept.
	most := 3*len(s.places) + 2 + 2*len(s.roles) + 5*len(s.sessions) + 2
	if files := s.files(); len(files) > most {
		s.Fatalf("tick %d: %d files, want at most %d:\n%s", n, len(files), most, strings.Join(files, "\n"))
	}
	switch heap := s.inUse(n); {
	case n == soakTicks/3:
		s.heap = heap
	case n == soakTicks && heap > s.heap+mayGrow:
		s.Errorf("heap grew from %d to %d bytes", s.heap, heap)
	}
}

// resources counts the resources and lists the goroutines of this test.
func (s *soak) resources() (resources, string) {
	if s.stacks == nil {
		s.stacks = make([]byte, 1<<20)
	}
	var ours []string
	for g := range strings.SplitSeq(string(s.stacks[:runtime.Stack(s.stacks, true)]), "\n\n") {
		if header, _, _ := strings.Cut(g, "\n"); strings.Contains(header, "synctest bubble") {
			ours = append(ours, g)
		}
	}
	now := resources{goroutines: len(ours), connections: s.aws.OpenConnections()}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil { // Linux
		now.descriptors = len(open)
	}
	return now, strings.Join(ours, "\n\n")
}

func (s *soak) files() []string {
	var files []string
	_ = filepath.WalkDir(s.home.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	return files
}

// inUse returns the heap size after garbage collection, at the ticks where it is compared.
func (s *soak) inUse(n int) uint64 {
	if n != soakTicks/3 && n != soakTicks {
		return 0
	}
	runtime.GC()
	runtime.GC() // free memory held by finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.Logf("tick %d: %d KiB of heap, %d files", n, m.HeapAlloc>>10, len(s.files()))
	return m.HeapAlloc
}
