package credhelper

import (
	"path/filepath"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/tokencache"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/warmfile"
)

// look looks at files that are about to be read. From what was read one can only
// tell whether they are unchanged if the look came first, and if they had been
// left alone for a while; otherwise there is no warm entry this time.
func (h *Helper) look(s *looks, paths ...string) {
	for _, path := range paths {
		if s.unsure {
			return
		}
		file, ok := warmfile.LookSettled(path, h.now().UnixNano())
		s.files, s.unsure = append(s.files, file), !ok
	}
}

// looks are what was seen of the files that a choice is made from.
type looks struct {
	files  []warmfile.File
	unsure bool
}

// remember leaves the warm entry of an answer, and returns the answer.
func (h *Helper) remember(st *state, from looks, entry tokencache.Entry) tokencache.Entry {
	if from.unsure {
		return entry
	}
	environment, dir, ok := warmfile.Environment(h.env.Named)
	if !ok || filepath.Clean(dir) != filepath.Clean(h.env.CacheDir()) {
		return entry
	}
	if err := st.cache.Remember(entry, environment, from.files); err != nil {
		h.log.Debug("not warm", "registry", entry.Host, "error", err)
	}
	return entry
}
