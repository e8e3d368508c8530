package registry

import (
	"slices"
	"strings"
)

// CanMatch reports whether any registry host matches the pattern. Each * matches zero or
// more characters within one label.
func CanMatch(pattern string) bool {
	if !strings.Contains(pattern, "*") {
		reg, err := Parse(pattern)
		return err == nil && reg.Host == lower(pattern)
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

// Patterns returns patterns that match every registry host. Each * represents one label. The
// patterns also match other names, so the caller must parse each match.
func Patterns() []string {
	patterns := []string{"public.ecr.aws", "ecr-public.aws.com"}
	for _, form := range forms {
		for i := range partitions {
			p := &partitions[i]
			for _, suffix := range [...]string{p.suffix, p.dualStack} {
				pattern := "*." + form.label + ".*." + suffix
				if _, ok := p.under(suffix, form.dualStack); ok && !slices.Contains(patterns, pattern) {
					patterns = append(patterns, pattern)
				}
			}
		}
	}
	return patterns
}

// canMatch matches the labels after the account: the labels of the form, the region, and
// the labels of the suffix.
func (p *partition) canMatch(labels []string, form string, dualStack bool) bool {
	for _, suffix := range [...]string{p.suffix, p.dualStack} {
		if _, ok := p.under(suffix, dualStack); !ok {
			continue
		}
		front, back := strings.Split(form, "."), strings.Split(suffix, ".")
		n := len(front)
		if len(labels) == n+1+len(back) && fitLabels(labels[:n], front) && fitLabels(labels[n+1:], back) && p.canBeIn(labels[n]) {
			return true
		}
	}
	return false
}

// canBeIn reports whether any region in the partition matches the glob.
func (p *partition) canBeIn(glob string) bool {
	if !strings.Contains(glob, "*") {
		found, ok := partitionOf(glob)
		return ok && found == p
	}
	return !p.excludes(glob) && slices.ContainsFunc(p.regions(), func(shape []class) bool { return fits(glob, shape) })
}

// regions returns the shapes of the partition's region names; see IsRegion. The shapes for
// "aws" include the geographies that no partition has yet.
func (p *partition) regions() (shapes [][]class) {
	add := func(start []class) {
		shape := append(slices.Clip(start), class{"-", false}, class{lowerLetters, true}, class{"-", false})
		for n := 1; n <= maxNumber; n++ {
			shapes = append(shapes, append(slices.Clip(shape), repeat(digits, n)...))
		}
	}
	for _, prefix := range p.prefixes {
		add(literal(prefix))
	}
	if p != &partitions[0] {
		return shapes
	}
	for n := minGeography; n <= maxGeography; n++ {
		start := repeat(lowerLetters, n)
		for range maxWords {
			add(start)
			start = append(slices.Clip(start), class{"-", false}, class{lowerLetters, true})
		}
	}
	return shapes
}

// excludes reports whether every region that matches the glob is in a partition other than
// "aws". A prefix of two words allows only one more word.
func (p *partition) excludes(glob string) bool {
	if p != &partitions[0] {
		return false
	}
	for _, other := range partitions[1:] {
		for _, prefix := range other.prefixes {
			if strings.Contains(prefix, "-") && strings.HasPrefix(glob, prefix+"-") {
				return true
			}
		}
	}
	return false
}

// class is one character from a set or, with more, one or more characters from it.
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

// fits reports whether any text of the shape matches the glob. It walks the glob backward.
// can[j] reports whether the rest of the glob, from i on, matches the classes from j on.
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
