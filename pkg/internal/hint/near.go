package hint

import (
	"sort"
	"strings"
)

// Near returns the names that word was probably meant to be, with the most similar name
// first. A name matches if it differs by up to two typing errors (one in a short word),
// or if it starts or ends with word.
func Near(word string, names []string) []string {
	limit := min(2, len([]rune(word))/2)
	distance := map[string]int{}
	var near []string
	for _, name := range names {
		d := edits(strings.ToLower(word), strings.ToLower(name))
		part := len(word) > 1 && (strings.HasPrefix(name, word) || strings.HasSuffix(name, word))
		if d > limit && !part {
			continue
		}
		distance[name] = d
		near = append(near, name)
	}
	sort.SliceStable(near, func(i, j int) bool { return distance[near[i]] < distance[near[j]] })
	return near
}

// edits returns the Levenshtein distance of two words.
func edits(a, b string) int {
	from, to := []rune(a), []rune(b)
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j := range to {
			cost := diagonal
			if from[i] != to[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}
