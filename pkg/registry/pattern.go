package registry

import "strings"

// CanMatch reports whether some registry host matches the pattern, in which each *
// stands for a run of characters, perhaps empty, within one label.
func CanMatch(pattern string) bool {
	if !strings.Contains(pattern, "*") {
		r, err := Parse(pattern)
		return err == nil && r.Host == lower(pattern)
	}
	pattern = lower(pattern)
	labels := strings.Split(pattern, ".")
	for _, host := range [...]string{"public.ecr.aws", "ecr-public.aws.com"} {
		if fitLabels(labels, strings.Split(host, ".")) {
			return true
		}
	}
	account, rest := labels[0], labels[1:]
	if !fits(account, repeat(digits, 12)) {
		return false
	}
	for i := range partitions {
		for _, form := range forms {
			if partitions[i].canMatch(rest, form.label, form.dualStack) {
				return true
			}
		}
	}
	return false
}

// canMatch matches the labels behind the account: those of the form, the region, and
// those of the suffix.
func (p *partition) canMatch(labels []string, form string, dualStack bool) bool {
	for _, suffix := range [...]string{p.suffix, p.dualStack} {
		if _, ok := p.under(suffix, dualStack); !ok {
			continue
		}
		front, back := strings.Split(form, "."), strings.Split(suffix, ".")
		n := len(front)
		if len(labels) != n+1+len(back) || !fitLabels(labels[:n], front) || !fitLabels(labels[n+1:], back) {
			continue
		}
		region := labels[n]
		if !strings.Contains(region, "*") {
			found, _, ok := partitionOf(region, suffix, dualStack)
			return ok && found == p
		}
		for _, shape := range p.regions() {
			if fits(region, shape) {
				return true
			}
		}
	}
	return false
}

// regions are the shapes of the partition's region names: PREFIX-word-number, and for
// "aws" what looks like a region to looksLikeRegion.
func (p *partition) regions() (shapes [][]class) {
	word, number := class{lowerLetters + digits, true}, class{digits, true}
	for _, prefix := range p.prefixes {
		shapes = append(shapes, append(literal(prefix+"-"), word, class{"-", false}, number))
	}
	if p != &partitions[0] {
		return shapes
	}
	shape := []class{{lowerLetters, false}, {lowerLetters, true}}
	for range 4 { // words; no region has more than three
		shape = append(shape, class{"-", false}, class{lowerLetters, true})
		shapes = append(shapes, append(shape[:len(shape):len(shape)], class{"-", false}, number))
	}
	return shapes
}

// class is one character of a set, or one and more of them.
type class struct {
	set  string
	more bool
}

func literal(s string) (all []class) {
	for i := range len(s) {
		all = append(all, class{s[i : i+1], false})
	}
	return all
}

func repeat(set string, n int) (all []class) {
	for range n {
		all = append(all, class{set, false})
	}
	return all
}

func fitLabels(globs, labels []string) bool {
	if len(globs) != len(labels) {
		return false
	}
	for i, glob := range globs {
		if !fits(glob, literal(labels[i])) {
			return false
		}
	}
	return true
}

// fits reports whether some text of the shape matches the glob. can[j] tells, for the
// part of the glob that was looked at, from its end, whether it matches the classes
// from j on.
func fits(glob string, shape []class) bool {
	can := make([]bool, len(shape)+1)
	can[len(shape)] = true
	for i := len(glob) - 1; i >= 0; i-- {
		next := make([]bool, len(shape)+1)
		for j := len(shape); j >= 0; j-- {
			switch {
			case glob[i] == '*':
				next[j] = can[j] || j < len(shape) && next[j+1]
			case j < len(shape) && strings.IndexByte(shape[j].set, glob[i]) >= 0:
				next[j] = can[j+1] || shape[j].more && can[j]
			}
		}
		can = next
	}
	return can[0]
}
