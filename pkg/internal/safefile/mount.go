package safefile

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// ExplainReadOnly takes the error of a write to path. If the file system is read-only, it
// adds the mount point and the command that makes the mount writable. It returns other
// errors unchanged.
func ExplainReadOnly(path string, err error) error {
	if !errors.Is(err, syscall.EROFS) {
		return err
	}
	mount, command := readOnlyMount(path)
	if command == "" {
		return err
	}
	return hint.With(fmt.Errorf("%w (%s is mounted read-only)", err, mount), command)
}
