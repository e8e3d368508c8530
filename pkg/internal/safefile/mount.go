package safefile

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
)

// ExplainReadOnly adds the mount and the command that makes it writable to the error of a
// write to path on a read-only file system. Other errors stay as they are.
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
