package awsconfig

import "strings"

// configHeader reads a header of the configuration file: [default],
// [profile NAME], [sso-session NAME], [services NAME] and [DEFAULT]; an empty name
// for any other, and for one that is cut off. The AWS CLI looks only at how the
// first word begins.
func configHeader(text string) (kind, name string) {
	inner := trimLeft(text[1:])
	end := strings.IndexAny(inner, " \t]")
	if end < 0 {
		return "", ""
	}
	word := inner[:end]
	name = headerName(strings.TrimLeft(inner[end:], shellBlanks))
	switch {
	case word == "default" && name == "":
		return kindProfile, "default"
	case word == kindDefaults && name == "":
		return kindDefaults, word
	}
	for _, kind := range [...]string{kindProfile, kindSession, kindServices} {
		if strings.HasPrefix(word, kind) {
			return kind, name
		}
	}
	return "", ""
}

// shellBlanks separate the words of a header. The AWS CLI splits it as a shell
// does, so that a no-break space is part of a name.
const shellBlanks = " \t"

// headerName reads the name before the closing bracket: a shell word, as the AWS
// CLI takes it. What is not one word is the name as it is, as in the Go SDK.
func headerName(rest string) string {
	word, tail, ok := shellWord(rest)
	if ok && strings.HasPrefix(strings.TrimLeft(tail, shellBlanks), "]") {
		return word
	}
	name, _, ok := strings.Cut(rest, "]")
	if !ok {
		return ""
	}
	return strings.TrimRight(name, shellBlanks)
}

// shellWord reads one POSIX shell word up to a blank or a bracket outside
// quotes. It fails when a quote is not closed.
func shellWord(s string) (word, tail string, ok bool) {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && (strings.IndexByte(shellBlanks, c) >= 0 || c == ']'):
			return b.String(), s[i:], true
		case c == quote:
			quote = 0
		case c == '\\' && i+1 < len(s) && (quote == 0 || quote == '"' && strings.IndexByte(`"\`, s[i+1]) >= 0):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

// credentialsHeader reads a header of the credentials file, where the whole
// text is the profile's name. [profile NAME] has no place there: the Go SDK
// drops it, and so the sections of the configuration file.
func credentialsHeader(text string) (kind, name string) {
	name, _, ok := strings.Cut(text[1:], "]")
	if name = trim(name); !ok {
		return "", ""
	}
	if name == kindDefaults {
		return kindDefaults, name
	}
	if first, _, many := strings.Cut(name, " "); many {
		switch first {
		case kindProfile, kindSession, kindServices:
			return "", ""
		}
	}
	return kindProfile, name
}
