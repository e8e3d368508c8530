//go:build linux

package main

// families lists the functions that return the parts of the table.
var families = []func() []fault{
	cacheContents, warmEntries, warmChanges, cacheKinds, cacheModes, homes, cachePlaces, cacheFull, cacheLocks,
	connections, proxies, addresses, endpoints, badAnswers, oddAnswers, throttling,
	services, clocks,
	stdins, stdouts, signals, awsFiles, settingsFiles, dockerFiles, processes, machines,
	populates, logins, strays, callbacks, devices, inGets, keychains, fallbacks, aliases, nodes, herds,
}
