package awsclient

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// nextDoorTime is how long a connection to a service on this machine may take. What
// is there answers in a millisecond; where nobody is, packets are often dropped,
// and a build should hear soon that it has no credentials.
const nextDoorTime = time.Second

// errNobodyThere ends the tries: who did not take a connection within that time is
// not there.
var errNobodyThere = errors.New("nobody is there")

// amazonLocal is where EC2 and EKS have their IPv6 addresses.
var amazonLocal = netip.MustParsePrefix("fd00:ec2::/32")

// nextDoor reports whether host is an address of the machine's own services:
// 169.254.169.254 (EC2), 169.254.170.2 (ECS), 169.254.170.23 (EKS) and their like.
func nextDoor(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && (a.IsLinkLocalUnicast() || amazonLocal.Contains(a))
}

// notThere marks a connection next door that nobody took in time.
func notThere(host string, err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && nextDoor(host) {
		return fmt.Errorf("%w: %w", errNobodyThere, err)
	}
	return err
}
