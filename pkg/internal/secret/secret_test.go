package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const canary = "canary-7f3a9c"

type holder struct {
	Public  Secret
	private Secret
	Pointer *Secret
	List    []Secret
	Map     map[string]Secret
}

func TestNoFormatRevealsText(t *testing.T) {
	s := New(canary)
	h := holder{s, s, &s, []Secret{s}, map[string]Secret{"k": s}}
	for _, v := range []any{s, &s, h, &h, errors.Join(fmt.Errorf("token %v", s))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10s", "%.3s"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, canary) || strings.Contains(out, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T shows the text: %s", verb, v, out)
			}
		}
		if out, err := json.Marshal(v); err != nil || bytes.Contains(out, []byte(canary)) {
			t.Errorf("json of %T: %s, %v", v, out, err)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		if strings.Contains(log.String(), canary) {
			t.Errorf("slog of %T: %s", v, log.String())
		}
	}
}

func TestRevealEmptyAndEqual(t *testing.T) {
	if got := New(canary).Reveal(); got != canary {
		t.Errorf("Reveal = %q", got)
	}
	var zero Secret
	if !zero.Empty() || !New("").Empty() || zero.Reveal() != "" || New(canary).Empty() {
		t.Error("the zero value and New(\"\") are the empty secret, nothing else is")
	}
	if !New("a").Equal(New("a")) || New("a").Equal(New("b")) || New("a").Equal(zero) || !zero.Equal(New("")) {
		t.Error("Equal compares the texts")
	}
}
