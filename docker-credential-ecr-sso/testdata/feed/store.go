package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// login is what a store saves for a registry.
type login struct{ ServerURL, Username, Secret string }

// store answers as a credential store does: feed under the name of one, for scripts that run
// where there is no shell. Its logins are in the file that STAND_IN names.
func store(verb string) {
	file := os.Getenv("STAND_IN")
	logins := map[string]login{}
	if data, err := os.ReadFile(file); err == nil {
		check(json.Unmarshal(data, &logins))
	}
	in, err := io.ReadAll(os.Stdin)
	check(err)
	switch verb {
	case "list":
		users := map[string]string{}
		for host, l := range logins {
			users[host] = l.Username
		}
		check(json.NewEncoder(os.Stdout).Encode(users))
		return
	case "get":
		l, ok := logins[string(in)]
		if !ok {
			fmt.Println("credentials not found in native keychain")
			os.Exit(1)
		}
		check(json.NewEncoder(os.Stdout).Encode(l))
		return
	case "store":
		var l login
		check(json.Unmarshal(in, &l))
		logins[l.ServerURL] = l
	case "erase":
		delete(logins, string(in))
	}
	data, err := json.Marshal(logins)
	check(err)
	check(os.WriteFile(file, data, 0o600))
}
