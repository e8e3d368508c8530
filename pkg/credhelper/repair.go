package credhelper

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// repairable adds the reason to the error of reading a file, and the command that fixes
// it. ok is false if the owner and the mode are right.
func repairable(path string, err error) (error, bool) {
	if !errors.Is(err, fs.ErrPermission) {
		return err, false
	}
	why, command := safefile.Repair(path, "")
	if command == "" {
		return err, false
	}
	return hint.With(fmt.Errorf("%w: %s", err, why), command), true
}

// unreadable words a token file that the system does not let us read; ok is false
// for other errors.
func (r *request) unreadable(err error) (error, bool) {
	fixed, ok := repairable(r.tokenFile, err)
	if !ok {
		return err, false
	}
	text := fmt.Sprintf("SSO token of session %s cannot be read: %v", r.sessionName(), errors.Unwrap(fixed))
	return hint.With(&cause{text, []error{ErrNotSignedIn, err}}, hint.Next(fixed)...), true
}

// notRenewed words a token file that cannot be replaced, so that the session was not
// renewed; ok is false for other errors, such as those of AWS.
func (r *request) notRenewed(err error) (error, bool) {
	if _, fault := errors.AsType[*awsclient.Fault](err); fault {
		return err, false
	}
	why, next := safefile.Repair(r.tokenFile, hint.LoginCommand(r.sso.Session, r.sso.Profile)+" --if-needed")
	next = cmp.Or(next, hint.DoctorCommand(r.reg.Host))
	switch {
	case why != "" && errors.Is(err, fs.ErrPermission):
		err = fmt.Errorf("%w: %s", err, why)
	case errors.Is(err, safefile.ErrNotTrusted):
	case errors.Is(err, syscall.EROFS):
		next = hint.LoginCommand(r.sso.Session, r.sso.Profile) // where the file system can be written to
		err = fmt.Errorf("%w; sign in where it can be written", err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOSPC):
	default:
		return err, false
	}
	text := fmt.Sprintf("SSO session %s has to be renewed, and its token file cannot be written: %v", r.sessionName(), err)
	return hint.With(&cause{text, []error{err}}, next), true
}
