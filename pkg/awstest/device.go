package awstest

import (
	"fmt"
	"time"
)

// device is a pending device authorization.
type device struct {
	client, userCode, startURL string
	user                       string // the user who approved it
	approved, refused          bool
	used                       bool
	expires                    time.Time
}

func (a *AWS) startDevice(q *request) answer {
	var in struct{ ClientID, ClientSecret, StartURL string }
	if !q.decode(&in) || in.StartURL == "" {
		return q.fail(400, "invalid_request", "")
	}
	a.key(q, in.StartURL)
	a.mu.Lock()
	defer a.mu.Unlock()
	c, bad := a.clientOf(q, in.ClientID, in.ClientSecret)
	switch {
	case c == nil:
		return bad
	case !a.hasInstance(in.StartURL, q.region):
		return q.fail(400, "invalid_request", "Invalid start url provided")
	case !c.may(grantDevice):
		return q.fail(400, "unauthorized_client", "")
	}
	id, userCode := a.secret("", 87), random32(4)+"-"+random32(4)
	a.state.devices[id] = &device{client: c.id, userCode: userCode, startURL: in.StartURL, approved: a.opt.AutoApprove, user: a.state.user,
		expires: a.Now().Add(a.opt.DeviceCodeTTL)}
	region := a.state.instances[trimURL(in.StartURL)].region
	page := fmt.Sprintf("https://device.sso.%s.%s/", region, partitionOf(region).dns)
	return q.ok(object{
		"deviceCode": id, "userCode": userCode, "verificationUri": page, "verificationUriComplete": page + "?user_code=" + userCode,
		"expiresIn": int(a.opt.DeviceCodeTTL.Seconds()), "interval": deviceInterval,
	})
}

// deviceInterval is the number of seconds between polls that StartDeviceAuthorization requests.
const deviceInterval = 1

// ApproveDevice approves a user code ("": all pending codes) and reports whether it found one.
func (a *AWS) ApproveDevice(userCode string) bool {
	return a.decide(userCode, func(d *device) { d.approved, d.user = true, a.state.user })
}

// DenyDevice denies a user code ("": all pending codes) and reports whether it found one.
func (a *AWS) DenyDevice(userCode string) bool {
	return a.decide(userCode, func(d *device) { d.refused = true })
}

func (a *AWS) decide(userCode string, how func(*device)) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := false
	for _, d := range a.state.devices {
		if (userCode == "" || d.userCode == userCode) && !d.used && a.Now().Before(d.expires) {
			how(d)
			found = true
		}
	}
	return found
}

// approvePage is the verification page, opened by a user who approves at once. Only
// verificationUriComplete contains the code.
func (a *AWS) approvePage(q *request) answer {
	page := func(text string) answer {
		return answer{status: 200, header: typed("text/html"), body: []byte("<html><body>" + text + "</body></html>")}
	}
	if code := q.URL.Query().Get("user_code"); code != "" && a.ApproveDevice(code) {
		return page("Request approved")
	}
	return page("Enter the code displayed on your device")
}

// redeemDevice handles a CreateToken poll. Call with mu held.
func (a *AWS) redeemDevice(q *request, c *client, id string) answer {
	d := a.state.devices[id]
	switch {
	case d == nil || d.client != c.id || d.used:
		return q.fail(400, "invalid_grant", "Invalid device code provided")
	case !a.Now().Before(d.expires):
		return q.fail(400, "expired_token", "Device code has expired")
	case d.refused:
		return q.fail(400, "access_denied", "")
	case !d.approved:
		return q.fail(400, "authorization_pending", "")
	}
	d.used = true
	s := a.newSession(d.user, a.state.instances[trimURL(d.startURL)].region)
	return q.ok(a.grant(s, c, c.refreshes(grantDevice)))
}
