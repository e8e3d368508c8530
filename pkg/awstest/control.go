package awstest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// ControlHelp lists the requests that Control accepts. Programs print it in their help.
const ControlHelp = `  GET  /calls[?op=OP]        the calls as JSON; with op, the number of calls
  GET  /connections          the CONNECT requests as JSON
  GET  /secrets              all issued secrets, one per line, to search outputs for them
  POST /reset                clear the logged calls and connections
  POST /fault?op=OP&kind=K   make OP fail (an operation, a service, or *); optional: times=N status=N code=C message=M
                             delay=D skew=D size=N location=URL retry-after=V host=HOST body=TEXT
  POST /clear-faults         end all faults
  POST /signin[?start-url=U&region=R][&key=SESSION][&refresh=false]
                             sign in (default: to the only instance); writes the token file of SESSION (default: -session)
  POST /user?name=N          set the user for the following sign-ins
  POST /expire?what=W        session | tokens (401, a refresh works) | clients | keys | passwords
  POST /deny?account=A[&role=R]   portal: 403 for the role
  POST /deny-ecr?account=A        ECR: AccessDeniedException
  POST /approve-device[?code=C]   approve a device code
  POST /deny-device[?code=C]      deny a device code
  POST /advance?by=D         move the service clock (90m, -6m, 13h)
  POST /organization?accounts=N&role=R[&role=R]...   add accounts 100000000000 and up
  POST /limit?rate=N&burst=N[&retry-after=V]   portal: N calls per second; rate=0: no limit
  POST /browse?url=U         open a page like a browser, and approve it
`

// Control serves the requests in ControlHelp on a loopback port until Close, and returns
// the URL of that server. cmd/awstest uses it for scripts. After each new sign-in (POST
// /signin), Control calls save with the token and the key that names its token file; save
// may be nil.
func (a *AWS) Control(save func(key string, t SSOToken)) (baseURL string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	m := http.NewServeMux()
	get := func(path string, do func(url.Values) any) {
		m.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { reply(w, do(r.URL.Query())) })
	}
	post := postFunc(func(path string, do func(url.Values) error) {
		m.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			if err := do(r.URL.Query()); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		})
	})
	get("/calls", func(v url.Values) any {
		if op := v.Get("op"); op != "" {
			return a.Calls(Op(op))
		}
		return a.Log()
	})
	get("/connections", func(url.Values) any { return a.Connections() })
	m.HandleFunc("GET /secrets", func(w http.ResponseWriter, _ *http.Request) {
		for _, s := range a.Secrets() {
			io.WriteString(w, s+"\n")
		}
	})
	a.controlFaults(post)
	a.controlUsers(post, save)
	a.controlTime(post)
	m.HandleFunc("POST /browse", func(w http.ResponseWriter, r *http.Request) {
		if err := a.Browse(r.Context(), r.URL.Query().Get("url")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
	})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.serveHTTP(l, m)
	return "http://" + l.Addr().String(), nil
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.Encode(v)
}

// postFunc registers a request that changes the fake. If do returns an error, the response
// is 400.
type postFunc func(path string, do func(url.Values) error)

// always registers a request that cannot fail.
func (post postFunc) always(path string, do func(url.Values)) {
	post(path, func(v url.Values) error { do(v); return nil })
}

// controlFaults registers the requests that make calls fail.
func (a *AWS) controlFaults(post postFunc) {
	post("/fault", func(v url.Values) error {
		f, err := parseFault(v)
		if err == nil {
			a.Fail(Op(v.Get("op")), f)
		}
		return err
	})
	post.always("/clear-faults", func(url.Values) { a.ClearFaults() })
	post.always("/deny", func(v url.Values) { a.DenyRole(v.Get("account"), v.Get("role")) })
	post.always("/deny-ecr", func(v url.Values) { a.DenyECR(v.Get("account")) })
	post("/limit", func(v url.Values) error {
		rate, err := strconv.ParseFloat(v.Get("rate"), 64)
		burst := max(int(rate), 1)
		if s := v.Get("burst"); s != "" && err == nil {
			burst, err = strconv.Atoi(s)
		}
		if err == nil {
			a.Limit(Portal, rate, burst, v.Get("retry-after"))
		}
		return err
	})
}

