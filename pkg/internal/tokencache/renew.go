package tokencache

import "time"

// RenewAt returns a random time at which a machine renews a login, so that machines that
// started together do not renew together. The first login of a machine is renewed at any
// time after its first twelfth (an hour of twelve), which spreads the machines over the
// day, and the later ones within their last hour, which keeps them spread. jitter returns
// a random duration from 0 to its argument.
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
