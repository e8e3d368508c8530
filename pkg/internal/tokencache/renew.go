package tokencache

import "time"

// RenewAt returns a random time at which a machine renews a login. Machines that started
// together therefore do not renew together. A machine renews its first login at any time
// after the first twelfth of its lifetime (one hour of twelve), which spreads the
// machines over the day. It renews each later login in the login's last hour, which keeps
// the machines spread. jitter returns a random duration from 0 to its argument.
func RenewAt(issued, expires time.Time, first bool, jitter func(time.Duration) time.Duration) time.Time {
	latest := expires.Add(-Margin)
	earliest := expires.Add(-time.Hour)
	if first {
		earliest = issued.Add(expires.Sub(issued) / 12)
	}
	if earliest.Before(issued) {
		earliest = issued
	}
	if !earliest.Before(latest) {
		return latest
	}
	return earliest.Add(jitter(latest.Sub(earliest)))
}
