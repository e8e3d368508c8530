//go:build linux

package main

// families are the rooms of the table, a file each.
var families = []func() []fault{
	cacheContents, warmEntries, cacheKinds, cacheModes, cachePlaces, cacheFull, cacheLocks,
	connections, proxies, addresses, endpoints, badAnswers, oddAnswers, throttling,
	services, clocks,
	questions, answersLost, signals, awsFiles, settingsFiles, dockerFiles, processes, machines,
	logins, callbacks, devices, inGets, keychains, herds,
}
