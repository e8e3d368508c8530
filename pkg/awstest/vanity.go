package awstest

import "net/http"

// AddVanityHost adds a company host whose pages all redirect to startURL, like a vanity
// start URL.
func (a *AWS) AddVanityHost(host, startURL string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.vanity[host] = startURL
}

// hostOf returns the service behind a host name: an AWS service or a company host.
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
