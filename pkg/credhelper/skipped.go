package credhelper

import (
	"slices"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/profile"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// Our settings and the two AWS files are not needed by every login: keys in the
// environment, web identity, and an SSO profile for what the config file does not say.
// One that cannot be read (the home of another user, a directory that `docker -v`
// made) is skipped for these, and an error for all others: what is in it might choose
// other credentials.

// skip notes files that cannot be read.
func (b *base) skip(h *Helper, why ...error) {
	for _, err := range why {
		h.log.Debug("file skipped", "error", err)
	}
	b.skipped = append(slices.Clip(b.skipped), why...)
}

// choose returns whose credentials answer for the registry, and the steps that led
// there. The error has the person's words.
func (h *Helper) choose(st *state, reg registry.Registry) (profile.Choice, []profile.Step, error) {
	choice, err := profile.Choose(reg, h.env, st.settings, st.config)
	walk := choice.Steps
	if err != nil {
		walk, err = profile.Walk(err), adviseChoice(err, reg, st.config)
	}
	if len(st.skipped) > 0 && (err != nil || !selfSufficient(choice)) {
		err = adviseFiles(st.skipped[0])
	}
	return choice, walk, err
}

// selfSufficient reports whether a file that was skipped cannot change the choice.
func selfSufficient(choice profile.Choice) bool {
	return choice.Kind == profile.SSO || choice.Source == profile.SourceKeys || choice.Source == profile.SourceWebIdentity
}
