package awstest

import "net/http"

// AddVanity adds the host of a company. All its pages redirect to startURL, as with a
// vanity start URL.
func (a *AWS) AddVanity(host, startURL string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.vanity[host] = startURL
}

// hostOf finds the service behind a host name: AWS, or the host of a company.
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
