package safefile

// Repair returns "": file permissions are not repaired by one command here.
func Repair(string, string) string { return "" }
