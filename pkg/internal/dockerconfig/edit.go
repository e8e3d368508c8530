package dockerconfig

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Docker's own layout, for a file that has none yet.
const (
	dockerIndent = "\t"
	dockerColon  = ": "
)

// set makes host's entry name helper. Only the bytes of that entry change, or
// are inserted in the layout of what surrounds them.
func set(data []byte, host, helper string) ([]byte, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	d, err := outline(data)
	if err != nil {
		return nil, err
	}
	l := d.layout()
	if !d.hasHelpers {
		entry := quote("credHelpers") + l.colon + l.wrap(quote(host)+l.colon+quote(helper), 1)
		if len(d.top.members) == 0 {
			return splice(data, span{d.top.open, d.top.close + 1}, l.wrap(entry, 0)), nil
		}
		return after(data, d.top, entry, l), nil
	}
	for _, m := range d.helpers.members {
		if m.name == host {
			return splice(data, m.value, quote(helper)), nil
		}
	}
	entry := quote(host) + l.colon + quote(helper)
	if len(d.helpers.members) == 0 {
		return splice(data, span{d.helpers.open, d.helpers.close + 1}, l.wrap(entry, 1)), nil
	}
	return after(data, d.helpers, entry, l), nil
}

// remove drops host's entry, and credHelpers with its last one, as docker's own
// save would. So removing what set added gives the old bytes back.
func remove(data []byte, host string) ([]byte, error) {
	d, err := outline(data)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(d.helpers.members, func(m member) bool { return m.name == host })
	switch {
	case i < 0:
		return data, nil
	case len(d.helpers.members) > 1:
		return without(data, d.helpers, i), nil
	default:
		return without(data, d.top, d.helpersAt), nil
	}
}

// without cuts member i out, with the comma that parted it from its neighbour.
func without(data []byte, o object, i int) []byte {
	switch {
	case len(o.members) == 1:
		return splice(data, span{o.open + 1, o.close}, "")
	case i > 0:
		return splice(data, span{o.members[i-1].value.to, o.members[i].value.to}, "")
	default:
		return splice(data, span{o.members[0].key.from, o.members[1].key.from}, "")
	}
}

// after adds entry behind the object's last member, parted as its members are.
func after(data []byte, o object, entry string, l layout) []byte {
	last := o.members[len(o.members)-1]
	first := string(data[o.open+1 : o.members[0].key.from])
	gap := first
	if len(o.members) > 1 {
		between := data[o.members[len(o.members)-2].value.to:last.key.from]
		gap = string(between[bytes.IndexByte(between, ',')+1:])
	} else if gap == "" && strings.HasSuffix(l.colon, " ") {
		gap = " "
	}
	return splice(data, span{last.value.to, last.value.to}, ","+gap+entry)
}

// layout is how the file is written.
type layout struct {
	newline string // "" when all stands on one line
	indent  string // one level
	colon   string // with the blanks around it
}

func (d document) layout() layout {
	l := layout{newline: "\n", indent: dockerIndent, colon: dockerColon}
	if bytes.Contains(d.data, []byte("\r\n")) {
		l.newline = "\r\n"
	}
	if len(d.top.members) == 0 {
		return l
	}
	first := d.top.members[0]
	l.colon = string(d.data[first.key.to:first.value.from])
	if strings.ContainsAny(l.colon, "\r\n") {
		l.colon = dockerColon
	}
	lead := string(d.data[d.top.open+1 : first.key.from])
	i := strings.LastIndexByte(lead, '\n')
	if i < 0 {
		l.newline, l.indent = "", ""
		return l
	}
	l.indent = lead[i+1:]
	return l
}

// wrap puts braces around an entry; depth is the level of the closing one.
func (l layout) wrap(entry string, depth int) string {
	if l.newline == "" {
		return "{" + entry + "}"
	}
	return "{" + l.newline + strings.Repeat(l.indent, depth+1) + entry +
		l.newline + strings.Repeat(l.indent, depth) + "}"
}

func splice(data []byte, at span, text string) []byte {
	return slices.Concat(data[:at.from], []byte(text), data[at.to:])
}

// quote is for names that check has passed: ASCII, nothing to escape.
func quote(s string) string {
	text, _ := json.Marshal(s) // a string always marshals
	return string(text)
}
