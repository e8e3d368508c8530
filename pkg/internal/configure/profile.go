package configure

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/awsconfig"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/env"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/hint"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/internal/prompt"
	"github.com/ecr-sso/docker-credential-ecr-sso/pkg/registry"
)

// askProfile asks for the profile's other keys and its name.
func (w *wizard) askProfile(ctx context.Context) (err error) {
	if w.Ask != nil && !w.Region.Given && !w.NoDocker && w.current.Get("region") == "" {
		w.Say("Your registry is " + w.account + ".dkr.ecr.REGION.amazonaws.com. The profile uses the same region.")
	}
	w.region, err = w.ask(ctx, w.Region, prompt.Question{
		Label: "Region", Current: cmp.Or(w.givenRegion(), w.session.Region), Check: checkRegion,
	})
	if err != nil {
		return err
	}
	w.output, err = w.ask(ctx, w.Output, prompt.Question{
		Label: "Output format of the AWS CLI", Empty: "(optional, json if empty)", Current: w.current.Get("output"), Check: checkLine,
	})
	if err != nil {
		return err
	}
	if w.profile = w.named; w.profile != "" {
		return nil
	}
	w.profile, err = w.ask(ctx, w.Profile, prompt.Question{
		Label: "Profile name", Current: w.role + "-" + w.account, Check: w.checkProfile,
	})
	if err == nil {
		w.warnOfProfile(w.profile)
	}
	return err
}

// givenRegion returns the profile's region or else the environment's.
func (w *wizard) givenRegion() string {
	for _, region := range []string{w.current.Get("region"), w.Env.Get(env.AWSRegion), w.Env.Get(env.AWSDefaultRegion)} {
		if checkRegion(region) == nil {
			return region
		}
	}
	return ""
}

// write edits the AWS configuration: the profile, then its session, with the AWS CLI's keys
// in its order.
func (w *wizard) write() error {
	changes := []awsconfig.Change{{Section: awsconfig.SectionProfile, Name: w.profile, Keys: w.profileKeys()}}
	if keys := w.sessionKeys(); keys != nil {
		changes = append(changes, awsconfig.Change{Section: awsconfig.SectionSession, Name: w.session.Name, Keys: keys})
	}
	_, err := awsconfig.Edit(w.Config.Paths.Config, changes...)
	return err
}

func (w *wizard) profileKeys() []awsconfig.Key {
	var keys []awsconfig.Key
	s := w.session
	if s.Name == "" {
		keys = []awsconfig.Key{{Name: "sso_start_url", Value: s.StartURL}, {Name: "sso_region", Value: s.Region}}
	} else {
		keys = append(keys, awsconfig.Key{Name: "sso_session", Value: s.Name})
		// A legacy profile's keys must not contradict the session, or no tool accepts the
		// profile.
		if p, ok := w.Config.Profile(w.profile); ok {
			keys = append(keys, corrected(p.Keys(), "sso_start_url", s.StartURL)...)
			keys = append(keys, corrected(p.Keys(), "sso_region", s.Region)...)
		}
	}
	keys = append(keys, awsconfig.Key{Name: "sso_account_id", Value: w.account}, awsconfig.Key{Name: "sso_role_name", Value: w.role})
	if w.region != "" {
		keys = append(keys, awsconfig.Key{Name: "region", Value: w.region})
	}
	if w.output != "" {
		keys = append(keys, awsconfig.Key{Name: "output", Value: w.output})
	}
	return keys
}

// corrected returns the key with its new value if the profile has a different value.
func corrected(have awsconfig.Keys, name, value string) []awsconfig.Key {
	if had := have.Get(name); had == "" || had == value {
		return nil
	}
	return []awsconfig.Key{{Name: name, Value: value}}
}

// sessionKeys returns the keys of a new session, or the changed keys of a configured one.
func (w *wizard) sessionKeys() []awsconfig.Key {
	if w.session.Name == "" {
		return nil
	}
	var known awsconfig.Session
	if w.known != nil {
		known = *w.known
	}
	var keys []awsconfig.Key
	if known.StartURL != w.session.StartURL {
		keys = append(keys, awsconfig.Key{Name: "sso_start_url", Value: w.session.StartURL})
	}
	if known.Region != w.session.Region {
		keys = append(keys, awsconfig.Key{Name: "sso_region", Value: w.session.Region})
	}
	if w.scopes != "" {
		keys = append(keys, awsconfig.Key{Name: "sso_registration_scopes", Value: w.scopes})
	}
	return keys
}

// sayHowToUse prints the closing lines of `aws configure sso`.
func (w *wizard) sayHowToUse() {
	const command = "aws sts get-caller-identity"
	if w.Ask != nil {
		w.Say("")
	}
	if w.profile == defaultProfile {
		w.Answer("The AWS CLI is now configured to use the default profile.")
		w.Answer("Run the following command to verify your configuration:")
		w.Answer("")
		w.Answer(command)
	} else {
		w.Answer("To use this profile, specify the profile name using --profile, as shown:")
		w.Answer("")
		w.Answer(command + " --profile " + hint.Arg(w.profile))
	}
	w.Answer("")
}

// finish adds the registry to Docker's configuration and gets a login like Docker would.
func (w *wizard) finish(ctx context.Context) error {
	if w.region == "" {
		w.Answer("There is no region, so no registry was added to Docker's configuration. To add one, run:")
		w.Answer(hint.ConfigureDockerCommand(w.account + ".dkr.ecr.REGION.amazonaws.com"))
		return nil
	}
	reg, err := registry.ForAccount(w.account, w.region)
	if err != nil {
		return fmt.Errorf("registry of account %s in region %q: %w", w.account, w.region, err)
	}
	registered, dockerErr := w.register(ctx, reg.Host)
	if w.Verify == nil {
		return dockerErr
	}
	got, err := w.Verify(ctx, reg.Host, w.profile)
	if err != nil {
		if dockerErr != nil {
			w.Say(hint.Line(dockerErr))
		}
		return err
	}
	w.sayVerified(reg.Host, registered, got)
	return dockerErr
}

// register adds the host to Docker's configuration.
func (w *wizard) register(ctx context.Context, host string) (bool, error) {
	if w.NoDocker {
		return false, nil
	}
	report, err := Docker(ctx, DockerInput{Env: w.Env, Hosts: []string{host}})
	if err != nil {
		return false, err
	}
	if report.Changed() {
		w.Answer("Added " + host + " to " + report.Path + " (credHelpers).")
	}
	for _, note := range report.Warnings {
		w.Say("Note: " + hint.Line(hint.With(errors.New(note.Text), note.Next)))
	}
	return true, nil
}

func (w *wizard) sayVerified(host string, registered bool, got Verified) {
	what := host + " answers"
	if registered {
		what = "docker push " + host + "/... is ready"
	}
	until := "login works"
	if !got.Until.IsZero() {
		until = "login until " + got.Until.Local().Format("2006-01-02 15:04")
	}
	w.Answer(fmt.Sprintf("%s: %s (user %s)", what, until, hint.Clean(got.User, 60)))
	if same := got.Account == w.account && got.Role == w.role; got.Profile != w.profile && !same {
		whose := got.Source
		if got.Profile != "" {
			whose = fmt.Sprintf("profile %q by %s", got.Profile, got.Source)
		}
		w.Say(fmt.Sprintf("Note: this login comes from %s, not from profile %q.", hint.Clean(whose, 200), w.profile))
	}
}