// controlUsers registers the requests of users: sign-ins, device codes, accounts.
func (a *AWS) controlUsers(post postFunc, save func(string, SSOToken)) {
	post.always("/user", func(v url.Values) { a.SetUser(v.Get("name")) })
	found := func(ok bool) error {
		if !ok {
			return errors.New("no device code is pending")
		}
		return nil
	}
	post("/approve-device", func(v url.Values) error { return found(a.ApproveDevice(v.Get("code"))) })
	post("/deny-device", func(v url.Values) error { return found(a.DenyDevice(v.Get("code"))) })
	post("/signin", func(v url.Values) error {
		where := instance{v.Get("start-url"), v.Get("region")}
		if where.startURL == "" {
			where = a.onlyInstance()
		}
		if where.startURL == "" || where.region == "" {
			return errors.New("start-url and region are required")
		}
		t := a.SignIn(where.startURL, where.region, v.Get("refresh") != "false")
		if save != nil {
			save(v.Get("key"), t)
		}
		return nil
	})
	post("/organization", func(v url.Values) error {
		n, err := strconv.Atoi(v.Get("accounts"))
		if err == nil {
			a.AddOrganization(n, v["role"]...)
		}
		return err
	})
}

// controlTime registers the requests that expire credentials, move the clock or clear the log.
func (a *AWS) controlTime(post postFunc) {
	expire := map[string]func(){"session": a.ExpireSession, "tokens": a.RevokeSession, "clients": a.ExpireClients, "keys": a.ExpireKeys,
		"passwords": a.ExpirePasswords}
	post("/expire", func(v url.Values) error {
		do := expire[v.Get("what")]
		if do == nil {
			return fmt.Errorf("what=%q is not one of session, tokens, clients, keys, passwords", v.Get("what"))
		}
		do()
		return nil
	})
	post("/advance", func(v url.Values) error {
		d, err := time.ParseDuration(v.Get("by"))
		if err == nil {
			a.Advance(d)
		}
		return err
	})
	post.always("/reset", func(url.Values) { a.ResetLog() })
}

// onlyInstance returns the only instance, or the zero value if there are none or several.
func (a *AWS) onlyInstance() (one instance) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.state.instances {
		one = i
	}
	if len(a.state.instances) != 1 {
		return instance{}
	}
	return one
}

// parseFault reads a fault from the parameters of POST /fault. It rejects unknown kinds and
// operations.
func parseFault(v url.Values) (Fault, error) {
	f := Fault{Kind: Kind(v.Get("kind")), Host: v.Get("host"), Code: v.Get("code"), Message: v.Get("message"), Body: v.Get("body"),
		Location: v.Get("location"), RetryAfter: v.Get("retry-after")}
	if f.Kind == "" {
		f.Kind = Status
	}
	if !slices.Contains(Kinds(), f.Kind) || f.Kind == Rewrite {
		return f, fmt.Errorf("unknown fault %q; known: %v", f.Kind, Kinds())
	}
	if !Op(v.Get("op")).known() {
		return f, fmt.Errorf("unknown operation %q", v.Get("op"))
	}
	var err error
	number := func(key string, to *int) {
		if s := v.Get(key); s != "" && err == nil {
			*to, err = strconv.Atoi(s)
		}
	}
	duration := func(key string, to *time.Duration) {
		if s := v.Get(key); s != "" && err == nil {
			*to, err = time.ParseDuration(s)
		}
	}
	number("times", &f.Times)
	number("status", &f.Status)
	duration("delay", &f.Delay)
	duration("skew", &f.Skew)
	if s := v.Get("size"); s != "" && err == nil {
		f.Size, err = strconv.ParseInt(s, 10, 64)
	}
	return f, err
}
