package awstest

import "net/http"

// AddVanity makes a company's host known whose every page redirects to startURL, as a vanity start URL does.
func (a *AWS) AddVanity(host, startURL string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.vanity[host] = startURL
}

// hostOf finds what serves a host name: AWS, or a company's host.
func (a *AWS) hostOf(host string) (target, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state.vanity[host] != "" {
		return target{host: host, service: Vanity}, true
	}
	return parseHost(host)
}

func (a *AWS) toPortal(q *request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return answer{status: http.StatusFound, header: http.Header{"Location": {a.state.vanity[q.host]}}}
}
