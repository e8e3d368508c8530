package credhelper

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsclient"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/safefile"
)

// denial is an AWS response that denies a login to an identity. It is saved next to the
// login's lock for the processes that are waiting for this lock; otherwise, each of them
// would get the same response, one after another. A process that starts later calls AWS
// again, because the permission may have been added. The file contains no secrets.
type denial struct {
	At       time.Time `json:"at"`
	SignIn   string    `json:"signIn"`   // sign-in of the session; another user may have access
	Assigned bool      `json:"assigned"` // false: the role is not assigned to the user
	Service  string    `json:"service"`
	Op       string    `json:"op"`
	Host     string    `json:"host"`
	Code     string    `json:"code"`
	Status   int       `json:"status"`
}

const maxDenial = 4 << 10

// denialPath returns the path of the denial for the login with that lock, or "" without a
// cache directory.
func (r *request) denialPath(name string) string {
	path := r.st.cache.LockPath("get", name)
	if path == "" {
		return ""
	}
	return path + ".denied"
}

// share saves err for the waiting processes if it is a denial.
func (r *request) share(name string, err error) {
	f, ok := errors.AsType[*awsclient.Fault](err)
	path := r.denialPath(name)
	if !ok || path == "" || f.Kind != awsclient.Denied && f.Kind != awsclient.Forbidden {
		return
	}
	data, _ := json.Marshal(denial{r.h.now().UTC(), r.key.SignIn, f.Kind == awsclient.Denied, f.Service, f.Op, f.Host, f.Code, f.Status})
	r.h.log.Debug("denied", "shared", safefile.WriteOwn(path, data) == nil)
}

// deniedSince returns a denial that another process got after this one began to wait.
func (r *request) deniedSince(name string, waiting time.Time) error {
	path := r.denialPath(name)
	if path == "" {
		return nil
	}
	data, err := safefile.ReadOwn(path, maxDenial)
	if err != nil {
		return nil
	}
	var d denial
	if json.Unmarshal(data, &d) != nil || d.SignIn != r.key.SignIn || d.At.Before(waiting) || d.At.After(r.h.now()) {
		return nil
	}
	kind := awsclient.Forbidden
	if d.Assigned {
		kind = awsclient.Denied
	}
	return &awsclient.Fault{Kind: kind, Service: d.Service, Op: d.Op, Host: d.Host, Code: d.Code, Status: d.Status}
}
